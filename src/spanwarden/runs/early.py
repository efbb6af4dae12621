"""What is certain of a run that goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from spanwarden.model.event import Event, Kind
from spanwarden.model.observation import Observation
from spanwarden.model.run import Run
from spanwarden.runs.ancestry import SpanKey
from spanwarden.runs.costs import total
from spanwarden.runs.matching import squash
from spanwarden.runs.merging import Name

_LIKE = 4
"""Two names of one tool end alike, in at least this many letters if not in all."""


def certain(o: Observation) -> bool:
    """Tell whether an observation witnesses what nothing can undo.

    That is a call that was carried out and succeeded (one that failed may turn out to have been denied), or what a
    model call cost by its own account.
    """
    if o.history:
        return False
    if o.kind == "tool_call":
        return o.executed and o.status == "ok"
    if o.kind == "retrieval":
        return o.source == "span" and o.status == "ok"
    return o.kind == "llm_call" and o.source != "message" and o.cost_usd is not None and o.cost_source == "reported"


def witnessed(o: Observation) -> Event:
    """Return an observation as the event that rules watch for."""
    kind: Kind = "tool_call" if o.kind in {"span", "end"} else o.kind  # type: ignore[assignment]
    return Event(
        kind,
        o.status,
        tool=o.tool,
        model=o.model,
        effects=o.effects,
        cost_usd=o.cost_usd,
        cost_source=o.cost_source,
    )


def certain_part(run: Run, observations: Sequence[Observation], told: Collection[Name]) -> Run:
    """Return a run with only those of its events that nothing can undo, and what they are known to have cost.

    told: the names of events that were told before, and so are certain.
    """
    witnesses: dict[SpanKey, Observation] = {}
    paid: set[SpanKey] = set()
    calls: set[str] = set()
    for o in observations:
        if not certain(o):
            continue
        if o.kind == "llm_call":
            paid.add((o.trace_id, o.span_id))
        elif o.span_id:
            witnesses[o.trace_id, o.span_id] = o
        if o.merge is not None and o.kind == "tool_call":
            calls.add(o.merge)
    doubtful = _perhaps_layers(run.events, witnesses, observations, told) if witnesses else frozenset()
    events = []
    for event in run.events:
        key = (event.trace_id, event.span_id)
        if event.kind == "llm_call":
            kept = event.cost_source == "reported" and key in paid
        elif event.kind in {"tool_call", "retrieval"} and event.status == "ok":
            kept = key in witnesses and key not in doubtful if event.span_id else event.call_id in calls
        else:
            kept = False
        if kept:
            events.append(event)
    cost, source = total(events)
    return msgspec.structs.replace(run, events=tuple(events), cost_usd=cost, cost_source=source, runtime_seconds=None)


def _perhaps_layers(
    events: Iterable[Event],
    witnesses: Mapping[SpanKey, Observation],
    observations: Iterable[Observation],
    told: Collection[Name],
) -> frozenset[SpanKey]:
    """Return the spans that may prove to be a layer of the same call as another one: what is between was not seen yet.

    Those are calls of like names, at the same time or on several hosts, whose clocks may differ, and something above
    one of them is missing. What was told of stays; else what has nothing missing above it does.
    """
    seen = {(o.trace_id, o.span_id) for o in observations if o.source == "span"}
    alike: dict[str, list[tuple[Event, Observation]]] = defaultdict(list)
    for event in events:
        witness = witnesses.get((event.trace_id, event.span_id))
        if witness is not None and event.kind in {"tool_call", "retrieval"}:
            alike[squash(event.tool)[-_LIKE:]].append((event, witness))
    doubtful: set[SpanKey] = set()
    for calls in alike.values():
        for group in _at_once(calls):
            hanging = {_span(o) for _, o in group if o.parent_id and (o.trace_id, o.parent_id) not in seen}
            known = {_span(o) for event, o in group if (o.trace_id, o.span_id, event.call_id) in told}
            if hanging:
                doubtful |= {_span(o) for _, o in group} - known if known else hanging
    return frozenset(doubtful)


def _at_once(calls: Sequence[tuple[Event, Observation]]) -> Iterator[list[tuple[Event, Observation]]]:
    """Yield calls that overlap, two or more; all of them where they are of several hosts."""
    together = len({(o.service, o.instance) for _, o in calls}) > 1
    group: list[tuple[Event, Observation]] = []
    until = 0
    for event, o in sorted(calls, key=lambda call: (call[1].start, -call[1].end)):
        if group and o.start > until and not together:
            if len(group) > 1:
                yield group
            group = []
        group.append((event, o))
        until = max(until, o.end)
    if len(group) > 1:
        yield group


def _span(o: Observation) -> SpanKey:
    return o.trace_id, o.span_id
