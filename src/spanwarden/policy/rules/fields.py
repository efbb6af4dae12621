"""Facts of an event by name, for rules that count, compare or quote them: `tool`, `cost`, `args.order.id`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spanwarden.effects.unwrap import unwrap
from spanwarden.policy.document import Field, nearest
from spanwarden.policy.rules.base import RunView


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Any = _Missing()
"""What an event has not got."""
MAX_PARTS = 16
_CONTENT = {"args": "arguments", "result": "results", "text": "text", "error": "results", "metadata": "metadata"}
"""Facts that are in an event's content, and what a rule that reads them needs."""


def _tokens(view: RunView, index: int) -> Any:
    usage = view.events[index].usage
    return usage.input + usage.output if usage is not None else MISSING


def _user(view: RunView, index: int) -> Any:
    return _sent(view, index, ("user", "user_id"))


def _tenant(view: RunView, index: int) -> Any:
    return _sent(view, index, ("tenant", "tenant_id"))


def _sent(view: RunView, index: int, names: tuple[str, ...]) -> Any:
    """Return what the sender wrote beside the event or the run or, as it holds for all of it, any other event."""
    for metadata in (view.content(index).metadata, view.run.metadata):
        found = _first_sent(metadata, names)
        if found is not MISSING:
            return found
    return view.once(("fields.sent", names), lambda: _anywhere(view, names))


def _anywhere(view: RunView, names: tuple[str, ...]) -> Any:
    for content in view.contents:
        found = _first_sent(content.metadata, names)
        if found is not MISSING:
            return found
    return MISSING


def _first_sent(metadata: Mapping[str, Any] | None, names: tuple[str, ...]) -> Any:
    return next((metadata[name] for name in names if metadata and metadata.get(name) is not None), MISSING)


def _seconds(view: RunView, index: int) -> Any:
    event = view.events[index]
    return (event.end - event.start) / 1e9 if event.start and event.end >= event.start else MISSING


def _or_missing(value: Any) -> Any:
    return MISSING if value is None else value


_FACTS: dict[str, Callable[[RunView, int], Any]] = {
    "tool": lambda view, index: _or_missing(view.events[index].tool),
    "agent": lambda view, index: _or_missing(view.events[index].agent or view.run.agent),
    "model": lambda view, index: _or_missing(view.events[index].model),
    "provider": lambda view, index: _or_missing(view.events[index].provider),
    "kind": lambda view, index: view.events[index].kind,
    "role": lambda view, index: _or_missing(view.events[index].role),
    "status": lambda view, index: view.events[index].status,
    "index": lambda _, index: index,
    "turn": lambda view, index: _or_missing(view.events[index].turn),
    "target": lambda view, index: next((e.target for e in view.events[index].effects if e.target), MISSING),
    "cost": lambda view, index: _or_missing(view.events[index].cost_usd),
    "tokens": _tokens,
    "input_tokens": lambda view, index: u.input if (u := view.events[index].usage) is not None else MISSING,
    "output_tokens": lambda view, index: u.output if (u := view.events[index].usage) is not None else MISSING,
    "seconds": _seconds,
    "run": lambda view, _: view.run.id,
    "service": lambda view, _: _or_missing(view.run.service),
    "conversation": lambda view, _: _or_missing(view.run.conversation),
    "user": _user,
    "tenant": _tenant,
    "args": lambda view, index: _or_missing(_unwrapped(view, index)),
    "result": lambda view, index: _or_missing(view.content(index).result),
    "text": lambda view, index: _or_missing(view.content(index).text),
    "error": lambda view, index: _or_missing(view.content(index).error),
    "metadata": lambda view, index: _or_missing(view.content(index).metadata),
}
FACTS = tuple(_FACTS)


def _unwrapped(view: RunView, index: int) -> Any:
    given = view.content(index).arguments
    return None if given is None else unwrap(given)


class Path:
    """A fact by its dotted path, as `read_path` compiled it."""

    __slots__ = ("_parts", "_read", "name", "needs")

    def __init__(self, name: str) -> None:
        root, *parts = name.split(".")
        self.name = name
        self.needs = _CONTENT.get(root) or {"cost": "cost", "tokens": "usage"}.get(root)
        """What telemetry must carry for it, None where every event has it or may lack it."""
        self._read = _FACTS[root]
        self._parts = tuple(parts)

    def __call__(self, view: RunView, index: int) -> Any:
        """Return the fact, MISSING where the event has none."""
        value = self._read(view, index)
        for part in self._parts:
            if isinstance(value, Mapping):
                value = value.get(part, MISSING)
            elif isinstance(value, list) and part.isdigit() and len(part) < 7:
                value = value[int(part)] if int(part) < len(value) else MISSING
            else:
                return MISSING
        return MISSING if value is None else value

    def lacks(self, view: RunView, index: int) -> str | None:
        """Return what the telemetry of an event would have to carry for it; None where it carries that."""
        return self.needs if self._read(view, index) is MISSING else None


def read_path(place: Field) -> Path:
    """Return the fact that a text names. Raises PolicyError for a name that no event has."""
    return path_of(place, place.text())


def path_of(place: Field, name: str) -> Path:
    """Return the fact of this name; `place` is where it was written. Raises PolicyError."""
    parts = name.split(".")
    if parts[0] == "arguments":
        parts[0] = "args"
    if parts[0] not in _FACTS:
        place.fail(f"{name[:60]!r} is no fact of an event{nearest(parts[0], FACTS)}")
    if len(parts) > MAX_PARTS or not all(parts):
        place.fail(f"{name[:60]!r} is not a path such as args.order.id")
    if len(parts) > 1 and parts[0] not in ("args", "result", "metadata"):
        place.fail(f"{name[:60]!r}: {parts[0]!r} has nothing below it")
    return Path(".".join(parts))
