"""Early findings: what is found while a run goes on is found again, under the same ids, when it is complete."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from runs.captures import POLICY, EventContents, Sent, captures, observed, reader, records, requests_of
from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.policy.loading import load
from spanwarden.runs.looks import Looks
from spanwarden.runs.windows import Windows, WindowSettings

BIG = WindowSettings(max_run_size=1 << 30, max_size=1 << 31, early_debounce=0.0)


def found(parts: Sequence[Sent], step: float = 0.001) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the findings told early, looked for after every request, and those of the decided runs, by id."""
    policy = load(str(POLICY))
    windows = Windows(BIG, alerts=policy.alerts)
    contents_of = reader(parts.__getitem__)
    early: dict[str, Any] = {}
    final: dict[str, Any] = {}
    now = 0.0
    for position, request in enumerate(parts):
        windows.add(observed(request, position), now, position)
        for decision in windows.due(now):
            assert decision.early
            assert decision.run.completeness == "open"
            for finding in policy.evaluate_early(decision.run, EventContents(decision.run.events, contents_of)):
                early.setdefault(finding.finding_id, (decision.run.id, finding))
        now += step
    for decision in windows.close(now):
        # What was found in a run that proved to be a part of another one is found again under that one's id.
        early = {name: told for name, told in early.items() if told[0] not in decision.absorbed}
        for finding in policy.evaluate(decision.run, EventContents(decision.run.events, contents_of)).findings:
            final[finding.finding_id] = finding
    return early, final


@pytest.mark.parametrize("folder", captures(), ids=lambda folder: folder.name)
def test_what_is_found_early_in_any_prefix_of_a_capture_is_found_in_the_whole(folder: pathlib.Path) -> None:
    sent = requests_of(folder)
    parts = [part for request in sent for part in records(request)]
    if len(parts) > 400:
        parts = sent
    shuffled = random.Random(folder.name).sample(sent, len(sent))
    for arrived in (sent, parts, shuffled):
        early, final = found(arrived)
        missing = [early[name] for name in early.keys() - final.keys()]
        assert not missing


def test_captures_do_have_early_findings() -> None:
    told = [found(requests_of(folder))[0] for folder in captures()[:20]]
    assert sum(map(bool, told)) >= 10
    rules = {finding.rule for early in told for _, finding in early.values()}
    assert rules >= {"when-tool", "when-call", "when-like", "when-path", "when-kinds", "when-places", "when-effects"}
    assert rules >= {"when-after", "when-again"}
    assert rules.isdisjoint({"when-content", "when-first"})


def call(number: int, **facts: Any) -> Observation:
    facts = {"kind": "tool_call", "executed": True, "status": "ok", "tool": "rm", "parent_id": b"p" * 8} | facts
    return Observation(
        keys=("trace:a",), trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), start=number * 10,
        end=number * 10 + 5, **facts,
    )  # fmt: skip


def removes(event: Event) -> bool:
    return event.tool == "rm"


@pytest.fixture
def windows() -> Windows:
    return Windows(WindowSettings(), alerts=removes)


def test_a_run_is_looked_at_soon_after_what_a_rule_watches_for(windows: Windows) -> None:
    windows.add([call(1, tool="ls")], now=0)
    assert windows.due(1) == []
    windows.add([call(2)], now=10)
    assert windows.next_deadline() == 10.25
    assert windows.due(10.2) == []
    (decision,) = windows.due(10.25)
    assert (decision.early, decision.run.completeness, decision.revision) == (True, "open", 1)
    assert [event.tool for event in decision.run.events] == ["ls", "rm"]
    assert len(windows) == 1
    (whole,) = windows.due(70.1)
    assert (whole.early, whole.revision, whole.run.id) == (False, 2, decision.run.id)
    assert len(windows) == 0


@pytest.mark.parametrize(
    "facts",
    [{"status": "unknown"}, {"status": "error"}, {"status": "denied"}, {"executed": False}, {"history": True}],
)
def test_what_may_turn_out_not_to_have_happened_is_not_told_early(windows: Windows, facts: dict[str, Any]) -> None:
    windows.add([call(1, **facts)], now=0)
    assert windows.due(1) == []


def test_an_early_look_shows_only_what_is_certain(windows: Windows) -> None:
    asked = call(3, source="message", executed=False, status="unknown", merge="call_3")
    said = call(4, kind="message", role="user", merge="m", status="unknown", executed=False)
    dear = call(5, kind="llm_call", tool=None, cost_usd=2.0, cost_source="reported")
    guess = call(6, kind="llm_call", tool=None, cost_usd=1.0, cost_source="estimated")
    windows.add([call(1), asked, said, dear, guess, call(7, status="error")], now=0)
    (decision,) = windows.due(0.25)
    assert [event.span_id[-1] for event in decision.run.events] == [1, 5]
    assert (decision.run.cost_usd, decision.run.cost_source) == (2.0, "reported")


def test_a_run_told_early_keeps_its_id_and_its_events_their_spans(windows: Windows) -> None:
    inner = call(5, tool="rm", parent_id=call(4).span_id)
    windows.add([inner], now=0)
    (early,) = windows.due(0.25)
    earlier_trace = msgspec.structs.replace(call(1, tool="ls"), trace_id=b"s" * 16)
    around = msgspec.structs.replace(call(4, tool="rm", rank=3), end=90)
    windows.add([earlier_trace, around], now=1)
    whole = next(d for d in windows.close(2) if not d.early)
    assert whole.run.id == early.run.id == (b"t" * 16).hex()
    assert whole.run.trace_ids[0] == b"s" * 16
    removed = [event for event in whole.run.events if event.tool == "rm"]
    assert [event.span_id for event in removed] == [inner.span_id], "what was told of under its inner span keeps it"
    alone = Windows(WindowSettings())
    alone.add([around, inner], now=0)
    assert [event.span_id for event in alone.close(0)[0].run.events] == [around.span_id]


def test_early_work_stays_in_proportion_to_what_arrives() -> None:
    assembled = 0
    windows = Windows(WindowSettings(early_debounce=0.0), alerts=removes)
    windows._looks = Looks()
    windows._looks._earned = 0
    for number in range(1, 2001):
        windows.add([call(number)], now=number / 100)
        assembled += sum(len(decision.run.events) for decision in windows.due(number / 100) if decision.early)
    assert 2000 < assembled <= 2 * 2000 + 2000 + 2048


def test_a_lonely_alert_is_answered_at_once_in_a_long_run(windows: Windows) -> None:
    windows.add([call(number, tool="ls") for number in range(1, 5000)] + [call(5000)], now=0)
    assert len(windows.due(0.25)) == 1
    windows.add([call(5001)], now=10)
    assert len(windows.due(10.25)) == 1
