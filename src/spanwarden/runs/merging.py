"""From the observations that told of one action to its event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from spanwarden.model.event import ContentRef, CostSource, Effect, Event, Kind, Status, Usage
from spanwarden.model.observation import Observation

_SOURCES = {"span": 2, "log": 1, "message": 0}
_KINDS: tuple[Kind, ...] = ("handoff", "tool_call", "decision")
_JUDGED = frozenset({"decision", "span", "end"})
"""Kinds of observations that are not, or not always, the kind of their event."""
_MAX_CONTENT = 8
"""References kept for one event; more of them only repeat each other."""

Name = tuple[bytes, bytes, str | None]
"""What an event was called when its run was told of before: trace id, span id, call id."""


def event_of(members: Sequence[Observation], agent: str | None, told: Collection[Name] = ()) -> Event:
    """Return the event that these observations told of. `members` is sorted; `agent` is the nearest agent above.

    told: the names of events that keep their span, whatever other spans tell of them since.
    """
    if len(members) == 1:
        return _told_once(members[0], agent)
    best = _best_first(members)
    placed = _told_of(best, told) or _placed(best)
    kind = _kind(members)
    start, end = _times(members)
    cost, priced = _cost(members)
    tool = model = role = merge = provider = None
    for o in reversed(best):
        tool = tool if o.tool is None else o.tool
        model = model if o.model is None else o.model
        role = role if o.role is None else o.role
        merge = merge if o.merge is None else o.merge
        provider = provider if o.provider is None else o.provider
    named = next((o.agent for o in best if o.agent is not None), None)
    # By position, as in `Sightings.tell`; tests hold the order of the fields.
    # fmt: off
    return Event(
        kind, _status(members), start, end, named or agent, tool, model, role if kind == "message" else None,
        merge if kind in _KINDS else None, _effects(best), _usage(best), cost, priced, placed.trace_id, placed.span_id,
        placed.parent_id if placed.span_id else b"", best[0].dialect, None, None, provider, _content(best),
        _told_as(best, told),
    )
    # fmt: on


def _placed(best: Sequence[Observation]) -> Observation:
    """Return the report whose span is the event's: the best that is no message, else the best with a span at all."""
    inside: Observation | None = None
    for o in best:
        if o.span_id:
            if o.source != "message":
                return o
            inside = inside or o
    return inside or best[0]


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
    told = o.kind
    kind: Kind = _kind((o,)) if told in _JUDGED else told  # type: ignore[assignment]
    start, end, cost = o.start or o.end, o.end, o.cost_usd
    if o.source == "message" or end < start:
        end = start
    priced: CostSource | None = None if cost is None else "reported" if o.cost_source == "reported" else "estimated"
    # By position, as in `Sightings.tell`; a test holds the order of the fields.
    # fmt: off
    return Event(
        kind, o.status, start, end, o.agent or agent, o.tool, o.model, o.role if kind == "message" else None,
        o.merge if kind in _KINDS else None, o.effects, o.usage, cost, priced, o.trace_id, o.span_id,
        o.parent_id if o.span_id else b"", o.dialect, None, None, o.provider,
        () if o.content is None else (o.content,),
    )
    # fmt: on


def _best_first(members: Sequence[Observation]) -> list[Observation]:
    """Rank the report to believe first: executions, then higher ranks, then spans before logs, then the fullest."""
    standings = [(o.executed, o.rank, _SOURCES[o.source], not o.history, o.status != "unknown") for o in members]
    if len(members) == 2 and standings[0] != standings[1]:  # how full they are makes no difference
        return [*members] if standings[0] > standings[1] else [*reversed(members)]
    weights = [(*standing, *_fullness(o)) for standing, o in zip(standings, members, strict=True)]
    return [members[i] for i in sorted(range(len(members)), key=weights.__getitem__, reverse=True)]


def _fullness(o: Observation) -> tuple[int, int, int]:
    filled = 8 - (o.tool, o.model, o.agent, o.merge, o.usage, o.cost_usd, o.content, o.digest).count(None)
    return filled, o.end, -o.start


def _kind(members: Sequence[Observation]) -> Kind:
    if len(members) == 1 and members[0].kind not in {"decision", "span", "end"}:
        return members[0].kind  # type: ignore[return-value]
    kinds = {o.kind for o in members}
    if len(kinds) == 1 and members[0].kind not in _JUDGED:
        return members[0].kind  # type: ignore[return-value]
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
    told = [o.status for o in members]
    if "denied" in told:
        return "denied"
    acted: list[Status] = [o.status for o in members if o.executed and o.status != "unknown"]
    acted = acted or [o.status for o in members if o.kind != "decision"] or told
    return "error" if "error" in acted else "ok" if "ok" in acted else "unknown"


def _times(members: Sequence[Observation]) -> tuple[int, int]:
    """Return the times of the execution where it was seen, else of log records, else of messages about it."""
    acting = [o for o in members if o.kind != "decision"] or list(members)
    for source in ("span", "log", "message"):
        told = [o for o in acting if o.source == source and (o.start or o.end)]
        if len(told) > 1:
            told = [o for o in told if not o.history] or told[:1]
        if told:
            start = min([o.start or o.end for o in told])
            return start, start if source == "message" else max(start, *[o.end for o in told])
    return 0, 0


def _effects(best: Sequence[Observation]) -> tuple[Effect, ...]:
    """Return the richest account of the effects: most targets known, then most effects."""
    told = [o.effects for o in best if o.effects]
    if len(told) < 2 or told.count(told[0]) == len(told):
        return told[0] if told else ()
    return max(told, key=lambda e: (sum(x.target is not None for x in e), len(e)), default=())


def _usage(best: Sequence[Observation]) -> Usage | None:
    told = [(o.rank, o.usage) for o in best if o.usage is not None]
    if len(told) < 2:
        return told[0][1] if told else None
    return max(told, key=lambda r: (r[0], r[1].input + r[1].output, _detail(r[1])), default=(0, None))[1]


def _detail(usage: Usage) -> int:
    return usage.cache_read + usage.cache_write + usage.reasoning


def _cost(members: Sequence[Observation]) -> tuple[float | None, CostSource | None]:
    told = [(o.cost_source == "reported", o.cost_usd) for o in members if o.cost_usd is not None]
    if not told:
        return None, None
    reported, cost = max(told)
    return cost, "reported" if reported else "estimated"


def _told_again(o: Observation) -> tuple[bool, bool]:
    return o.history, o.history and o.status == "unknown"


def _content(best: Sequence[Observation]) -> tuple[ContentRef, ...]:
    """Best first; history repeats what it says in every later call, so one copy with a result is enough."""
    refs: list[ContentRef] = []
    repeated: set[tuple[object, ...]] = set()
    for o in sorted(best, key=_told_again) if [o for o in best if o.history] else best:
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
