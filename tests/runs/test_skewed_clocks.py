"""Clocks of hosts that are hours apart change no verdict."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from runs.captures import POLICY, SENT, EventContents, Sent, captures, observed, reader, requests_of
from spanwarden.model.observation import Observation
from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.runs.assemble import assemble
from spanwarden.runs.windows import Windows, WindowSettings

HOUR = 3600 * 10**9
_TIMES = ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano", "observed_time_unix_nano")


def hosts_of(requests: Iterable[Sent]) -> list[tuple[str, str]]:
    return sorted({_host(outer) for request in requests for outer in _outer(request, _parsed(request))})


def _parsed(request: Sent) -> Any:
    return SENT[request.signal].FromString(request.body)


def _outer(request: Sent, whole: Any) -> Any:
    return whole.resource_spans if request.signal == "traces" else whole.resource_logs


def _host(outer: Any) -> tuple[str, str]:
    told = {a.key: a.value.string_value for a in outer.resource.attributes}
    return told.get("service.name", ""), told.get("service.instance.id", "")


def skewed(request: Sent, host: tuple[str, str], shift: int) -> Sent:
    """Return the request with every time that the host's clock gave shifted."""
    whole = _parsed(request)
    for outer in _outer(request, whole):
        if _host(outer) != host:
            continue
        for scope in outer.scope_spans if request.signal == "traces" else outer.scope_logs:
            for record in scope.spans if request.signal == "traces" else scope.log_records:
                for told in (record, *(record.events if request.signal == "traces" else ())):
                    for name in _TIMES:
                        if getattr(told, name, 0):
                            setattr(told, name, getattr(told, name) + shift)
    return Sent(request.signal, whole.SerializeToString())


def verdict(requests: list[Sent], *, in_order: bool) -> list[Any]:
    """Return what happened in every run, times aside, and what the policy finds in it."""
    policy = load(str(POLICY))
    windows = Windows(WindowSettings(max_run_size=1 << 30, max_size=1 << 31))
    for position, request in enumerate(requests):
        windows.add(observed(request, position), 0.0)
    contents_of = reader(requests.__getitem__)
    told = []
    for decision in windows.close(0.0):
        run = decision.run
        facts = [
            repr(msgspec.structs.replace(event, start=0, end=0, content=(), parent_id=b"")) for event in run.events
        ]
        found = policy.evaluate(run, EventContents(run.events, contents_of)).findings
        meant = sorted((f.rule, f.subject, *sorted(str(e.span_id or e.call_id) for e in f.evidence)) for f in found)
        told.append((facts if in_order else Counter(facts), meant if in_order else None, len(meant)))
    return sorted(told, key=repr)


# AutoGen's messages have times of their own in their text, which `skewed` does not reach.
FOLDERS = [folder for folder in captures() if not folder.name.startswith("autogen__")]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_hosts_whose_clocks_are_hours_apart_give_the_same_verdict(folder: pathlib.Path) -> None:
    sent = requests_of(folder)
    expected = verdict(sent, in_order=True)
    for host in hosts_of(sent):
        for shift in (3 * HOUR,) if "hand_made" in folder.name else (-3 * HOUR, 3 * HOUR):
            assert verdict([skewed(request, host, shift) for request in sent], in_order=True) == expected


def span(number: int, parent: int | None, start: int, end: int, instance: str, **facts: Any) -> Observation:
    facts.setdefault("kind", "tool_call" if parent else "agent")
    return Observation(
        keys=("trace:a",),
        trace_id=b"t" * 16,
        span_id=bytes([number]) * 8,
        parent_id=bytes([parent]) * 8 if parent else b"",
        start=start,
        end=end,
        instance=instance,
        **facts,
    )


SECOND = 10**9
TRUE = [
    span(1, None, 100 * SECOND, 200 * SECOND, "a"),
    span(2, 1, 110 * SECOND, 120 * SECOND, "a", tool="ask"),
    span(3, 2, 112 * SECOND, 118 * SECOND, "b", tool="read"),
    span(4, 3, 113 * SECOND, 117 * SECOND, "c", tool="fetch"),
    span(5, 1, 130 * SECOND, 140 * SECOND, "a", tool="send"),
]


def order(run: Run) -> list[str | None]:
    return [event.tool for event in run.events]


@pytest.mark.parametrize("b", [-5 * HOUR, 0, 5 * HOUR])
@pytest.mark.parametrize("c", [-5 * HOUR, 0, 7 * HOUR])
def test_a_child_on_another_host_is_put_within_its_parent(b: int, c: int) -> None:
    off = {"a": 0, "b": b, "c": c}
    told = [
        msgspec.structs.replace(o, start=o.start + off[o.instance or ""], end=o.end + off[o.instance or ""])
        for o in TRUE
    ]
    run = assemble(told, "root_ended")
    assert order(run) == [None, "ask", "read", "fetch", "send"]
    assert run.runtime_seconds == 100
    by_tool = {event.tool: event for event in run.events}
    assert by_tool["ask"].start <= by_tool["read"].start <= by_tool["fetch"].start < by_tool["send"].start


def test_a_call_on_another_host_comes_after_it_was_asked_for_and_before_its_result_was_read() -> None:
    def said(start: int, **facts: Any) -> Observation:
        base = span(9, None, start * SECOND, start * SECOND, "a", kind="tool_call", tool="read", merge="call_1")
        return msgspec.structs.replace(base, source="message", **facts)

    done = Observation(
        kind="tool_call", keys=("call:1",), trace_id=b"u" * 16, span_id=b"u" * 8, start=HOUR, end=HOUR + SECOND,
        tool="read", merge="call_1", executed=True, status="ok", instance="b",
    )  # fmt: skip
    other = span(5, 1, 130 * SECOND, 131 * SECOND, "a", tool="send", executed=True, status="ok")
    calls = [span(9, 1, s * SECOND, (s + 2) * SECOND, "a", kind="llm_call") for s in (105,)]
    told = [TRUE[0], *calls, said(107), done, said(120, history=True), other]
    run = assemble(told, "root_ended")
    assert [tool for tool in order(run) if tool] == ["read", "send"]
    assert 107 * SECOND <= next(e.start for e in run.events if e.tool == "read") <= 120 * SECOND


def test_a_detached_child_that_runs_later_keeps_its_time() -> None:
    later = [span(6, 2, 150 * SECOND, 160 * SECOND, "b", tool="tidy")]
    run = assemble([*TRUE, *later], "root_ended")
    assert next(e.start for e in run.events if e.tool == "tidy") == 150 * SECOND


def test_too_many_hosts_are_left_alone() -> None:
    told = [span(1, None, 100, 200, "a")]
    told += [span(2, 1, 1, 2, f"h{n}", tool=f"t{n}") for n in range(100)]
    assert assemble(told, "root_ended").start == 1
