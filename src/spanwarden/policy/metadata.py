"""Facts about an event that conditions read: where it leads, how sensitive its data is, what sort of action it is.

What the sender wrote goes first, then what the user's table says of the tool, host or path, then what is derived from
effects, destinations and content. docs/metadata.md says what each value means. A fact is worked out when it is first
asked for: most conditions read one or two, and how sensitive data is can only be told by searching all of it.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spanwarden.effects.table import squashed
from spanwarden.model.event import Content
from spanwarden.policy.approvals import approval_for
from spanwarden.policy.classification import level_of
from spanwarden.policy.deriving import alters, auth_method, category, permission_level, where
from spanwarden.policy.destinations import destinations, is_below
from spanwarden.policy.destruction import destroys
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.touched import touched_paths

_ACTIONS = frozenset({"tool_call", "retrieval", "handoff"})
_SENSITIVE = frozenset({"secret", "phi", "pii"})
_MISSING: Any = object()


def metadata_of(view: RunView, index: int) -> dict[str, Any]:
    """Return all that is known of one event of a run. A key is absent where nothing tells."""
    return Metadata(view, index).whole()


class Metadata(dict[str, Any]):
    """What is known of one event of a run, as an object of which each fact is worked out when it is asked for.

    It reads as the dict that `metadata_of` returns.
    """

    __slots__ = ("_asked", "_listed", "_sent", "_whole", "derived", "place", "view")

    def __init__(self, view: RunView, place: int) -> None:
        super().__init__()
        self.view = view
        self.place = place
        self._asked: dict[Any, Any] = {}
        self.derived: dict[str, Any] = {}
        self._listed: Mapping[str, Any] | None = None
        self._sent: Mapping[str, Any] | None = None
        self._whole: dict[str, Any] | None = None

    # Facts

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a fact, the default where nothing tells."""
        try:
            found = self._asked[key]
        except KeyError:
            found = self._asked[key] = self._fact(key)
        return default if found is _MISSING else found

    def _fact(self, key: Any) -> Any:
        """Return a fact by whoever has the last word on it."""
        if self._sent is None:
            self._sent = _sent(self.view.content(self.place))
        if key in self._sent:
            return self._sent[key]
        if key == "error":
            error = self._error()
            if error is not None:
                return error
        listed = self._from_table()
        if key in listed:
            return listed[key]
        found = self.of_event(key) if key in _FACTS else None
        return _MISSING if found is None else found

    def whole(self) -> dict[str, Any]:
        """Return all facts that are known."""
        if self._whole is None:
            names = {name: self.of_event(name) for name in _FACTS}
            known = {name: value for name, value in names.items() if value is not None}
            known.update(self._from_table())
            error = self._error()
            if error is not None:
                known["error"] = error
            known.update(_sent(self.view.content(self.place)))
            self._whole = known
        return self._whole

    def _error(self) -> str | None:
        content = self.view.content(self.place)
        failed = content.error or self.view.events[self.place].status == "error"
        return content.error or "error" if failed else None

    def of_event(self, name: str) -> Any:
        """Return a fact as it follows from the event, None where nothing tells."""
        found = self.derived.get(name, _MISSING)
        if found is _MISSING:
            anyway, derive = _FACTS[name]
            acts = anyway or self.view.events[self.place].kind in _ACTIONS
            found = self.derived[name] = derive(self) if acts else None
        return found

    def _from_table(self) -> Mapping[str, Any]:
        """Return what the user's table says of the event's paths, hosts and tool; the tool has the last word."""
        if self._listed is None:
            acts = self.view.events[self.place].kind in _ACTIONS
            self._listed = _listed(self.view, self.place) if acts else {}
        return self._listed

    # All that a dict is asked for besides

    def __getitem__(self, key: Any) -> Any:
        found = self.get(key, _MISSING)
        if found is _MISSING:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return self.get(key, _MISSING) is not _MISSING

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    def __eq__(self, other: object) -> bool:
        return self.whole() == (other.whole() if isinstance(other, Metadata) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.whole())

    def keys(self) -> Any:
        """Return the names of all facts."""
        return self.whole().keys()

    def values(self) -> Any:
        """Return all facts."""
        return self.whole().values()

    def items(self) -> Any:
        """Return all facts with their names."""
        return self.whole().items()


