"""Rule out cheaply, before anything is taken apart, that a result has a value near a word that could order a deed.

What is said here is "no" or "maybe": a "no" is certain.
"""

from __future__ import annotations

import bisect

from spanwarden.detectors.actions import verbs
from spanwarden.detectors.folding import fold

REACH = 1_000
"""Characters around a value in which its sentence ends, with something to spare."""


class ResultText:
    """A text of a result, to be searched for words."""

    def __init__(self, text: str) -> None:
        self._plain = text.isascii()
        self.lowered = text.lower()
        self._folded = self.lowered if self._plain else fold(text).data.decode("ascii").lower()
        self._verbs: dict[frozenset[str], list[int]] = {}

    def __contains__(self, word: str) -> bool:
        """Tell whether a token, as `canonical` spells it, may be in the text."""
        return word in self._folded

    def near(self, word: str, acts: frozenset[str]) -> bool:
        """Tell whether `word` may stand near a verb that asks for one of the acts."""
        places = self._places(acts)
        at = self.lowered.find(word)
        if not places or at < 0:
            return False
        if not self._plain:
            return True  # places in the folded text are other ones
        while at >= 0:
            following = bisect.bisect_left(places, at - REACH)
            if following == len(places):
                return False
            if places[following] <= at + REACH:
                return True
            at = self.lowered.find(word, places[following] - REACH)
        return False

    def _places(self, acts: frozenset[str]) -> list[int]:
        places = self._verbs.get(acts)
        if places is None:
            places = self._verbs[acts] = []
            for verb in verbs(acts):
                at = self._folded.find(verb)
                while at >= 0:
                    places.append(at)
                    at = self._folded.find(verb, at + len(verb))
            places.sort()
        return places
