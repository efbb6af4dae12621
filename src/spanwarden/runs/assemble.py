"""From observations to a run: what really happened, each action once, in order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.observation import DERIVED, Observation
from spanwarden.model.run import Completeness, Run
from spanwarden.runs.ancestry import Ancestry, SpanKey, span_key
from spanwarden.runs.clocks import aligned
from spanwarden.runs.costs import Prices, total, with_estimates
from spanwarden.runs.grouping import group
from spanwarden.runs.handoffs import agent_names, asks_an_agent, spawning_calls, spawns
from spanwarden.runs.history import Histories, placed
from spanwarden.runs.merging import Name, event_of
from spanwarden.runs.retelling import without_retold

_CALLS = frozenset({"tool_call", "handoff"})
_PLACE = attrgetter("start", "sequence", "trace_id", "span_id", "source", "kind")


def assemble(
    observations: Sequence[Observation],
    completeness: Completeness,
    prices: Prices | None = None,
    told: Collection[Name] = (),
) -> Run:
    """Merge the observations of one window into a run. Pure; the order of the input does not matter.

    Needs at least one observation. Ancestry comes from the structure spans; they and the "end" marks are no events.
    prices: what to estimate costs with that nothing reported. told: see `event_of`.
    """
    ordered = placed(_canonical(aligned(observations)))
    tree = Ancestry(ordered)
    actions = without_retold([o for o in ordered if o.kind not in {"span", "end"}], tree)
    histories = Histories(actions, tree)
    agents = _Agents(ordered, actions, tree)
    ended = completeness == "root_ended"
    built: list[tuple[Any, ...]] = []
    for indexes in group(actions, tree, histories).members():
        members = [actions[i] for i in indexes] if len(indexes) > 1 else (actions[indexes[0]],)
        known = None if len(members) == 1 and members[0].agent else agents.of(members)
        event = event_of(members, known, told)
        if event.kind in _CALLS:
            event = _retold(event, members, histories, ended)
            if event.kind == "tool_call" and agents.took_over(members) and not spawns(event):
                event = msgspec.structs.replace(event, kind="handoff")
        built.append(_place(event, members, indexes[0]))
    built.sort()
    events = with_estimates(_usage_once([place[-1] for place in built], tree), prices)
    return _run(ordered, events, completeness, prices)


class _Agents:
    """Who did what: the agents of one window."""

    def __init__(self, ordered: Sequence[Observation], actions: Sequence[Observation], tree: Ancestry) -> None:
        self._spans = _agents(actions)
        self._names = agent_names(actions)
        self._above = tree.nearest(self._spans)
        self._identified = _identified(ordered)
        self._spawning = spawning_calls(actions, tree)

    def of(self, members: Sequence[Observation]) -> str | None:
        """Return the agent of an action whose own records may not name it: by its id, else the nearest one above."""
        if self._identified:
            for o in members:
                if o.agent_id in self._identified:
                    return self._identified[o.agent_id]
        return _agent_above(members, self._spans, self._above) or _agent_id(members)

    def took_over(self, members: Sequence[Observation]) -> bool:
        """Tell whether a tool call was really an agent: it holds one, or bears the name of one."""
        if self._spawning and not self._spawning.isdisjoint(_keys(members)):
            return True
        return asks_an_agent(members, self._names)


def _retold(event: Event, members: Sequence[Observation], histories: Histories, ended: bool) -> Event:
    """Return a call that did not happen in this run as the message that it is: old history, or a mere request."""
    if (event.tool is None and not any(o.executed for o in members)) or histories.before_the_run(members):
        return msgspec.structs.replace(event, kind="message", role="tool", effects=(), status="unknown")
    if ended and histories.only_asked_for(members):
        return msgspec.structs.replace(event, kind="message", role="assistant", effects=())
    return event


def _canonical(observations: Sequence[Observation]) -> list[Observation]:
    """One order whatever the order of arrival, exact repetitions gone."""
    places = list(map(_PLACE, observations))
    order = sorted(range(len(places)), key=places.__getitem__)
    ordered: list[Observation] = []
    alike: list[Observation] = []
    place: tuple[Any, ...] | None = None
    for index in order:
        if places[index] == place:
            alike = alike or [ordered.pop()]
            alike.append(observations[index])
            continue
        if alike:
            ordered += _apart(alike)
            alike = []
        place = places[index]
        ordered.append(observations[index])
    return ordered + _apart(alike) if alike else ordered


def _apart(alike: Iterable[Observation]) -> list[Observation]:
    """Return observations of one place in their order, repetitions gone."""
    known: dict[tuple[str, int], list[Observation]] = {}
    for o in alike:
        # A request that is sent twice repeats its records at another position.
        part = -1 if o.content is None else o.content.part
        known.setdefault((o.merge or "", part), []).append(o)
    ordered: list[Observation] = []
    for key in sorted(known):
        ordered += _distinct(known[key]) if len(known[key]) > 1 else known[key]
    return ordered


def _distinct(alike: Iterable[Observation]) -> list[Observation]:
    """Return what differs in more than the position of its content, in one order; of equals the first in position."""
    distinct: dict[bytes, Observation] = {}
    for o in alike:
        key = msgspec.json.encode(msgspec.structs.replace(o, content=None))
        known = distinct.get(key)
        if known is None or (o.content is not None and known.content is not None and o.content < known.content):
            distinct[key] = o
    return [distinct[key] for key in sorted(distinct)]


def _agents(actions: Iterable[Observation]) -> dict[SpanKey, str]:
    """Every span of a named agent; a workflow's name counts where no agent of its own is named."""
    return {(o.trace_id, o.span_id): o.agent for o in actions if o.kind == "agent" and o.source == "span" and o.agent}