def _zone(facts: Metadata) -> Any:
    event, table = facts.view.events[facts.place], facts.view.table
    places = where(destinations(event, table.own_hosts), table)
    for name in ("encrypted", "domain_approved", "vendor_approved"):
        facts.derived[name] = places.get(name)
    return places["network_zone"]


def _beside_zone(facts: Metadata, name: str) -> Any:
    facts.of_event("network_zone")
    return facts.derived[name]


def _classification(facts: Metadata) -> str | None:
    """Return how sensitive the data is: of what leaves for an event that goes outside, else of all it touched."""
    view, index = facts.view, facts.place
    if view.events[index].kind not in _ACTIONS:
        return level_of(view, index, ())
    outside = facts.of_event("network_zone") == "external"
    held = level_of(view, index, ("arguments",) if outside else ("arguments", "result"))
    content = view.content(index)
    if held is None and (content.arguments is not None or content.result is not None):
        return "public" if outside else "internal"
    return held


def _received(facts: Metadata) -> str | None:
    outside = facts.of_event("network_zone") == "external"
    return level_of(facts.view, facts.place, ("result",)) if outside else None


def _requires_approval(facts: Metadata) -> bool:
    event = facts.view.events[facts.place]
    if alters(event) or facts.of_event("destructive") or facts.of_event("permission_level") == "admin":
        return True
    if facts.of_event("category") in {"financial", "payment"}:
        return True
    outside = facts.of_event("network_zone") == "external"
    return outside and facts.of_event("data_classification") in _SENSITIVE


_Derive = Callable[[Metadata], Any]
_FACTS: Mapping[str, tuple[bool, _Derive]] = {
    "environment": (True, lambda m: m.view.table.environment or None),
    "trace_id": (True, lambda m: m.view.events[m.place].trace_id.hex() or None),
    "session_id": (True, lambda m: m.view.run.conversation or None),
    "network_zone": (False, _zone),
    "encrypted": (False, lambda m: _beside_zone(m, "encrypted")),
    "domain_approved": (False, lambda m: _beside_zone(m, "domain_approved")),
    "vendor_approved": (False, lambda m: _beside_zone(m, "vendor_approved")),
    "category": (False, lambda m: category(m.view.events[m.place], m.view.content(m.place))),
    "permission_level": (False, lambda m: permission_level(m.view.events[m.place])),
    "auth_method": (False, lambda m: auth_method(m.view.events[m.place], m.view.content(m.place))),
    "data_classification": (True, _classification),
    "received_classification": (False, _received),
    "requires_approval": (False, _requires_approval),
    "destructive": (False, lambda m: destroys(m.view.events[m.place])),
    "approval_token": (False, lambda m: approval_for(m.view, m.place)),
}
"""What can be derived, in the order in which it is shown: whether of every event or of actions only, and how."""
DERIVED = frozenset((*_FACTS, "error"))
"""Names of facts that are derived where the sender says nothing."""


def _listed(view: RunView, index: int) -> Mapping[str, Any]:
    event, table = view.events[index], view.table
    known: dict[str, Any] = {}
    for _, path in zip(range(64), touched_paths(event) if table.paths else (), strict=False):
        for pattern, facts in table.paths.items():
            if _glob(pattern).match(path[-4096:]):
                known.update(facts)
    if table.hosts:
        hosts = [place.host for place in destinations(event, table.own_hosts) if place.host]
        for host in hosts[:64]:
            for listed, facts in table.hosts.items():
                if is_below(host, (listed,)):
                    known.update(facts)
    if event.tool and table.tools:
        named = squashed(event.tool)
        for tool, facts in table.tools.items():
            if squashed(tool) == named:
                known.update(facts)
    return known


@functools.lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    # fnmatch.translate writes atomic groups: no pattern backtracks, whatever the path.
    return re.compile(fnmatch.translate(pattern))


def _sent(content: Content) -> Mapping[str, Any]:
    """Return what the sender wrote beside the event: attributes, or a transcript event's own `metadata`."""
    raw = content.raw
    own = raw.get("metadata") if isinstance(raw, Mapping) else None
    return {**(own if isinstance(own, Mapping) else {}), **(content.metadata or {})}
