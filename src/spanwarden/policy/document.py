"""A policy file as read: values that know the line they were written on."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"


class PolicyError(ValueError):
    """A policy cannot be used. The text is one line: the file, the line, the key and what is wrong."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file and the line (from 1; 0 where unknown) it starts on. `size` counts it and all below it."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    line: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class Field:
    """A place in a policy file: where it is, what is there, and how to complain about it.

    Every reading method raises PolicyError where the value is not of the kind asked for.
    """

    source: str
    key: str
    node: Node

    @property
    def line(self) -> int:
        """Return the line (from 1) the value starts on."""
        return self.node.line

    @property
    def is_null(self) -> bool:
        """Tell whether nothing was written after the key."""
        return self.node.value is None

    @property
    def is_mapping(self) -> bool:
        """Tell whether the value is a mapping."""
        return isinstance(self.node.value, dict)

    @property
    def is_list(self) -> bool:
        """Tell whether the value is a list."""
        return isinstance(self.node.value, tuple)

    @property
    def plain(self) -> Plain:
        """Return the value as plain lists, dicts and scalars."""
        return _plain(self.node)

    def fail(self, message: str) -> NoReturn:
        """Raise PolicyError for this place."""
        where = f"{self.source}:{self.line}" if self.line else self.source
        what = f"{self.key}: {message}" if self.key else message
        line = " ".join(f"{where}: {what}".split())
        raise PolicyError(line.encode("utf-8", "backslashreplace").decode())

    def mapping(self, known: Collection[str] | None = None) -> dict[str, Field]:
        """Return the fields of a mapping; a key that is not in `known` is an error that names the nearest one."""
        value = self.node.value
        if not isinstance(value, dict):
            self.fail(f"expected a mapping, got {self.shown}")
        fields = {name: Field(self.source, f"{self.key}.{name}" if self.key else name, n) for name, n in value.items()}
        if known is not None:
            for name, field in fields.items():
                if name not in known:
                    field.fail(f"unknown key{nearest(name, known)}")
        return fields

    def entries(self) -> list[Field]:
        """Return the fields of a list."""
        value = self.node.value
        if not isinstance(value, tuple):
            self.fail(f"expected a list, got {self.shown}")
        return [Field(self.source, f"{self.key}[{index}]", node) for index, node in enumerate(value)]

    def text(self, *, empty: bool = False) -> str:
        """Return a text; an empty one is an error unless `empty`. Bare numbers and booleans are not text."""
        value = self.node.value
        if not isinstance(value, str):
            self.fail(f"expected text, got {self.shown}")
        if not value and not empty:
            self.fail("must not be empty")
        return value

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(entry.text() for entry in self.entries())

    def boolean(self) -> bool:
        """Return true or false; no other spelling is accepted."""
        value = self.node.value
        if not isinstance(value, bool):
            self.fail(f"expected true or false, got {self.shown}")
        return value

    def number(self) -> float:
        """Return a finite number."""
        value = self.node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"expected a number, got {self.shown}")
        try:
            number = float(value)
        except OverflowError:
            self.fail("number out of range")
        if not math.isfinite(number):
            self.fail(f"expected a finite number, got {value}")
        return number

    def choice(self, known: Sequence[str]) -> str:
        """Return a text that is one of `known`."""
        value = self.text()
        if value not in known:
            self.fail(f"{value[:60]!r} is not one of {', '.join(known)}{nearest(value, known)}")
        return value

    @property
    def shown(self) -> str:
        """Return the value as an error quotes it."""
        value = self.node.value
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, tuple):
            return "a list"
        return "nothing" if value is None else repr(value)[:60]


def nearest(word: str, known: Collection[str]) -> str:
    """Return " (did you mean …?)" for the known word most like `word`, or an empty text where none is near."""
    found = difflib.get_close_matches(word[:80], sorted(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""


def _plain(node: Node) -> Plain:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [_plain(child) for child in node.value]
    return node.value
