"""What rules of a policy may speak of by name: lists, macros and classes, its own and those of what it extends."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanwarden.policy.document import Field, Scalar
from spanwarden.policy.shapes import IDENTIFIER
from spanwarden.policy.yaml_text import parse

MAX_LIST = 100_000
"""Values of one list once every file has added its own."""


@dataclass(frozen=True)
class Vocabulary:
    """Names and what they stand for.

    `classes` holds definitions as written, the built-in ones first. `compiled` is room for whoever
    compiles classes.
    """

    lists: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    compiled: dict[str, Any] = field(default_factory=dict, compare=False)


def read_vocabularies(documents: Sequence[Mapping[str, Field]], sees: Sequence[Collection[int]]) -> list[Vocabulary]:
    """Return the names that the rules of each document may use. Raises PolicyError.

    documents: the keys of each, earliest first. sees: for each the positions of those that it extends. Lists and
    classes are shared by all; a macro is known in its own document and in those that extend it.
    """
    lists: dict[str, tuple[Scalar, ...]] = {}
    classes: dict[str, tuple[Field, ...]] = {}
    for top in (_built_in(), *documents):
        for name, place in _named(top, "lists"):
            lists[name] = lists.get(name, ()) + tuple(_scalar(entry) for entry in place.entries())
            if len(lists[name]) > MAX_LIST:
                place.fail(f"more than {MAX_LIST} values")
        for name, place in _named(top, "classes"):
            definitions = place.entries() if place.is_list else [place]
            classes[name] = classes.get(name, ()) + tuple(definitions)
    return [
        Vocabulary(lists, _macros([documents[seen] for seen in sorted({*sees[number], number})], lists), classes)
        for number in range(len(documents))
    ]


def _macros(documents: Iterable[Mapping[str, Field]], lists: Collection[str]) -> dict[str, str]:
    macros: dict[str, str] = {}
    for top in documents:
        for name, place in _named(top, "macros"):
            if name in lists:
                place.fail(f"{name!r} is the name of a list, too")
            macros[name] = place.text()
    return macros


def class_names() -> tuple[str, ...]:
    """Return the names of the built-in classes."""
    return tuple(_built_in()["classes"].mapping())


@functools.cache
def _built_in() -> dict[str, Field]:
    body = importlib.resources.files("spanwarden.policy").joinpath("classes.yaml").read_bytes()
    return Field("classes.yaml", "", parse(body, "classes.yaml")).mapping()


def _named(top: Mapping[str, Field], key: str) -> Iterable[tuple[str, Field]]:
    if key not in top:
        return
    for name, place in top[key].mapping().items():
        # The name is checked where its value stands: keys have no place of their own.
        IDENTIFIER.check(Field(place.source, place.key, type(place.node)(name, place.line)))
        yield name, place


def _scalar(entry: Field) -> Scalar:
    value = entry.node.value
    if isinstance(value, tuple | dict):
        entry.fail("expected a text, a number, true or false")
    return value
