"""What is certain of a run that goes on, and how often it may be looked at."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.model.run import Run
from spanwarden.runs.ancestry import SpanKey
from spanwarden.runs.costs import total

_POOL = 100_000


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
    return Event(
        kind="tool_call" if o.kind in {"span", "end"} else o.kind,  # type: ignore[arg-type]
        status=o.status,
        tool=o.tool,
        model=o.model,
        effects=o.effects,
        cost_usd=o.cost_usd,
        cost_source=o.cost_source,
    )


def certain_part(run: Run, observations: Iterable[Observation]) -> Run:
    """Return a run with only those of its events that nothing can undo, and what they are known to have cost."""
    spans: set[SpanKey] = set()
    calls: set[str] = set()
    for o in observations:
        if certain(o):
            if o.span_id:
                spans.add((o.trace_id, o.span_id))
            if o.merge is not None and o.kind == "tool_call":
                calls.add(o.merge)
    events = tuple(
        event
        for event in run.events
        if ((event.kind in {"tool_call", "retrieval"} and event.status == "ok") or event.cost_source == "reported")
        and event.kind != "agent"
        and ((event.trace_id, event.span_id) in spans or (not event.span_id and event.call_id in calls))
    )
    cost, source = total(events)
    return msgspec.structs.replace(run, events=events, cost_usd=cost, cost_source=source, runtime_seconds=None)


class Looks:
    """How many observations may be looked at before their runs are complete.

    A run may be looked at whenever it has doubled. Beyond that, looks share what all arrivals together have earned,
    one look at one observation each, so that the work stays in proportion to what arrives whatever a sender does.
    """

    def __init__(self) -> None:
        self._earned = _POOL

    def earn(self, count: int) -> None:
        """Note that this many observations have arrived."""
        self._earned = min(_POOL, self._earned + count)

    def affordable(self, held: int, looked: int) -> bool:
        """Tell whether a window of `held` observations, `looked` when it was last looked at, may be looked at now."""
        return held >= 2 * looked or held <= self._earned

    def spend(self, held: int, looked: int) -> None:
        """Note a look."""
        if held < 2 * looked:
            self._earned -= held