def _identified(ordered: Iterable[Observation]) -> dict[str, str]:
    """Return the names of agents by their ids; what an agent's own record says goes before what others say."""
    own: dict[str, str] = {}
    others: dict[str, str] = {}
    for o in ordered:
        if o.agent_id and o.agent:
            (own if o.kind == "agent" else others).setdefault(o.agent_id, o.agent)
    return {**others, **own}


def _agent_id(members: Iterable[Observation]) -> str | None:
    return next((o.agent_id for o in members if o.agent_id), None)


def _keys(members: Iterable[Observation]) -> Iterable[SpanKey]:
    return (key for o in members if o.source == "span" and (key := span_key(o)) is not None)


def _agent_above(
    members: Iterable[Observation], agents: dict[SpanKey, str], above: Mapping[SpanKey, SpanKey | None]
) -> str | None:
    for o in members:
        key = span_key(o)
        if key is None:
            continue
        if o.source != "span" and key in agents:
            return agents[key]
        found = above.get(key)
        if found is not None:
            return agents[found]
    return None


def _place(event: Event, members: Sequence[Observation], index: int) -> tuple[Any, ...]:
    """Order by start, then the agent, what a model was sent, what it did, what it answered, then sequence and id.

    The event comes last; it is never compared, as no two have the same index.
    """
    first = members[0]
    sequence = first.sequence
    if len(members) > 1:
        sequence = min([o.sequence for o in members if o.start == first.start])
    if event.kind == "agent":
        return event.start, 0, -event.end, sequence, event.trace_id, event.span_id, index, event
    if first.source != "message" or (len(members) > 1 and any(o.source != "message" for o in members)):
        phase = 2
    else:
        phase = 1 if first.history else 3
    return event.start, phase, 0, sequence, event.trace_id, event.span_id, index, event


