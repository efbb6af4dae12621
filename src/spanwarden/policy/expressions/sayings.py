"""What the user and the operator said in a run, so that a value is looked up without going through all of it again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_FEW = 32
"""Sayings with a word that are looked at one by one; where there are more, all are searched at once."""
_SHORT = 256
"""Longer texts are not remembered: there are too few of them twice."""
_BETWEEN = "\x00"


class Sayings:
    """Texts with their places in a run, in order; in lower case, one space between words."""

    def __init__(self, said: Iterable[tuple[int, str]]) -> None:
        self._said = [(place, text.replace(_BETWEEN, " ")) for place, text in said]
        self._whole = _BETWEEN.join(text for _, text in self._said)
        self._ends: list[int] = []
        self._by_word: dict[str, list[int]] = {}
        self._first: dict[str, int | None] = {}
        end = -1
        for number, (_, text) in enumerate(self._said):
            end += len(text) + 1
            self._ends.append(end)
            for word in set(_WORD.findall(text)):
                self._by_word.setdefault(word, []).append(number)

    def first(self, wanted: str) -> int | None:
        """Return the first place where a text stands between the bounds of words, None where it does nowhere."""
        wanted = wanted.replace(_BETWEEN, " ")
        if len(wanted) > _SHORT:
            return self._find(wanted)
        if wanted not in self._first:
            self._first[wanted] = self._find(wanted)
        return self._first[wanted]

    def _find(self, wanted: str) -> int | None:
        # Each word of a text that stands between the bounds of words is a word of what was said.
        numbers: list[int] | None = None
        for word in _WORD.findall(wanted):
            with_it = self._by_word.get(word)
            if with_it is None:
                return None
            if numbers is None or len(with_it) < len(numbers):
                numbers = with_it
        if numbers is None or len(numbers) > _FEW:
            return self._find_anywhere(wanted)
        return next((self._said[n][0] for n in numbers if _standing(wanted, self._said[n][1]) >= 0), None)

    def _find_anywhere(self, wanted: str) -> int | None:
        at = _standing(wanted, self._whole)
        return self._said[bisect_right(self._ends, at)][0] if at >= 0 else None


def _standing(wanted: str, text: str) -> int:
    """Return where a text stands between the bounds of words, -1 where it does not."""
    at = text.find(wanted)
    while at >= 0:
        after = at + len(wanted)
        if not (_in_word(text[at - 1 : at]) or _in_word(text[after : after + 1])):
            return at
        at = text.find(wanted, at + 1)
    return -1


def _in_word(mark: str) -> bool:
    return mark.isalnum() or mark == "_"
