"""Events as conditions see them: troy's steps, which are plain dicts, and ours, which have fields."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spanwarden.model.event import Content, Effect, Event
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.work import Work
from spanwarden.policy.shapes import GROUPS

if TYPE_CHECKING:
    from spanwarden.policy.expressions.running import Running

TROY = "troy"
"""The dialect of events that were told in troy's own format: they carry their steps as they were."""
_TYPES: Mapping[str, str] = {
    "tool_call": "tool_call",
    "retrieval": "tool_call",
    "handoff": "tool_call",
    "llm_call": "llm_call",
    "embedding": "llm_call",
    "decision": "decision",
}
STEP_KEYS = frozenset(["step_id", "type", "description", "input", "output", "metadata"])


class Effects(tuple[dict[str, Any], ...]):
    """The effects of an event, each a dict with kind, target and detail; see `field_of` for the whole."""

    __slots__ = ()


def effects_of(effects: tuple[Effect, ...]) -> Effects:
    """Return effects as conditions see them."""
    return Effects({"kind": e.kind, "target": e.target, "detail": e.detail} for e in effects)


def step_type(event: Event) -> str:
    """Return troy's type of an event: tool_call, llm_call, decision or, for all else, observation."""
    return _TYPES.get(event.kind, "observation")


def description(event: Event) -> str:
    """Return troy's description of an event: the name of its tool, of its model, or what kind of event it is."""
    if event.tool:
        return event.tool
    if event.kind == "llm_call" and event.model:
        return event.model
    return event.written.category if event.written is not None else event.kind


def step_input(event: Event, content: Content) -> Any:
    """Return what went into an event, {} where nothing is known of it."""
    given = content.arguments
    if given is None and event.role in ("user", "system", "developer"):
        given = {"text": content.text} if content.text else None
    return {} if given is None else given


def step_output(content: Content) -> Any:
    """Return what came out of an event, {} where nothing is known of it."""
    for name, value in (("result", content.result), ("error", content.error), ("text", content.text)):
        if value is not None:
            return value if name == "result" else {name: value}
    return {}


def own_step(event: Event, content: Content) -> Mapping[str, Any] | None:
    """Return the step of an event that was told in troy's format, None for every other event."""
    raw = content.raw
    return raw if event.dialect == TROY and isinstance(raw, Mapping) and raw.keys() >= STEP_KEYS else None


class Steps(Sequence[Any]):
    """Some of a run's steps, in order. Behaves as a list without being copied for every event."""

    __slots__ = ("_at", "_hi", "_lo", "_work")

    def __init__(self, at: Callable[[int], Any], lo: int, hi: int, work: Work) -> None:
        self._at = at
        self._lo = lo
        self._hi = max(lo, hi)
        self._work = work

    def __len__(self) -> int:
        return self._hi - self._lo

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            indices = range(self._lo, self._hi)[key]
            self._work.take(len(indices))
            return [self._at(index) for index in indices]
        return self._at(range(self._lo, self._hi)[key])

    def __iter__(self) -> Iterator[Any]:
        for index in range(self._lo, self._hi):
            self._work.take(1)
            yield self._at(index)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Steps | list):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return False

    def __hash__(self) -> int:
        raise TypeError("unhashable type: 'list'")

    def __repr__(self) -> str:
        return repr(list(self))


class EventField:
    """One event of the run, whose fields conditions read by name."""

    __slots__ = ("index", "running")

    def __init__(self, running: Running, index: int) -> None:
        self.running = running
        self.index = index

    def __getitem__(self, key: Any) -> Any:
        return self.running.step(self.index)[key]

    def __contains__(self, key: object) -> bool:
        return key in self.running.step(self.index)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return what a key of troy's step holds."""
        return self.running.step(self.index).get(key, default)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventField) and other.index == self.index

    def __hash__(self) -> int:
        return self.index

    def __repr__(self) -> str:
        return repr(self.running.step(self.index))


class RunField:
    """The run, whose fields conditions read by name."""

    __slots__ = ("running",)

    def __init__(self, running: Running) -> None:
        self.running = running

    def __repr__(self) -> str:
        return self.running.run.id


def field_of(value: Any, name: str) -> Any:
    """Return a field: of an event, the run, effects, or an object's key. None where there is none.

    This is all that `x.name` ever does: no attribute of a Python object is looked up by a name of the policy.
    """
    kind = type(value)
    if kind is dict:
        return value.get(name)
    if kind is EventField:
        return event_field(value, name)
    if kind is Effects:
        return _effects_field(value, name)
    if kind is RunField:
        return run_field(value, name)
    if isinstance(value, dict | Mapping):
        return value.get(name)
    if value is None:
        return None
    raise ConditionError(f"a value without fields was asked for {name!r}")


def _effects_field(value: Effects, name: str) -> Any:
    if name == "kinds":
        return _with_groups(frozenset([effect["kind"] for effect in value]))
    if name == "targets":
        return [effect["target"] for effect in value if effect["target"] is not None]
    if name == "details":
        return [detail for effect in value if effect["detail"] for detail in effect["detail"].split(",")]
    raise ConditionError(f"effects have no {name!r}, but kinds, targets and details")


@functools.lru_cache(maxsize=1_024)
def _with_groups(kinds: frozenset[str]) -> frozenset[str]:
    return kinds.union(group for group, members in GROUPS.items() if not kinds.isdisjoint(members))


def event_field(value: EventField, name: str) -> Any:
    """Return a field of an event. Raises ConditionError for one that events do not have."""
    running, index = value.running, value.index
    event = running.events[index]
    attribute = EVENT_ATTRIBUTES.get(name)
    if attribute is not None:
        return getattr(event, attribute)  # one of our own table's names
    if name in EVENT_LOADED:
        return running.load(name, index)
    if name == "index":
        return index
    raise ConditionError(f"an event has no {name!r}")


def run_field(value: RunField, name: str) -> Any:
    """Return a field of the run. Raises ConditionError for one that runs do not have."""
    attribute = RUN_ATTRIBUTES.get(name)
    if attribute is None:
        raise ConditionError(f"a run has no {name!r}")
    return getattr(value.running.run, attribute)  # one of our own table's names


EVENT_ATTRIBUTES: Mapping[str, str] = {
    "kind": "kind",
    "type": "kind",
    "tool": "tool",
    "model": "model",
    "status": "status",
    "role": "role",
    "agent_name": "agent",
    "agent": "agent",
    "cost": "cost_usd",
    "call_id": "call_id",
}
"""Fields of an event that stand in it as they are."""
EVENT_LOADED = frozenset(["args", "result", "text", "error", "usage", "effects", "metadata", "run"])
"""Fields of an event that are worked out or loaded on first use."""
RUN_ATTRIBUTES: Mapping[str, str] = {
    "id": "id",
    "agent": "agent",
    "conversation": "conversation",
    "service": "service",
    "cost": "cost_usd",
    "runtime": "runtime_seconds",
    "completeness": "completeness",
    "metadata": "metadata",
}
