"""Conditions that tie an event to earlier ones, split so that ties by equality are looked up, not tried one by one.

Of `refund.args.order_id == read.args.order_id and args.amount > 0`, where `read` is an earlier event, the first part
becomes a key with a side for either event, and the second a condition on the event alone.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from spanwarden.policy.document import Field, Node
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.conditions import Test, compile_test
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.shapes import SELECTOR_KEYS
from spanwarden.policy.vocabulary import Vocabulary

_KEYS = SELECTOR_KEYS.keys() - {"arg"}
_MAX_KEY = 4_096


class Key(NamedTuple):
    """A tie by equality: its side for the event itself, its side for earlier events, and which of those it names."""

    own: Test
    other: Test
    uses: frozenset[str]


class Joined(msgspec.Struct, frozen=True):
    """A selector whose condition may name earlier events."""

    selector: Selector
    name: str | None
    alone: tuple[Test, ...] = ()
    keys: tuple[Key, ...] = ()
    rest: tuple[Test, ...] = ()
    """Conditions that name earlier events and are no equality: tried one by one."""

    @property
    def certain(self) -> bool:
        """Tell whether events alone say it, so that nothing that comes later can change the answer."""
        return self.selector.certain and not (self.alone or self.keys or self.rest)

    def fits_alone(self, view: RunView, index: int) -> bool:
        """Tell whether an event fits, ties to earlier events aside."""
        if not self.selector.fits(view, index):
            return False
        bound = {self.name: index} if self.name else {}
        return all(test.holds(view, index, bound) for test in self.alone)

    def own_key(self, view: RunView, index: int) -> tuple[Any, ...] | None:
        """Return the event's sides of the ties, None where one is not known: what is unknown equals nothing."""
        bound = {self.name: index} if self.name else {}
        return _key(key.own.value(view, index, bound) for key in self.keys)

    def other_key(self, view: RunView, index: int, bound: Mapping[str, int]) -> tuple[Any, ...] | None:
        """Return the earlier events' sides of the ties, None where one is not known."""
        return _key(key.other.value(view, index, bound) for key in self.keys)

    def ties(self, view: RunView, index: int, bound: Mapping[str, int]) -> bool:
        """Tell whether the conditions that are no equality hold for an event and earlier ones."""
        given = {**bound, self.name: index} if self.name else bound
        return all(test.holds(view, index, given) for test in self.rest)


def _key(values: Iterable[Any]) -> tuple[Any, ...] | None:
    found = []
    for value in values:
        if value is None:
            return None
        plain = isinstance(value, str | int | float)
        found.append(value if plain else f"{type(value).__name__} {value!r}"[:_MAX_KEY])
    return tuple(found)


def read_joined(place: Field, vocabulary: Vocabulary, name: str | None, known: Sequence[str]) -> Joined:
    """Compile a selector whose condition may name the `known` earlier events, and itself by `name`.

    Raises PolicyError, also for a name that would hide one that every condition has.
    """
    if name is not None:
        _check_name(place, name)
    if not place.is_mapping or "where" not in place.mapping():
        return Joined(read_selector(place, _KEYS, vocabulary), name)
    where = place.mapping()["where"]
    own = [name] if name else []
    compile_test(where, vocabulary, (*known, *own))  # the whole, for its errors
    rest = {key: field.node for key, field in place.mapping().items() if key != "where"}
    bare = Field(place.source, place.key, Node(rest, place.line))
    selector = read_selector(bare, _KEYS, vocabulary) if rest.keys() - {"as"} else Selector()
    alone: list[Test] = []
    keys: list[Key] = []
    ties: list[Test] = []
    for part in _parts(ast.parse(where.text().strip(), mode="eval").body):
        if not _used(part, vocabulary) & set(known):
            alone.append(compile_test(_field(where, part), vocabulary, own))
            continue
        key = _equality(part, where, vocabulary, name, known)
        if key is not None:
            keys.append(key)
        else:
            ties.append(compile_test(_field(where, part), vocabulary, (*known, *own)))
    return Joined(selector, name, tuple(alone), tuple(keys), tuple(ties))


def _check_name(place: Field, name: str) -> None:
    from spanwarden.policy.expressions.scopes import APART, EVENT

    if keyword.iskeyword(name) or name in EVENT.names or name in EVENT.functions or name in APART:
        place.fail(f"'as: {name}': conditions know something else by this name")


def _parts(tree: ast.expr) -> list[ast.expr]:
    """Return what a condition joins by `and`."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [part for value in tree.values for part in _parts(value)]
    return [tree]


def _used(tree: ast.expr, vocabulary: Vocabulary) -> set[str]:
    """Return the names that an expression uses, those inside of its macros too."""
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        for node in ast.walk(pending.pop()):
            if isinstance(node, ast.Name) and node.id not in found:
                found.add(node.id)
                if node.id in vocabulary.macros:
                    pending.append(ast.parse(vocabulary.macros[node.id].strip(), mode="eval"))
    return found


def _equality(
    part: ast.expr, where: Field, vocabulary: Vocabulary, name: str | None, known: Sequence[str]
) -> Key | None:
    from spanwarden.policy.expressions.scopes import EVENT

    if not (isinstance(part, ast.Compare) and len(part.ops) == 1 and isinstance(part.ops[0], ast.Eq)):
        return None
    here = set(EVENT.names) | ({name} if name else set())
    for own, other in ((part.left, part.comparators[0]), (part.comparators[0], part.left)):
        uses = _used(other, vocabulary)
        if uses & set(known) and not uses & here and not _used(own, vocabulary) & set(known):
            return Key(
                compile_test(_field(where, own), vocabulary, [name] if name else []),
                compile_test(_field(where, other), vocabulary, known),
                frozenset(uses & set(known)),
            )
    return None


def _field(where: Field, tree: ast.expr) -> Field:
    return Field(where.source, where.key, Node(ast.unparse(tree), where.line))
