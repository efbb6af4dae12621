"""From the observations that told of one action to its event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from spanwarden.model.event import ContentRef, CostSource, Effect, Event, Kind, Status, Usage
from spanwarden.model.observation import Observation

_SOURCES = {"span": 2, "log": 1, "message": 0}
_STATUSES: tuple[Status, ...] = ("error", "ok")
_KINDS: tuple[Kind, ...] = ("handoff", "tool_call", "decision")
_MAX_CONTENT = 8
"""References kept for one event; more of them only repeat each other."""

T = TypeVar("T")


Name = tuple[bytes, bytes, str | None]
"""What an event was called when its run was told of before: trace id, span id, call id."""


def event_of(members: Sequence[Observation], agent: str | None, told: Collection[Name] = ()) -> Event:
    """Return the event that these observations told of. `members` is sorted; `agent` is the nearest agent above.

    told: the names of events that keep their span, whatever other spans tell of them since.
    """
    if len(members) == 1:
        return _told_once(members[0], agent)
    best = sorted(members, key=_weight, reverse=True)
    primary = best[0]
    spanned = next((o for o in best if o.span_id and o.source != "message"), None)
    placed = _told_of(best, told) or spanned or next((o for o in best if o.span_id), None)
    kind = _kind(members)
    start, end = _times(members)
    cost, cost_source = _cost(members)
    role = _first(best, lambda o: o.role) if kind == "message" else None
    return Event(
        kind=kind,
        status=_status(members),
        start=start,
        end=end,
        agent=_first(best, lambda o: o.agent) or agent,
        tool=_first(best, lambda o: o.tool),
        model=_first(best, lambda o: o.model),
        provider=_first(best, lambda o: o.provider),
        role=role,
        call_id=_first(best, lambda o: o.merge) if kind in _KINDS else None,
        effects=_effects(best),
        usage=_usage(best),
        cost_usd=cost,
        cost_source=cost_source,
        trace_id=placed.trace_id if placed else primary.trace_id,
        span_id=placed.span_id if placed else b"",
        parent_id=placed.parent_id if placed else b"",
        dialect=primary.dialect,
        content=_content(best),
        told_as=_told_as(best, told),
    )


def names(events: Iterable[Event]) -> frozenset[Name]:
    """Return the names of events that have one: a span, else a call id."""
    return frozenset(
        (event.trace_id, event.span_id, event.call_id) if event.span_id else (b"", b"", event.call_id)
        for event in events
        if event.span_id or event.call_id
    )


def _told_as(best: Sequence[Observation], told: Collection[Name]) -> str | None:
    """Return the call id that the event was called by when no span of it had been seen."""
    if not told:
        return None
    return min((o.merge for o in best if o.merge is not None and (b"", b"", o.merge) in told), default=None)


def _told_of(best: Sequence[Observation], told: Collection[Name]) -> Observation | None:
    """Return the report that the event was called after. A message is part of its model call's span."""
    if not told:
        return None
    calls = {o.merge for o in best} | {None}
    for o in best:
        meant = (o.merge,) if o.source == "message" else calls
        if o.span_id and any((o.trace_id, o.span_id, call) in told for call in meant):
            return o
    return None


def _told_once(o: Observation, agent: str | None) -> Event:
    """Return the event of one observation: what `event_of` comes to where there is nothing to choose from."""
    kind = _kind((o,))
    start = o.start or o.end
    return Event(
        kind=kind,
        status=o.status,
        start=start,
        end=start if o.source == "message" else max(start, o.end),
        agent=o.agent or agent,
        tool=o.tool,
        model=o.model,
        provider=o.provider,
        role=o.role if kind == "message" else None,
        call_id=o.merge if kind in _KINDS else None,
        effects=o.effects,
        usage=o.usage,
        cost_usd=o.cost_usd,
        cost_source=None if o.cost_usd is None else "reported" if o.cost_source == "reported" else "estimated",
        trace_id=o.trace_id,
        span_id=o.span_id,
        parent_id=o.parent_id if o.span_id else b"",
        dialect=o.dialect,
        content=() if o.content is None else (o.content,),
    )


