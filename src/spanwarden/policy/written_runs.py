"""Runs written step by step in a policy's tests, as the events that telemetry would have told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spanwarden.effects.classify import effects_of
from spanwarden.model.event import Content, Event, Kind, Status, Usage
from spanwarden.model.run import Run
from spanwarden.policy.inline_tests import Step, TestRun

BEGIN = 1_767_225_600 * 10**9
"""When the first run of a test begins (2026-01-01, ns since the epoch)."""
_SECOND = 10**9
_KINDS: dict[str, Kind] = {
    "user": "message",
    "system": "message",
    "assistant": "message",
    "call": "tool_call",
    "llm": "llm_call",
    "retrieval": "retrieval",
    "decision": "decision",
    "handoff": "handoff",
    "spawn": "agent",
}
_ACTING = frozenset({"call", "retrieval", "handoff"})


class WrittenContents(tuple[Content, ...]):
    """The contents of a written run."""

    __slots__ = ()

    def body(self, index: int, /) -> Content:
        """Return the content of one event."""
        return self[index]


def runs_of(written: Iterable[TestRun]) -> Iterator[tuple[Run, WrittenContents]]:
    """Yield each run with its contents, in order."""
    for number, each in enumerate(written):
        yield _run(each, f"run-{number}")


def _run(written: TestRun, name: str) -> tuple[Run, WrittenContents]:
    events: list[Event] = []
    contents: list[Content] = []
    begin = clock = BEGIN + written.at
    for step in written.steps:
        for again in range(int(step.keys.get("times", 1))):
            clock = begin + step.at if step.at is not None and not again else clock + _SECOND * bool(events)
            events.append(_event(step, clock, written.agent))
            contents.append(_content(step, again + 1 if "times" in step.keys else None))
    costs = [event.cost_usd for event in events if event.cost_usd is not None]
    cost = written.cost if written.cost is not None else sum(costs) if costs else None
    run = Run(
        id=name,
        events=tuple(events),
        agent=written.agent,
        conversation=written.conversation,
        start=begin,
        end=max(clock, begin),
        cost_usd=cost,
        cost_source="reported" if cost is not None else None,
        runtime_seconds=(max(clock, begin) - begin) / _SECOND,
        completeness="root_ended",
        metadata=written.metadata,
    )
    return run, WrittenContents(contents)


def _event(step: Step, time: int, agent: str | None) -> Event:
    keys = step.keys
    kind = _KINDS[step.kind]
    cost = keys.get("cost")
    own = step.name if step.kind == "spawn" else agent
    return Event(
        kind=kind,
        status=_status(keys),
        start=time,
        end=time,
        agent=keys.get("agent", own),
        tool=step.name if kind in ("tool_call", "retrieval", "decision", "handoff") else None,
        model=step.name if kind == "llm_call" else None,
        role=step.kind if kind == "message" else None,
        call_id=keys.get("id"),
        effects=effects_of(step.name, keys.get("args")) if step.kind in _ACTING else (),
        usage=Usage(input=int(keys["tokens"])) if "tokens" in keys else None,
        cost_usd=None if cost is None else float(cost),
        cost_source=None if cost is None else "reported",
        dialect="test",
    )


def _status(keys: dict[str, Any]) -> Status:
    found: Status = keys.get("status") or ("error" if "error" in keys else "ok")
    return found


def _content(step: Step, time: int | None) -> Content:
    keys = step.keys
    return Content(
        arguments=_numbered(keys.get("args"), time),
        result=_numbered(keys.get("result"), time),
        text=step.name if _KINDS[step.kind] == "message" else None,
        error=keys.get("error"),
        metadata=keys.get("metadata"),
    )


def _numbered(value: Any, time: int | None) -> Any:
    """Return a value in whose texts `{n}` is the number of the time, from 1, where a step happens several times."""
    if time is None:
        return value
    if isinstance(value, str):
        return value.replace("{n}", str(time))
    if isinstance(value, list):
        return [_numbered(item, time) for item in value]
    if isinstance(value, dict):
        return {key: _numbered(item, time) for key, item in value.items()}
    return value
