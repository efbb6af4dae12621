from __future__ import annotations

import pathlib
from collections.abc import Sequence

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanwarden.exporters.base import ExporterSettings, Notice, NoticeKind, RunSummary
from spanwarden.otlp.requests import decode_traces
from spanwarden.policy.loading import load
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.corridor import Corridor
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.outlets import Outlets
from spanwarden.service.recording import Judged, as_text, packed
from spanwarden.service.verdicts import Judge
from spanwarden.storage.journal import Entry, MemoryJournal
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.recalling import told

TRACE = b"t" * 16


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return int(self.now * 1e9)


def spans(*spans: tuple[int, int, str, str], trace: bytes = TRACE) -> bytes:
    """Encode spans given as (id, parent id or 0, operation, tool)."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, parent, operation, tool in spans:
        span = scope.spans.add(trace_id=trace, span_id=number.to_bytes(8, "big"), name=operation)
        span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        span.start_time_unix_nano, span.end_time_unix_nano = number * 10, number * 10 + 5
        pairs = {"gen_ai.operation.name": operation, "gen_ai.tool.name": tool, "gen_ai.agent.name": "bot"}
        span.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in pairs.items() if v)
    return message.SerializeToString()


class Keeper:
    """An exporter that wants everything; what it is to be told is read from the outbox."""

    wants: frozenset[NoticeKind] = frozenset({"finding", "evaluation"})
    max_batch = 1

    def deliver(self, notices: Sequence[Notice]) -> None:
        raise AssertionError

    def close(self) -> None:
        pass


class Bench:
    def __init__(
        self,
        tmp_path: pathlib.Path,
        policy: str = "name: p\nforbidden_tools: [drop_table]\n",
        ledger: Ledger | None = None,
    ) -> None:
        file = tmp_path / "p.yaml"
        file.write_text(policy)
        self.clock = FakeClock()
        self.telemetry = Telemetry()
        self.journal = MemoryJournal(1 << 20)
        self.ledger = ledger or Ledger(None)
        outlets = Outlets(self.ledger, Lifetime(self.ledger, self.clock), self.telemetry, self.clock)
        outlets.add("keeper", Keeper(), ExporterSettings())
        self.judge = Judge([load(str(file))], self.ledger, outlets, self.telemetry, self.clock)
        settings = WindowSettings(settle=2, idle_timeout=60, grace=600)
        self.windows = Windows(settings, alerts=self.judge.alerts)
        self.corridor = Corridor(
            self.journal, self.windows, self.judge, self.telemetry, self.clock, max_pending=1 << 20
        )

    def receive(self, body: bytes) -> None:
        position = self.journal.append(Entry("traces", 0, body)).result()
        self.corridor.hand_over(position, decode_traces(body), len(body))
        self.corridor.step()

    def at(self, now: float) -> list[Notice]:
        self.clock.now = now
        self.corridor.step()
        return self.told()

    def told(self) -> list[Notice]:
        """Take what is in the outbox."""
        with self.ledger.writing() as connection:
            rows = connection.execute("SELECT notice FROM outbox ORDER BY id").fetchall()
            connection.execute("DELETE FROM outbox")
        return [msgspec.msgpack.decode(row[0], type=Notice) for row in rows]

    def findings(self, now: float) -> list[str]:
        return [n.findings[0].rule for n in self.at(now) if n.kind == "finding"]


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def test_a_run_is_judged_after_it_settled(bench: Bench) -> None:
    bench.windows.alerts = None
    bench.receive(spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", "")))
    assert bench.at(1.9) == []
    finding, evaluation = bench.at(2.0)
    assert (finding.kind, finding.findings[0].rule, finding.status) == ("finding", "tool-forbidden", "new")
    assert (evaluation.kind, evaluation.run.agent, evaluation.run.completeness) == ("evaluation", "bot", "root_ended")
    assert [s.span_id for s in finding.subjects] == [(2).to_bytes(8, "big").hex()]
    assert bench.telemetry.value("spanwarden_findings", policy="p", rule="tool-forbidden", severity="high") == 1
    assert 'spanwarden_rule_seconds_total{policy="p",rule="tool-forbidden"}' in bench.telemetry.exposition().decode()


def test_what_breaks_a_rule_for_good_is_told_while_the_run_goes_on_and_once(bench: Bench) -> None:
    bench.receive(spans((2, 1, "execute_tool", "drop_table")))
    assert bench.at(0.2) == []
    (early,) = bench.at(0.25)
    assert (early.kind, early.status, early.run.completeness) == ("finding", "new", "open")
    bench.receive(spans((3, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", "")))
    (whole,) = bench.at(5)
    assert whole.kind == "evaluation"
    assert [f.finding_id for f in whole.findings] == [early.findings[0].finding_id]
    assert whole.run.completeness == "root_ended"


def test_after_a_restart_runs_keep_the_ids_they_were_told_with(bench: Bench) -> None:
    link = (3, 2, "execute_tool", "read_file")
    bench.receive(spans((2, 0, "invoke_agent", ""), link, trace=b"z" * 16))
    first = bench.at(2)[0].run.id
    with bench.ledger.reading() as connection:
        known = list(told(connection, 0))
        assert list(told(connection, int(3e9))) == []
    assert known == [(first, (b"z" * 16,))]


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


def test_a_request_that_says_nothing_leaves_the_journal_unjudged(bench: Bench) -> None:
    bench.receive(spans((2, 1, "", ""), (1, 0, "", "")))
    assert bench.at(100) == []
    assert bench.journal.size() == 0


def test_a_request_that_cannot_be_read_leaves_the_journal_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Windows, "add", lambda *_: 1 / 0)
    bench.receive(spans((1, 0, "invoke_agent", "")))
    assert bench.journal.size() == 0
    assert bench.telemetry.value("spanwarden_processing_errors") == 1


def test_decided_runs_give_up_their_grace_when_the_journal_is_nearly_full(bench: Bench) -> None:
    def run(number: int) -> bytes:
        return spans((2, 1, "execute_tool", "x" * 50_000), (1, 0, "invoke_agent", ""), trace=bytes([number]) * 16)

    for number in range(1, 9):
        bench.receive(run(number))
        bench.at(number * 3)
    assert bench.telemetry.value("spanwarden_graces_cut_short") == 0
    assert bench.journal.entries() == 8
    for number in range(9, 200):
        bench.receive(run(number))
        bench.at(number * 3)
    assert bench.telemetry.value("spanwarden_graces_cut_short") > 0
    assert bench.journal.entries() < 20
    assert bench.telemetry.value("spanwarden_runs_decided", completeness="root_ended") == 199


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
    finding, evaluation = bench.told()
    assert (finding.kind, evaluation.kind, evaluation.run.completeness) == ("finding", "evaluation", "forced")


def test_a_restart_that_judges_a_run_again_tells_nothing_again(tmp_path: pathlib.Path) -> None:
    body = spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""))
    first = Bench(tmp_path)
    first.receive(body)
    assert len(first.at(2)) == 2
    second = Bench(tmp_path, ledger=first.ledger)
    second.receive(body)
    assert second.at(2) == []
    assert second.telemetry.value("spanwarden_findings", policy="p", rule="tool-forbidden", severity="high") == 0
    second.receive(spans((3, 1, "execute_tool", "read_file")))
    [evaluation] = second.at(5)
    assert (evaluation.kind, evaluation.revision, evaluation.status) == ("evaluation", 2, "updated")


def test_a_finding_whose_evidence_changed_is_told_as_the_next_revision(tmp_path: pathlib.Path) -> None:
    bench = Bench(tmp_path, "name: p\nmax_shell_commands: 0\n")
    bench.receive(spans((2, 1, "execute_tool", "bash"), (1, 0, "invoke_agent", "")))
    [first] = [n for n in bench.at(2) if n.kind == "finding"]
    bench.receive(spans((3, 1, "execute_tool", "bash")))
    [second] = [n for n in bench.at(9) if n.kind == "finding"]
    assert (first.status, first.finding_revision) == ("new", 1)
    assert (second.status, second.finding_revision) == ("updated", 2)
    assert first.findings[0].finding_id == second.findings[0].finding_id
    assert first.findings[0].delivery_id != second.findings[0].delivery_id


def test_a_part_of_a_run_judged_again_after_its_content_went_takes_nothing_back(tmp_path: pathlib.Path) -> None:
    first = Bench(tmp_path)
    first.receive(
        spans((2, 1, "execute_tool", "drop_table"), (3, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", ""))
    )
    first.at(2)
    second = Bench(tmp_path, ledger=first.ledger)
    second.receive(spans((4, 0, "invoke_agent", "")))
    second.at(100)
    with first.ledger.reading() as connection:
        assert connection.execute("SELECT status FROM findings").fetchall() == [("new",)]
        assert connection.execute("SELECT events FROM runs ORDER BY number").fetchone() == (3,)


def test_a_late_repetition_of_a_part_of_a_forgotten_run_says_nothing_new(tmp_path: pathlib.Path) -> None:
    calls = [(number, 1, "execute_tool", "bash") for number in range(2, 7)]
    first = Bench(tmp_path, "name: p\nmax_shell_commands: 1\n")
    first.receive(spans(*calls, (1, 0, "invoke_agent", "")))
    [finding] = [n for n in first.at(2) if n.kind == "finding"]
    second = Bench(tmp_path, "name: p\nmax_shell_commands: 1\n", ledger=first.ledger)
    with first.ledger.reading() as connection:
        second.windows.recall(told(connection, 0))
    second.receive(spans(*calls[2:]))
    assert [n for n in second.at(100) if n.kind == "finding"] == []
    with first.ledger.reading() as connection:
        rows = connection.execute("SELECT id, delivery_id, status FROM findings").fetchall()
    assert rows == [(finding.findings[0].finding_id, finding.findings[0].delivery_id, "new")]


def test_nothing_is_lost_read_or_released_while_the_ledger_cannot_be_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise LedgerUnavailableError("ledger: disk full")

    body = spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""))
    bench.receive(body)
    with monkeypatch.context() as patched:
        patched.setattr(Judge, "decide", fail)
        assert bench.at(2) == []
        assert bench.telemetry.value("spanwarden_ledger_commit_errors") == 1
        assert bench.telemetry.value("spanwarden_ledger_waiting_runs") == 1
        position = bench.journal.append(Entry("traces", 0, body)).result()
        bench.corridor.hand_over(position, decode_traces(body), 1 << 20)
        for step in range(100):
            bench.at(2 + step / 100)
        assert not bench.corridor.has_room(1), "senders are asked to wait"
        assert 2 <= bench.telemetry.value("spanwarden_ledger_commit_errors") <= 5, "tried ever more rarely"
        assert bench.journal.size() == 2 * len(body)
    assert [n.kind for n in bench.at(60)] == ["finding", "evaluation"]
    assert bench.telemetry.value("spanwarden_ledger_waiting_runs") == 0
    assert bench.corridor.has_room(1)
    assert caplog.text.count("disk full") == 1


def test_a_run_that_cannot_be_written_down_does_not_hold_up_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, poison = Judge.decide, b"u" * 16

    def picky(judge: Judge, batch: Sequence[Judged]) -> None:
        if any(poison.hex() in judged.run.trace_ids for judged in batch):
            raise OverflowError
        real(judge, batch)

    monkeypatch.setattr(Judge, "decide", picky)
    for trace in (poison, TRACE):
        bench.receive(spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""), trace=trace))
    assert {n.run.trace_ids for n in bench.at(2)} == {(TRACE.hex(),)}
    assert "could not be written down; it is passed over" in caplog.text
    assert bench.telemetry.value("spanwarden_processing_errors") == 1


def test_words_with_half_surrogate_pairs_are_kept_as_far_as_they_can_be(tmp_path: pathlib.Path) -> None:
    assert packed(Notice("finding", RunSummary("\ud800"), (), "p", "1", 0)) == packed(
        Notice("finding", RunSummary("?"), (), "p", "1", 0)
    )
    assert as_text({"a\udfff": ["\ud800"]}) == b'{"a?":["?"]}'


def test_a_flooding_sender_leaves_room_to_others_until_its_runs_are_over(bench: Bench) -> None:
    body = spans((2, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", ""))
    position = bench.journal.append(Entry("traces", 0, body)).result()
    bench.corridor.hand_over(position, decode_traces(body), 7 << 17, "flood")
    for _ in range(2):  # while it waits, and while its run is open
        assert not bench.corridor.has_room(1 << 10, "flood")
        assert bench.corridor.has_room(1 << 10, "other")
        assert bench.corridor.has_room(1 << 10)
        bench.corridor.step()
    bench.at(2)
    bench.at(700)
    assert bench.corridor.has_room(1 << 10, "flood")


def test_who_sends_little_is_not_read_after_all_of_a_flood(bench: Bench) -> None:
    body = spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""))
    harmless = spans((2, 1, "execute_tool", "read_file"), (1, 0, "invoke_agent", ""), trace=b"\x02" * 16)
    for number in range(40):
        bench.corridor.hand_over(number, decode_traces(harmless), 1 << 14, "flood")
    bench.corridor.hand_over(40, decode_traces(body), len(body), "other")
    for _ in range(20):
        bench.corridor.step()
    bench.at(2.5)
    assert bench.findings(2.6) == ["tool-forbidden"]


def test_what_was_judged_is_written_down_together_while_requests_wait_to_be_read(bench: Bench) -> None:
    bodies = [
        spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""), trace=bytes([n]) * 16) for n in (1, 2)
    ]
    bench.receive(bodies[0])
    bench.clock.now = 0.001
    bench.receive(bodies[1])
    harmless = spans((2, 1, "execute_tool", "read_file"), trace=b"\x03" * 16)
    for number in range(10, 15):
        bench.corridor.hand_over(number, decode_traces(harmless), 1 << 10)
    committed = bench.ledger.changes
    assert bench.findings(2.0) == []
    bench.clock.now = 2.001
    bench.corridor.step()
    assert bench.telemetry.value("spanwarden_runs_decided", completeness="root_ended") == 2
    assert bench.telemetry.value("spanwarden_ledger_waiting_runs") >= 2
    assert bench.ledger.changes == committed + 1  # by looking into the outbox
    assert bench.findings(2.021) == ["tool-forbidden"] * 2
    bench.receive(harmless)
    for _ in range(5):
        bench.corridor.step()  # nothing waits to be read any more
    bench.receive(spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""), trace=b"\x04" * 16))
    assert bench.findings(4.1) == ["tool-forbidden"]


def test_what_waits_for_company_is_written_down_at_the_end(bench: Bench) -> None:
    body = spans((2, 1, "execute_tool", "drop_table"), (1, 0, "invoke_agent", ""))
    bench.receive(body)
    other = spans((2, 1, "execute_tool", "read_file"), trace=b"\x03" * 16)
    for number in range(10, 15):
        bench.corridor.hand_over(number, decode_traces(other), 1 << 10)
    assert bench.findings(2.0) == []
    bench.corridor.start()
    bench.corridor.stop()
    assert [n.findings[0].rule for n in bench.told() if n.kind == "finding"] == ["tool-forbidden"]
    assert bench.telemetry.value("spanwarden_pending_bytes") == 0
