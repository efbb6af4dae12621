"""The kinds of value that a policy file is made of: each checks a place in a file and writes its own JSON Schema.

The loader and the published schema use the same tables of these (see `shapes`), so neither knows a key that the other
does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import re2

from spanwarden.policy.document import Field, nearest

Schema = dict[str, Any]
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d|w)$"
DATE = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_DURATION = re2.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")


class Kind(Protocol):
    """What a value may be."""

    def check(self, place: Field, /) -> None:
        """Raise PolicyError where the value is not of this kind."""
        ...

    def schema(self, definitions: dict[str, Schema], /) -> Schema:
        """Return the JSON Schema of the kind; what it refers to by name goes into `definitions`."""
        ...


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever was written; something else checks it."""

    def check(self, place: Field) -> None:
        """Accept it."""

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema of any value."""
        return {}


@dataclass(frozen=True, slots=True)
class Text:
    """Text. With `choices` one of them, with `pattern` of that form (`form` says which in words)."""

    choices: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""
    empty: bool = False

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a text."""
        if self.choices:
            place.choice(self.choices)
            return
        text = place.text(empty=self.empty)
        if self.pattern and not re2.fullmatch(self.pattern.strip("^$"), text):
            place.fail(f"expected {self.form}, got {text[:60]!r}")

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        if self.choices:
            return {"enum": list(self.choices)}
        found: Schema = {"type": "string"}
        if self.pattern:
            found["pattern"] = self.pattern
        elif not self.empty:
            found["minLength"] = 1
        return found


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number between `least` and `most`; with `whole` one without a fraction."""

    least: float | None = None
    most: float | None = None
    whole: bool = False

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a number."""
        number = place.number()
        low = self.least is not None and number < self.least
        high = self.most is not None and number > self.most
        if low or high or (self.whole and number != int(number)):
            place.fail(f"expected {self._words()}, got {place.node.value}")

    def _words(self) -> str:
        what = "a whole number" if self.whole else "a number"
        if self.least is not None and self.most is not None:
            return f"{what} from {self.least:g} to {self.most:g}"
        return f"{what} of at least {self.least:g}" if self.least is not None else what

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        found: Schema = {"type": "integer" if self.whole else "number"}
        if self.least is not None:
            found["minimum"] = self.least
        if self.most is not None:
            found["maximum"] = self.most
        return found


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def check(self, place: Field) -> None:
        """Raise PolicyError for anything else."""
        place.boolean()

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at least `least` and at most `most` values of one kind."""

    item: Kind
    most: int = 1_000
    least: int = 0

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a list."""
        entries = place.entries()
        if len(entries) > self.most:
            place.fail(f"more than {self.most} entries")
        if len(entries) < self.least:
            place.fail("must not be empty" if self.least == 1 else f"needs at least {self.least} entries")
        for entry in entries:
            self.item.check(entry)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        found: Schema = {"type": "array", "items": self.item.schema(definitions), "maxItems": self.most}
        if self.least:
            found["minItems"] = self.least
        return found


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping of names that the user chooses to values of one kind."""

    value: Kind
    most: int = 1_000

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a mapping."""
        members = place.mapping()
        if len(members) > self.most:
            place.fail(f"more than {self.most} entries")
        for member in members.values():
            self.value.check(member)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        return {
            "type": "object",
            "additionalProperties": self.value.schema(definitions),
            "maxProperties": self.most,
        }


