"""What the messages of a model call tell about time: repeated history, and requests that were never carried out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import Ancestry, SpanKey


def placed(ordered: Sequence[Observation]) -> list[Observation]:
    """Return the observations with history moved to the start of the model call that it was sent to.

    Log records that carry the messages are written during or after the call.
    """
    told = [index for index, o in enumerate(ordered) if o.history]
    if not told:
        return list(ordered)
    starts = {(o.trace_id, o.span_id): o.start for o in ordered if o.source == "span" and o.span_id and o.start}
    moved: dict[int, Observation] = {}
    for index in told:
        o = ordered[index]
        start = starts.get((o.trace_id, o.span_id), o.start)
        if start < o.start:
            moved[index] = msgspec.structs.replace(o, start=start, end=start)
    if not moved:
        return list(ordered)
    return sorted((moved.get(index, o) for index, o in enumerate(ordered)), key=lambda o: o.start)


_CALLS = frozenset({"tool_call", "handoff"})


class Histories:
    """Tells which actions are older than the run and which were only asked for."""

    def __init__(self, actions: Sequence[Observation], tree: Ancestry) -> None:
        self._agents = frozenset([(o.trace_id, o.span_id) for o in actions if o.kind == "agent" and o.source == "span"])
        self._above = tree.nearest(self._agents)
        self._opened: dict[SpanKey | None, int] = {}
        self._executing: set[SpanKey | None] = set()
        for o in actions:
            kind = o.kind
            if kind == "llm_call":
                agent = self._agent(o)
                opened = self._opened.get(agent)
                if opened is None or o.start < opened:
                    self._opened[agent] = o.start
            elif o.executed and o.source == "span" and kind in _CALLS:
                self._executing.add(self._agent(o))

    def before_the_run(self, members: Sequence[Observation]) -> bool:
        """Tell whether an action is known only from what its agent's first model call was sent: it is older."""
        for o in members:
            if not o.history:
                return False
        first = members[0] if len(members) == 1 else min(members, key=lambda o: o.start)
        opened = self._opened.get(self._agent(first))
        return opened is None or first.start <= opened

    def only_asked_for(self, members: Sequence[Observation]) -> bool:
        """Tell whether a call was asked for but not made: no result, and its agent's executions have spans.

        Holds for a run that has ended only; until then the span of the execution may still come.
        """
        for o in members:
            if o.source != "message" or o.executed or o.status != "unknown":
                return False
        return any(self._agent(o) in self._executing for o in members)

    def _agent(self, observation: Observation) -> SpanKey | None:
        if not observation.span_id:
            return None
        key = (observation.trace_id, observation.span_id)
        return key if key in self._agents else self._above.get(key)
