"""Which events a rule speaks of: by class, tool, effect and its target, by what their result carries, how they ended.

A selector is written as a mapping, or as text: the name of a class, else a glob over tools. `takes` looks at the event
alone and costs next to nothing; `fits` also looks at content and conditions.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import re2

from spanwarden.detectors.actions import deed
from spanwarden.detectors.outcomes import outcome
from spanwarden.model.event import Event
from spanwarden.policy.document import Field, Node, nearest
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.conditions import Test, compile_test
from spanwarden.policy.shapes import EVENT_KINDS, GROUPS, PLAIN_SELECTOR, SELECTOR_KEYS
from spanwarden.policy.vocabulary import Vocabulary

MAX_PATTERNS = 200
MAX_NAME = 256
MAX_REMEMBERED = 4_096
MAX_CLASSES = 20
"""Classes that may be inside one another."""
_ACTIONS = frozenset(("tool_call", "retrieval"))
_NONE: Mapping[str, int] = {}

__all__ = ["GROUPS", "Selector", "glob", "globs", "read_selector"]


class Globs:
    """Globs over names. Answers are remembered: names of tools and agents come again and again."""

    __slots__ = ("_answers", "_patterns")

    def __init__(self, patterns: tuple[Any, ...]) -> None:
        self._patterns = patterns
        self._answers: dict[str, bool] = {}

    def take(self, name: str | None) -> bool:
        """Tell whether one of them fits a name."""
        key = (name or "")[:MAX_NAME]
        found = self._answers.get(key)
        if found is None:
            if len(self._answers) >= MAX_REMEMBERED:
                self._answers.clear()
            found = self._answers[key] = any(pattern.fullmatch(key) for pattern in self._patterns)
        return found


class Selector(msgspec.Struct, frozen=True):
    """A compiled selector. Keys that were not written are empty and hold for every event."""

    tools: Globs | None = None
    effects: frozenset[str] = frozenset()
    acting: bool = False
    targets: tuple[Any, ...] = ()
    details: frozenset[str] = frozenset()
    carries: frozenset[str] = frozenset()
    finds: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    kinds: frozenset[str] = _ACTIONS
    agents: Globs | None = None
    roles: frozenset[str] = frozenset()
    within: tuple[Selector, ...] = ()
    """What the classes that were named mean: one of these must take the event as well."""
    where: Test | None = None
    arguments: tuple[str, ...] = ()
    name: str | None = None

    def takes(self, event: Event) -> bool:
        """Tell whether an event is of the kind that is meant, content aside."""
        if event.kind not in self.kinds or (self.roles and event.role not in self.roles):
            return False
        if self.tools is not None and not self.tools.take(event.tool):
            return False
        if self.agents is not None and not self.agents.take(event.agent):
            return False
        if self.within and not any(each.takes(event) for each in self.within):
            return False
        if not self.effects:
            return True
        if self.acting and event.tool and deed(event.tool).manner == "act":
            return True
        for effect in event.effects:
            if effect.kind in self.effects and self.takes_effect(effect.kind, effect.target, effect.detail):
                return True
        return False

    def takes_effect(self, kind: str, target: str | None, detail: str | None) -> bool:
        """Tell whether an effect is of a kind, on a target and with a detail that are meant.

        A target pattern without "/" is held against the last part of a path.
        """
        if kind not in self.effects or (self.details and self.details.isdisjoint((detail or "").split(","))):
            return False
        if not self.targets:
            return True
        return _any_target(self.targets, (target or "")[:4096])

    def ended(self, view: RunView, index: int) -> bool:
        """Tell whether an event ended as asked for."""
        if not self.outcomes:
            return True
        content = view.content(index)
        return outcome(content.result, content.error) in self.outcomes

    def fits(self, view: RunView, index: int, bound: Mapping[str, int] = _NONE) -> bool:
        """Tell whether an event is meant, its content and the conditions on it included.

        bound: the events that conditions know by name, as their positions.
        """
        if not self.takes(view.events[index]) or not self.ended(view, index):
            return False
        if (self.carries or self.finds) and not self._holds(view, index):
            return False
        return self.admits(view, index, bound)

    def admits(self, view: RunView, index: int, bound: Mapping[str, int] = _NONE) -> bool:
        """Tell whether the classes and the condition, content included, let in an event that `takes` takes."""
        if self.within and not any(each.fits(view, index) for each in self.within):
            return False
        return self.where is None or self.where.holds(view, index, bound)

    def admitted(self, view: RunView, places: Sequence[int]) -> Sequence[int]:
        """Return which of the events `admits` lets in."""
        if not self.within and self.where is None:
            return places
        return [index for index in places if self.admits(view, index)]

    def _holds(self, view: RunView, index: int) -> bool:
        # Loaded on first use: most policies look at no content.
        from spanwarden.policy.rules.holdings import carrying, holds

        if self.carries and index not in carrying(view):
            return False
        return not self.finds or holds(view, index, self.finds)

    @property
    def certain(self) -> bool:
        """Tell whether the event alone says it, so that nothing that comes later can change the answer."""
        content = self.carries or self.finds or self.outcomes or self.where is not None
        return not content and all(each.certain for each in self.within)

    @property
    def needs(self) -> frozenset[str]:
        """Return what telemetry must carry for it: `arguments`, `results` and the like."""
        results = ["results"] if self.carries or self.finds or self.outcomes else []
        asked = self.where.needs if self.where is not None else ()
        return frozenset((*results, *asked))


@functools.lru_cache(maxsize=2_048)
def _any_target(patterns: tuple[Any, ...], path: str) -> bool:
    name = path.replace("\\", "/").rpartition("/")[2]
    return any(pattern.fullmatch(path if "/" in pattern.pattern else name) for pattern in patterns)


def read_selector(
    field: Field,
    allowed: Iterable[str] = SELECTOR_KEYS,
    vocabulary: Vocabulary | None = None,
    bound: Iterable[str] = (),
) -> Selector:
    """Compile a selector. Raises PolicyError for an unknown key or name, saying which is nearest.

    allowed: the keys that have a meaning in this place. bound: names that its condition may use.
    """
    vocabulary = vocabulary or Vocabulary()
    if not field.is_mapping:
        field = _as_mapping(field, vocabulary)
    known = frozenset(allowed) | {"class", "agent", "kind", "role", "where", "as"}
    keys = field.mapping(known)
    if not keys:
        field.fail(f"expected at least one of {', '.join(sorted(known))}")
    PLAIN_SELECTOR.check(field)
    names = _texts(keys["effect"]) if "effect" in keys else ()
    if not names and ("target" in keys or "detail" in keys):
        field.fail("'target' and 'detail' refine an 'effect'; name one")
    within = _within(keys.get("class"), vocabulary)
    return Selector(
        tools=Globs(globs(keys["tool"])) if "tool" in keys else None,
        effects=frozenset(kind for name in names for kind in GROUPS.get(name, (name,))),
        acting="write" in names and "target" not in keys and "detail" not in keys,
        targets=globs(keys.get("target")),
        details=frozenset(_texts(keys["detail"])) if "detail" in keys else frozenset(),
        carries=_chosen(keys, "carries"),
        finds=_chosen(keys, "finds"),
        outcomes=_chosen(keys, "outcome"),
        kinds=_kinds(keys, within),
        agents=Globs(globs(keys["agent"])) if "agent" in keys else None,
        roles=_chosen(keys, "role"),
        within=within,
        where=compile_test(keys["where"], vocabulary, bound) if "where" in keys else None,
        arguments=_texts(keys["arg"]) if "arg" in keys else (),
        name=keys["as"].text() if "as" in keys else None,
    )


def _as_mapping(field: Field, vocabulary: Vocabulary) -> Field:
    """Return what a selector that is written as text stands for."""
    text = field.text()
    key = "class" if text in vocabulary.classes else "tool"
    hint = nearest(text, vocabulary.classes)
    if key == "tool" and hint and not set(text) & set("*?"):
        field.fail(f"{text[:60]!r} is no class{hint}; a tool of that name is written {{tool: {text[:60]}}}")
    return Field(field.source, field.key, Node({key: field.node}, field.line))


def _kinds(keys: Mapping[str, Field], within: tuple[Selector, ...]) -> frozenset[str]:
    if "kind" in keys:
        return _chosen(keys, "kind")
    if "role" in keys:
        return frozenset(("message",))
    if set(keys) <= {"agent", "as", "where"}:
        return frozenset(EVENT_KINDS)
    return _ACTIONS.union(*(each.kinds for each in within))


def _within(field: Field | None, vocabulary: Vocabulary) -> tuple[Selector, ...]:
    if field is None:
        return ()
    places = field.entries() if field.is_list else [field]
    return tuple(selector for place in places for selector in _class(place, place.text(), vocabulary))


def _class(place: Field, name: str, vocabulary: Vocabulary) -> tuple[Selector, ...]:
    if name not in vocabulary.classes:
        place.fail(f"{name[:60]!r} is no class{nearest(name, vocabulary.classes)}")
    compiled = vocabulary.compiled
    if name not in compiled:
        # None marks a class that is being compiled: one that leads back to itself.
        compiled[name] = None
        if sum(found is None for found in compiled.values()) > MAX_CLASSES:
            place.fail(f"more than {MAX_CLASSES} classes inside one another")
        compiled[name] = tuple(
            read_selector(definition, SELECTOR_KEYS.keys() - {"arg", "as"}, vocabulary)
            for definition in vocabulary.classes[name]
        )
    found: tuple[Selector, ...] | None = compiled[name]
    if found is None:
        place.fail(f"class {name!r} is defined by itself")
    return found


def _chosen(keys: Mapping[str, Field], key: str) -> frozenset[str]:
    return frozenset(_texts(keys[key])) if key in keys else frozenset()


def _texts(field: Field) -> tuple[str, ...]:
    texts = field.texts() if field.is_list else (field.text(),)
    if not texts:
        field.fail("must not be empty")
    if len(texts) > MAX_PATTERNS:
        field.fail(f"more than {MAX_PATTERNS} entries")
    return texts


def globs(field: Field | None) -> tuple[Any, ...]:
    """Compile globs, a text or a list: `*` any characters, `?` one; case does not matter. Raises PolicyError."""
    if field is None:
        return ()
    texts = _texts(field)
    if any(len(text) > 256 for text in texts):
        field.fail("a pattern has at most 256 characters")
    return tuple(glob(text) for text in texts)


def glob(text: str) -> Any:
    """Compile one glob."""
    chosen = re2.Options()
    chosen.case_sensitive = False
    chosen.dot_nl = True
    pattern = "".join({"*": ".*", "?": "."}.get(character) or re2.escape(character) for character in text)
    return re2.compile(pattern, chosen)
