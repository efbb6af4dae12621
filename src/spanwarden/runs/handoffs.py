"""Tool calls that are really one agent passing the work to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import Ancestry, SpanKey
from spanwarden.runs.matching import squash


def spawning_calls(actions: Sequence[Observation], tree: Ancestry) -> set[SpanKey]:
    """Return the spans of tool calls that hold an agent and nothing in between: that agent is the tool."""
    spans = {(o.trace_id, o.span_id): o for o in actions if o.source == "span" and o.span_id}
    if not [o for o in spans.values() if o.kind == "tool_call"]:
        return set()
    above = tree.nearest(spans)
    return {
        outer
        for key, o in spans.items()
        if o.kind == "agent" and (outer := above.get(key)) is not None and spans[outer].kind == "tool_call"
    }


def agent_names(actions: Iterable[Observation]) -> frozenset[str]:
    """Return the names of the agents that were seen at work, without case and punctuation."""
    return frozenset(squash(o.agent) for o in actions if o.kind == "agent" and o.agent and o.role != "workflow")


def asks_an_agent(members: Sequence[Observation], agents: frozenset[str]) -> bool:
    """Tell whether a call that nobody saw executed as a tool is named after an agent of the run: that agent did it."""
    if not agents or any(o.executed for o in members):
        return False
    return any(squash(o.tool) in agents for o in members if o.tool)


def spawns(event: Event) -> bool:
    """Tell whether a call is of a tool that exists to start agents: it stays a tool call, and no hand-off."""
    return any(effect.kind == "agent_spawn" for effect in event.effects)
