"""What several content rules of one run share: provenance, secrets, what was captured. Worked out once a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from spanwarden.detectors.echoes import echoes
from spanwarden.detectors.personal import find_personal
from spanwarden.detectors.provenance import HeldStep, Origin, Provenance, Step
from spanwarden.detectors.secrets import Secret, find_secrets, secret_by_name
from spanwarden.detectors.texts import Leaf, leaves
from spanwarden.model.event import Event
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.selectors import Selector

CALLS = frozenset(["tool_call", "retrieval"])
_ASKING = frozenset(["user", "system", "developer"])
_SILENT = HeldStep()
MAX_SCANNED = 4 * 1024 * 1024
"""Characters of one run that are searched for secrets and personal data."""


class Sensitive(NamedTuple):
    """A secret or personal data in an event's content. `value` is whole: mask it before it leaves."""

    event: int
    field: str
    category: str
    kind: str
    value: str
    certain: bool


def bare(event: Event) -> bool:
    """Tell whether it is known of an event, without loading anything, that its telemetry carries no content."""
    refs = event.content
    for ref in refs:
        if not ref.bare:
            return False
    return bool(refs)


def bare_events(view: RunView) -> frozenset[int]:
    """Return the events of which `bare` holds."""
    return view.once("bare", lambda: frozenset([index for index, event in enumerate(view.events) if bare(event)]))


def calls(view: RunView) -> list[int]:
    """Return the calls and retrievals of a run."""
    return view.once("calls", lambda: [index for index, event in enumerate(view.events) if event.kind in CALLS])


def taken(view: RunView, selector: Selector) -> Sequence[int]:
    """Return the events that a selector takes, content aside; worked out once a run and selector."""
    found = view.taken.get(id(selector))
    if found is None:
        found = view.taken[id(selector)] = _taken(view, selector)
    return found


def _taken(view: RunView, selector: Selector) -> Sequence[int]:
    effects = selector.effects
    if effects and not selector.acting:
        by_effect = view.once("effects", lambda: _by_effect(view))
        if effects.isdisjoint(by_effect):
            return ()
        wanted = sorted({index for kind in effects if kind in by_effect for index in by_effect[kind]})
        return [index for index in wanted if selector.takes(view.events[index])]
    every = calls(view) if selector.kinds <= CALLS else None
    if every is None:
        return [index for index, event in enumerate(view.events) if selector.takes(event)]
    by_event = effects or selector.tools or selector.agents or selector.roles or selector.within
    if not by_event and len(selector.kinds) == len(CALLS):
        return every
    return [index for index in every if selector.takes(view.events[index])]


def _by_effect(view: RunView) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, event in enumerate(view.events):
        for effect in event.effects:
            found.setdefault(effect.kind, []).append(index)
    return found


def captured(view: RunView, places: Sequence[int], field: str) -> bool:
    """Tell whether one of these events has its "arguments", or its "result" or error."""
    empty = bare_events(view)
    for index in places if not empty.issuperset(places) else ():
        if index not in empty:
            content = view.contents.body(index)
            if getattr(content, field) is not None or (field == "result" and content.error is not None):
                return True
    return False


class _LoadedStep:
    """One event of a run; its content is loaded when something of it is asked for."""

    __slots__ = ("_index", "_view", "by_user", "tool")

    def __init__(self, view: RunView, index: int) -> None:
        event = view.events[index]
        self._view = view
        self._index = index
        self.tool = (event.tool or event.kind) if event.kind in CALLS else None
        self.by_user = event.kind == "message" and event.role == "user"

    @property
    def said(self) -> str | None:
        event = self._view.events[self._index]
        told = event.kind == "message" and event.role in _ASKING
        return self._view.contents.body(self._index).text if told else None

    @property
    def arguments(self) -> Any:
        return self._view.contents.body(self._index).arguments if self.tool else None

    @property
    def result(self) -> Any:
        event = self._view.events[self._index]
        return self._view.contents.body(self._index).result if self.tool and not bare(event) else None

    @property
    def error(self) -> str | None:
        return self._view.contents.body(self._index).error if self.tool else None