@dataclass(frozen=True, slots=True)
class ByForm:
    """One kind for each form that the value may be written in; a form without a kind is refused by the first."""

    text: Kind | None = None
    number: Kind | None = None
    flag: Kind | None = None
    list: Kind | None = None
    mapping: Kind | None = None

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is of the kind for its form."""
        kind = self._for(place)
        if kind is None:
            words = [word for word, found in self._named() if found is not None]
            place.fail(f"expected {' or '.join(words)}, got {place.shown}")
        kind.check(place)

    def _for(self, place: Field) -> Kind | None:
        value = place.node.value
        if isinstance(value, bool):
            return self.flag
        if isinstance(value, str):
            return self.text
        if isinstance(value, int | float):
            return self.number
        return self.list if place.is_list else self.mapping if place.is_mapping else None

    def _named(self) -> tuple[tuple[str, Kind | None], ...]:
        return (
            ("a text", self.text),
            ("a number", self.number),
            ("true or false", self.flag),
            ("a list", self.list),
            ("a mapping", self.mapping),
        )

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return the schema."""
        return {"anyOf": [kind.schema(definitions) for _, kind in self._named() if kind is not None]}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping: its kind, what it means, whether it must be there and whether it may be left blank."""

    kind: Kind
    meaning: str
    required: bool = False
    blank: bool = False


@dataclass(frozen=True)
class Shape:
    """A mapping with known keys. `one_of` names keys of which there must be exactly one."""

    name: str
    keys: Mapping[str, Key]
    one_of: tuple[str, ...] = ()
    noun: str = field(default="")

    def fields(self, place: Field) -> dict[str, Field]:
        """Return the fields that are there, blank ones left out; their values are checked. Raises PolicyError."""
        members = place.mapping()
        for name, member in members.items():
            if name not in self.keys:
                member.fail(f"unknown key{nearest(name, self.keys)}")
        found = {name: member for name, member in members.items() if not (self.keys[name].blank and member.is_null)}
        for name, key in self.keys.items():
            if key.required and name not in found:
                place.fail(f"{self.noun or 'this'} needs {name!r}")
        written = [name for name in found if name in self.one_of]
        if self.one_of and len(written) != 1:
            these = " and ".join(written) if written else "none"
            place.fail(f"{self.noun or 'this'} needs exactly one of {', '.join(sorted(self.one_of))}; this has {these}")
        for name, member in found.items():
            self.keys[name].kind.check(member)
        return found

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a mapping."""
        self.fields(place)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return a reference to the schema, which goes into `definitions` under the shape's name."""
        if self.name not in definitions:
            definitions[self.name] = {}  # a shape may hold itself
            definitions[self.name] = self._schema(definitions)
        return {"$ref": f"#/$defs/{self.name}"}

    def _schema(self, definitions: dict[str, Schema]) -> Schema:
        properties = {}
        for name, key in self.keys.items():
            kind = key.kind.schema(definitions)
            if key.blank:
                kind = {"anyOf": [kind, {"type": "null"}]}
            properties[name] = {"description": key.meaning, **kind} if key.meaning else kind
        found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [name for name, key in self.keys.items() if key.required]
        if required:
            found["required"] = required
        if self.one_of:
            found["oneOf"] = [{"required": [name]} for name in self.one_of]
        return found


@dataclass(frozen=True, slots=True)
class Named:
    """A shape by a function that returns it, for shapes that hold each other."""

    shape: Any

    def check(self, place: Field) -> None:
        """Raise PolicyError unless it is such a mapping."""
        self.shape().check(place)

    def schema(self, definitions: dict[str, Schema]) -> Schema:
        """Return a reference to the schema."""
        found: Schema = self.shape().schema(definitions)
        return found


def one_or_many(kind: Text) -> ByForm:
    """Return the kind of one text or a list of them."""
    return ByForm(text=kind, list=ListOf(kind, least=1))


def seconds(place: Field) -> float:
    """Return a duration ("90s", "5m", "1.5h", "7d") in seconds. Raises PolicyError."""
    matched = _DURATION.fullmatch(place.text())
    if matched is None:
        place.fail(f"expected a duration such as 30s, 5m, 1h or 7d, got {place.text()[:60]!r}")
    found: float = float(matched.group(1)) * UNITS[matched.group(2)]
    if not found:
        place.fail("must be more than nothing")
    return found


TEXT = Text()
EXPRESSION = Text()
LENGTH = Text(pattern=DURATION, form="a duration such as 30s, 5m, 1h or 7d")
DAY = Text(pattern=DATE, form="a date such as 2027-01-31")
GLOBS = one_or_many(TEXT)