def _weight(o: Observation) -> tuple[Any, ...]:
    """Rank the report to believe first: executions, then higher ranks, then spans before logs, then the fullest."""
    filled = 8 - (o.tool, o.model, o.agent, o.merge, o.usage, o.cost_usd, o.content, o.digest).count(None)
    return o.executed, o.rank, _SOURCES[o.source], not o.history, o.status != "unknown", filled, o.end, -o.start


def _first(best: Sequence[Observation], pick: Callable[[Observation], T | None]) -> T | None:
    return next((value for o in best if (value := pick(o)) is not None), None)


def _kind(members: Sequence[Observation]) -> Kind:
    if len(members) == 1 and members[0].kind not in {"decision", "span", "end"}:
        return members[0].kind  # type: ignore[return-value]
    kinds = {o.kind for o in members}
    if kinds == {"decision"}:
        refused = any(o.status == "denied" and o.tool for o in members)
        return "tool_call" if refused else "decision"
    if "tool_call" in kinds and any(o.kind == "tool_call" and o.digest is not None for o in members):
        return "tool_call"  # who saw the arguments knows better than who saw the name alone
    for kind in _KINDS:
        if kind in kinds:
            return kind
    told = members[0].kind
    assert told != "span"
    assert told != "end"
    return told


def _status(members: Sequence[Observation]) -> Status:
    told = {o.status for o in members}
    if "denied" in told:
        return "denied"
    acted = {o.status for o in members if o.executed} - {"unknown"}
    acted = acted or {o.status for o in members if o.kind != "decision"} or told
    return next((status for status in _STATUSES if status in acted), "unknown")


def _times(members: Sequence[Observation]) -> tuple[int, int]:
    """Return the times of the execution where it was seen, else of log records, else of messages about it."""
    acting = [o for o in members if o.kind != "decision"] or list(members)
    for source in ("span", "log", "message"):
        told = [o for o in acting if o.source == source and (o.start or o.end)]
        told = [o for o in told if not o.history] or told[:1]
        if told:
            start = min(o.start or o.end for o in told)
            return start, start if source == "message" else max(start, *(o.end for o in told))
    return 0, 0


def _effects(best: Sequence[Observation]) -> tuple[Effect, ...]:
    """Return the richest account of the effects: most targets known, then most effects."""
    told = [o.effects for o in best if o.effects]
    return max(told, key=lambda e: (sum(x.target is not None for x in e), len(e)), default=())


def _usage(best: Sequence[Observation]) -> Usage | None:
    told = [(o.rank, o.usage) for o in best if o.usage is not None]
    return max(told, key=lambda r: (r[0], r[1].input + r[1].output, _detail(r[1])), default=(0, None))[1]


def _detail(usage: Usage) -> int:
    return usage.cache_read + usage.cache_write + usage.reasoning


def _cost(members: Sequence[Observation]) -> tuple[float | None, CostSource | None]:
    told = [(o.cost_source == "reported", o.cost_usd) for o in members if o.cost_usd is not None]
    if not told:
        return None, None
    reported, cost = max(told)
    return cost, "reported" if reported else "estimated"


def _content(best: Sequence[Observation]) -> tuple[ContentRef, ...]:
    """Best first; history repeats what it says in every later call, so one copy with a result is enough."""
    refs: list[ContentRef] = []
    repeated: set[tuple[object, ...]] = set()
    for o in sorted(best, key=lambda o: (o.history, o.status == "unknown") if o.history else (False, False)):
        if o.content is None or o.content in refs:
            continue
        likeness = (o.source, o.history, o.status, o.trace_id, o.span_id) if not o.history else (True, o.status)
        if likeness in repeated:
            continue
        repeated.add(likeness)
        refs.append(o.content)
        if len(refs) == _MAX_CONTENT:
            break
    return tuple(refs)
