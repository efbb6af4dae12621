from __future__ import annotations

import pathlib

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanwarden.exporters.base import Notice
from spanwarden.otlp.requests import decode_traces
from spanwarden.policy.loading import load
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.corridor import Corridor
from spanwarden.service.metrics import Telemetry
from spanwarden.service.verdicts import Judge
from spanwarden.storage.journal import Entry, MemoryJournal

TRACE = b"t" * 16


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return int(self.now * 1e9)


def spans(*spans: tuple[int, int, str, str]) -> bytes:
    """Encode spans given as (id, parent id or 0, operation, tool)."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, parent, operation, tool in spans:
        span = scope.spans.add(trace_id=TRACE, span_id=number.to_bytes(8, "big"), name=operation)
        span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        span.start_time_unix_nano, span.end_time_unix_nano = number * 10, number * 10 + 5
        pairs = {"gen_ai.operation.name": operation, "gen_ai.tool.name": tool, "gen_ai.agent.name": "bot"}
        span.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in pairs.items() if v)
    return message.SerializeToString()


class Bench:
    def __init__(self, tmp_path: pathlib.Path, policy: str = "name: p\nforbidden_tools: [drop_table]\n") -> None:
        file = tmp_path / "p.yaml"
        file.write_text(policy)
        self.clock = FakeClock()
        self.telemetry = Telemetry()
        self.journal = MemoryJournal(1 << 20)
        self.told: list[Notice] = []
        self.windows = Windows(WindowSettings(settle=2, idle_timeout=60, grace=600))
        judge = Judge([load(str(file))], self.telemetry, self.clock)
        self.corridor = Corridor(
            self.journal, self.windows, judge, self.told.append, self.telemetry, self.clock, max_pending=1 << 20
        )

    def receive(self, body: bytes) -> None:
        position = self.journal.append(Entry("traces", 0, body)).result()
        self.corridor.hand_over(position, decode_traces(body), len(body))
        self.corridor.step()

    def at(self, now: float) -> list[Notice]:
        self.clock.now = now
        self.corridor.step()
        told, self.told[:] = list(self.told), []
        return told

    def findings(self, now: float) -> list[str]:
        return [n.findings[0].rule for n in self.at(now) if n.kind == "finding"]


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def test_a_run_is_judged_after_it_settled(bench: Bench) -> None:
    bench.receive(spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", "")))
    assert bench.at(1.9) == []
    finding, evaluation = bench.at(2.0)
    assert (finding.kind, finding.findings[0].rule, finding.status) == ("finding", "tool-forbidden", "new")
    assert (evaluation.kind, evaluation.run.agent, evaluation.run.completeness) == ("evaluation", "bot", "root_ended")
    assert [s.span_id for s in finding.subjects] == [(2).to_bytes(8, "big").hex()]
    assert bench.telemetry.value("spanwarden_findings", policy="p", rule="tool-forbidden", severity="high") == 1
    assert 'spanwarden_rule_seconds_total{policy="p",rule="tool-forbidden"}' in bench.telemetry.exposition().decode()


def test_what_was_told_is_not_told_again_and_news_is(bench: Bench) -> None:
    bench.receive(spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", "")))
    assert bench.findings(2) == ["tool-forbidden"]
    bench.receive(spans((3, 1, "execute_tool", "read_file")))
    second = bench.at(5)
    assert [n.kind for n in second] == ["evaluation"]
    assert second[0].revision == 2
    bench.receive(spans((4, 1, "execute_tool", "drop_table")))
    assert bench.findings(9) == ["tool-forbidden"]
    assert bench.telemetry.value("spanwarden_late_records") == 2


def test_a_request_of_no_agent_leaves_the_journal_when_its_trace_is_quiet(bench: Bench) -> None:
    bench.receive(spans((2, 1, "", ""), (1, 0, "", "")))
    assert bench.journal.size() > 0
    assert bench.at(100) == []
    assert bench.journal.size() == 0


def test_a_request_that_cannot_be_read_leaves_the_journal_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Windows, "add", lambda *_: 1 / 0)
    bench.receive(spans((1, 0, "invoke_agent", "")))
    assert bench.journal.size() == 0
    assert bench.telemetry.value("spanwarden_processing_errors") == 1


def test_the_journal_is_emptied_when_the_grace_of_its_runs_is_over(bench: Bench) -> None:
    bench.receive(spans((2, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", "")))
    bench.at(2)
    held = bench.journal.size()
    bench.at(700)
    assert bench.journal.size() == 0
    assert len(bench.windows) == 0
    assert held >= 0


def test_a_policy_that_fails_on_one_run_does_not_stop_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(Judge, "judge", fail)
        bench.receive(spans((1, 0, "invoke_agent", "")))
        assert bench.at(2) == []
    assert bench.telemetry.value("spanwarden_processing_errors") == 1
    assert "could not be judged" in caplog.text
    bench.receive(spans((2, 1, "execute_tool", "drop_table")))
    assert bench.findings(10) == ["tool-forbidden"]


def test_room_is_counted_in_bytes_and_one_request_always_fits(bench: Bench) -> None:
    assert bench.corridor.has_room(1 << 30)
    body = spans((1, 0, "invoke_agent", ""))
    bench.corridor.hand_over(0, decode_traces(body), 1 << 20)
    assert not bench.corridor.has_room(1)
    bench.corridor.step()
    assert bench.corridor.has_room(1)


def test_stopping_decides_what_is_open(bench: Bench) -> None:
    bench.corridor.start()
    body = spans((2, 1, "execute_tool", "drop_table"))
    bench.corridor.hand_over(0, decode_traces(body), len(body))
    bench.corridor.stop()
    assert [n.kind for n in bench.told] == ["finding", "evaluation"]
    assert bench.told[1].run.completeness == "forced"
