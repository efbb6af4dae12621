"""What the messages of a model call tell about time: repeated history, and requests that were never carried out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import SpanKey, nearest, span_key


def placed(ordered: Sequence[Observation]) -> list[Observation]:
    """Return the observations with history moved to the start of the model call that it was sent to.

    Log records that carry the messages are written during or after the call.
    """
    starts = {(o.trace_id, o.span_id): o.start for o in ordered if o.source == "span" and o.span_id and o.start}
    moved = False
    result: list[Observation] = []
    for o in ordered:
        if o.history and (start := starts.get((o.trace_id, o.span_id))) is not None and start < o.start:
            moved = True
            result.append(msgspec.structs.replace(o, start=start, end=start))
        else:
            result.append(o)
    return sorted(result, key=lambda o: o.start) if moved else result


class Histories:
    """Tells which actions are older than the run and which were only asked for."""

    def __init__(self, actions: Sequence[Observation], parents: dict[SpanKey, SpanKey | None]) -> None:
        self._agents = frozenset((o.trace_id, o.span_id) for o in actions if o.kind == "agent" and o.source == "span")
        self._above = nearest(parents, self._agents)
        self._opened: dict[SpanKey | None, int] = {}
        self._executing: set[SpanKey | None] = set()
        for o in actions:
            agent = self._agent(o)
            if o.kind == "llm_call":
                self._opened[agent] = min(o.start, self._opened.get(agent, o.start))
            elif o.executed and o.source == "span" and o.kind in {"tool_call", "handoff"}:
                self._executing.add(agent)

    def before_the_run(self, members: Sequence[Observation]) -> bool:
        """Tell whether an action is known only from what its agent's first model call was sent: it is older."""
        if not all(o.history for o in members):
            return False
        first = min(members, key=lambda o: o.start)
        opened = self._opened.get(self._agent(first))
        return opened is None or first.start <= opened

    def only_asked_for(self, members: Sequence[Observation]) -> bool:
        """Tell whether a call was asked for but not made: no result, and its agent's executions have spans.

        Holds for a run that has ended only; until then the span of the execution may still come.
        """
        asked = all(o.source == "message" and not o.executed and o.status == "unknown" for o in members)
        return asked and any(self._agent(o) in self._executing for o in members)

    def _agent(self, observation: Observation) -> SpanKey | None:
        key = span_key(observation)
        if key is None or key in self._agents:
            return key
        return self._above.get(key)
