"""Rule out cheaply, before anything is taken apart, that a result has a value near a word that could order a deed.

What is said here is "no" or "maybe": a "no" is certain.
"""

from __future__ import annotations

import bisect
import functools
from typing import Any

import re2

from spanwarden.detectors.actions import may_order, verbs
from spanwarden.detectors.folding import fold
from spanwarden.detectors.scanning import options

BEFORE, AFTER = 400, 700
"""Characters around a value in which its sentence begins and ends, with something to spare."""
_LONGEST = 40
_ESCAPES = ("\\n", "\\t", "\\r", '\\"')


@functools.lru_cache(maxsize=1_024)
def _beginning(acts: frozenset[str]) -> Any:
    """Return a pattern of how words begin that ask for these acts, with what is before the word; None for no acts."""
    begun = "|".join(verbs(acts))
    return re2.compile(f"(?:^|[^a-z0-9])(?:{begun})".encode("ascii"), options()) if begun else None


class ResultText:
    """A text of a result, to be searched for words."""

    def __init__(self, text: str) -> None:
        self._plain = text.isascii()
        self.lowered = text.lower()
        self.folded = self.lowered if self._plain else fold(text).data.decode("ascii").lower()
        """What every token of the text, as `canonical` spells it, is in."""
        if "\\" in text:
            for escape in _ESCAPES:
                self.folded = self.folded.replace(escape, "  ")  # as long, so that places stay what they are
        self._data = self.folded.encode("ascii")
        self._verbs: dict[frozenset[str], list[int]] = {}

    def near(self, word: str, acts: frozenset[str]) -> bool:
        """Tell whether `word` may stand near a verb that asks for one of the acts."""
        at = self.lowered.find(word)
        if at < 0:
            return False
        places = self._places(acts)
        if not places:
            return False
        if not self._plain:
            return True  # places in the folded text are other ones
        while at >= 0:
            following = bisect.bisect_left(places, at - BEFORE)
            if following == len(places):
                return False
            if places[following] <= at + AFTER:
                return True
            at = self.lowered.find(word, places[following] - AFTER)
        return False

    def _places(self, acts: frozenset[str]) -> list[int]:
        places = self._verbs.get(acts)
        if places is None:
            places = self._verbs[acts] = []
            pattern = _beginning(acts)
            for match in pattern.finditer(self._data) if pattern is not None else ():
                start = match.start()
                at = start if start == 0 and self.folded[0].isalnum() else start + 1
                if self._begins(at):
                    places.append(at)
        return places

    def _begins(self, at: int) -> bool:
        """Tell whether a verb at this place may be an order: nothing before it, a mark, or a word that leads to one."""
        text = self.folded
        if at == 0 or text[at - 1] != " ":
            return at == 0 or not text[at - 1].isalnum()
        before = text[max(0, at - 1 - _LONGEST) : at - 1].rpartition(" ")[2]
        return not before.isalpha() or may_order(before)
