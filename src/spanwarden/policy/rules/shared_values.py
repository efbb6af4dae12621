"""Values that one call returned and a later call was given, whatever they are: an account, an address, an id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import re2

from spanwarden.detectors.texts import Leaf, leaves
from spanwarden.policy.rules.base import RunView

MAX_SCANNED = 4 * 1024 * 1024
"""Characters of one run's results that are searched."""
MAX_PLACES = 4
"""Places in results that are looked at for one word of an argument: the first ones."""
MAX_VALUE = 512
_WORD = re2.compile(r"[\pL\pN@._+\-/:]{3,}")
_EDGES = ".:/-_+"


class SharedValue(NamedTuple):
    """A value and where it was: in the result of `source`, then in the arguments of `sink`."""

    source: int
    source_field: str
    sink: int
    sink_field: str
    value: str


def shared_values(
    view: RunView, sources: Sequence[int], sinks: Sequence[int], arguments: Sequence[str]
) -> Iterator[SharedValue]:
    """Yield values of a sink's arguments that the result of an earlier source holds; work is linear in the texts.

    arguments: the names of those that are looked at; where none is given all are, and only values that say something
    (with a digit or an "@", or of eight letters and more).
    """
    given = [(sink, leaf) for sink in sinks for leaf in leaves(view.content(sink).arguments, "arguments")]
    asked = [(sink, leaf) for sink, leaf in given if _asked(leaf, arguments)]
    if not asked or not sources:
        return
    index = _Words(view, sources)
    for sink, leaf in asked:
        value = leaf.text.strip()
        found = index.find(value, sink)
        if found is not None:
            yield SharedValue(found[0], found[1], sink, leaf.field, value)


def _asked(leaf: Leaf, arguments: Sequence[str]) -> bool:
    value = leaf.text.strip()
    if not 3 <= len(value) <= MAX_VALUE:
        return False
    if arguments:
        path = leaf.field.removeprefix("arguments.")
        return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in arguments)
    return len(value) >= 5 and ("@" in value or any(mark.isdigit() for mark in value) or len(value) >= 8)


class _Words:
    """Where the words of results are."""

    def __init__(self, view: RunView, sources: Sequence[int]) -> None:
        self._places: dict[str, list[tuple[int, str, str]]] = {}
        left = MAX_SCANNED
        for source in sources:
            content = view.content(source)
            for leaf in leaves(content.result if content.result is not None else content.error, "result"):
                if left <= 0:
                    return
                text = leaf.text[:left].lower()
                left -= len(text)
                for word in set(words(text)):
                    places = self._places.setdefault(word, [])
                    if len(places) < MAX_PLACES:
                        places.append((source, leaf.field, text))

    def find(self, value: str, before: int) -> tuple[int, str] | None:
        """Return the first event before `before`, and the field of it, that holds a value."""
        low = value.lower()
        found = words(low)
        if not found:
            return None
        for source, field, text in self._places.get(max(found, key=len), ()):
            if source < before and low in text:
                return source, field
        return None


def words(text: str) -> list[str]:
    """Return the words of a text, addresses and numbers whole."""
    found = (word.strip(_EDGES) for word in _WORD.findall(text))
    return [word for word in found if len(word) >= 3]