def _usage_once(events: list[Event], tree: Ancestry) -> list[Event]:
    """Agents repeat the sums of what is below them: keep one for the topmost only, and only if no model call has any.

    Tokens and cost are judged apart: some senders tell the tokens of each call and the cost of the whole.
    """
    if not [e for e in events if e.kind == "agent" and (e.usage is not None or e.cost_usd is not None)]:
        return events
    counted = _topmost(events, tree, lambda e: e.usage is not None)
    costly = _topmost(events, tree, lambda e: e.cost_usd is not None)
    once: list[Event] = []
    for event in events:
        changes: dict[str, Any] = {}
        if event.kind == "agent" and event.usage is not None and (event.trace_id, event.span_id) not in counted:
            changes["usage"] = None
        if event.kind == "agent" and event.cost_usd is not None and (event.trace_id, event.span_id) not in costly:
            changes.update(cost_usd=None, cost_source=None)
        once.append(msgspec.structs.replace(event, **changes) if changes else event)
    return once


def _topmost(events: list[Event], tree: Ancestry, has: Callable[[Event], bool]) -> frozenset[SpanKey]:
    """Return the agents whose sum counts: those without one above them, none if anything but an agent tells it."""
    if any(e.kind != "agent" and has(e) for e in events):
        return frozenset()
    summed = {(e.trace_id, e.span_id) for e in events if e.kind == "agent" and has(e)}
    above = tree.nearest(summed)
    return frozenset(key for key in summed if above.get(key) is None)


def _run(ordered: Sequence[Observation], events: list[Event], completeness: Completeness, prices: Prices | None) -> Run:
    traces = tuple(dict.fromkeys([o.trace_id for o in ordered if o.trace_id]))
    root = _root(ordered)
    cost, source = total(events)
    starts = [at for o in ordered if (at := o.start or o.end)]
    start = min(starts, default=0)
    end = max([*starts, *[o.end for o in ordered]])
    explicit = next(iter([o.run_id for o in ordered if o.run_id]), None)
    return Run(
        id=explicit or (traces[0].hex() if traces else _best_key(ordered)),
        events=tuple(events),
        agent=_agent(ordered, events),
        conversation=_conversation(ordered),
        service=next((o.service for o in ordered if o.service), None),
        start=start,
        end=end,
        cost_usd=cost,
        cost_source=source,
        price_table=prices.version if prices is not None and source == "estimated" else None,
        runtime_seconds=(end - start) / 1e9 if starts else None,
        completeness=completeness,
        trace_ids=traces,
        root_trace_id=root.trace_id if root else b"",
        root_span_id=root.span_id if root else b"",
        dialects=tuple(sorted({e.dialect for e in events})),
    )


def _conversation(ordered: Sequence[Observation]) -> str | None:
    """Return the conversation: a name that was sent, else what a model call's messages say, else an agent's."""
    derived: list[Observation] = []
    for o in ordered:
        if o.conversation:
            if not o.conversation.startswith(DERIVED):
                return o.conversation
            derived.append(o)
    if not derived:
        return None
    calls = {span_key(o) for o in ordered if o.kind == "llm_call"} - {None}
    return next((o.conversation for o in (*(o for o in derived if span_key(o) in calls), *derived)), None)


def _root(ordered: Sequence[Observation]) -> Observation | None:
    """Return the span to hang the verdict on: the declared root, else one without a parent, else the first span."""
    own = [o for o in ordered if o.source == "span" and o.span_id]
    if own:
        return next((o for o in own if o.root), None) or next((o for o in own if not o.parent_id), own[0])
    return next((o for o in ordered if o.span_id), None)


def _agent(ordered: Sequence[Observation], events: Iterable[Event]) -> str | None:
    """Return the first named agent; a workflow's name only where no agent has one."""
    agents = [e for e in events if e.kind == "agent" and e.agent]
    if agents:
        workflows = {o.span_id for o in ordered if o.kind == "agent" and o.role == "workflow"}
        return next((e for e in agents if e.span_id not in workflows), agents[0]).agent
    return next((e.agent for e in events if e.agent), None)


def _best_key(ordered: Sequence[Observation]) -> str:
    """Return the key that most observations share; among equals the first in the alphabet."""
    counts: dict[str, int] = {}
    for o in ordered:
        for key in o.keys:
            counts[key] = counts.get(key, 0) + 1
    return min(counts, key=lambda key: (-counts[key], key)) if counts else "unknown"