def provenance(view: RunView) -> Provenance:
    """Return where the run's values came from: nothing at all where no result was captured."""
    return view.once("content.provenance", lambda: _provenance(view))


def _provenance(view: RunView) -> Provenance:
    empty = bare_events(view)
    for index in calls(view):
        if index not in empty and view.contents.body(index).result is not None:
            return Provenance([_step(view, at, event) for at, event in enumerate(view.events)])
    return Provenance(())


def _step(view: RunView, index: int, event: Event) -> Step:
    asks = event.kind == "message" and event.role in _ASKING
    return _LoadedStep(view, index) if asks or event.kind in CALLS else _SILENT


def echoed(view: RunView) -> list[Origin]:
    """Return the calls that carry out a sentence of a result which no cue gives away."""
    return view.once("content.echoes", lambda: echoes(provenance(view)))


def sensitive(view: RunView, field: str) -> list[Sensitive]:
    """Return the secrets and personal data in every call's "result" or "arguments", in order."""
    return [item for index in calls(view) for item in sensitive_in(view, field, index, SENSITIVE)]


def sensitive_in(view: RunView, field: str, index: int, categories: frozenset[str]) -> list[Sensitive]:
    """Return what of these categories is in one call's "result" or "arguments"; each call is searched once."""
    if bare(view.events[index]):
        return []
    index_ = view.once(("content.sensitive", field), lambda: _SensitiveIndex(view, field))
    return [item for item in index_.of(index, categories) if item.category in categories]


class _SensitiveIndex:
    """Secrets and personal data in one field of a run's calls, searched for when they are asked for."""

    def __init__(self, view: RunView, field: str) -> None:
        self._view = view
        self._field = field
        self._budget = dict.fromkeys(_FINDERS, MAX_SCANNED)
        self._found: dict[tuple[str, int], list[Sensitive]] = {}

    def of(self, index: int, categories: frozenset[str]) -> list[Sensitive]:
        found: list[Sensitive] = []
        for sort, (covered, find) in _FINDERS.items():
            if covered.isdisjoint(categories):
                continue
            if (sort, index) not in self._found:
                self._found[sort, index] = list(self._search(sort, index, find))
            found += self._found[sort, index]
        return found

    def _search(self, sort: str, index: int, find: _Finder) -> Iterator[Sensitive]:
        for leaf in leaves(getattr(self._view.contents.body(index), self._field), self._field):
            if self._budget[sort] <= 0:
                return
            self._budget[sort] -= len(leaf.text)
            for category, kind, value, certain in find(leaf):
                yield Sensitive(index, leaf.field, category, kind, value, certain)


def _secrets(leaf: Leaf) -> Iterator[tuple[str, str, str, bool]]:
    for secret in find_secrets(leaf.text) or _named(leaf.field.rpartition(".")[2], leaf.text):
        yield _category(secret), secret.kind, secret.value, secret.certain


def _personal(leaf: Leaf) -> Iterator[tuple[str, str, str, bool]]:
    for found in find_personal(leaf.text):
        yield "pii", found.kind, found.value, True


_Finder = Callable[[Leaf], Iterator[tuple[str, str, str, bool]]]
_FINDERS: dict[str, tuple[frozenset[str], _Finder]] = {
    "secrets": (frozenset(["secret", "password"]), _secrets),
    "personal": (frozenset(["pii"]), _personal),
}
SENSITIVE = frozenset().union(*(covered for covered, _ in _FINDERS.values()))


def _named(key: str, text: str) -> list[Secret]:
    secret = secret_by_name(key, text)
    return [secret] if secret else []


def _category(secret: Secret) -> str:
    return "password" if secret.kind == "named-secret" else "secret"
