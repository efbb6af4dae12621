"""In which events a value occurs: searched for one by one at first, in an index of tokens where many are asked for.

Either way a run of any length is looked through only so often.
"""

from __future__ import annotations

MAX_WORK = 200_000
"""Index entries that the questions of one run may touch; `exhausted` tells that the answer was cut."""
MAX_SEARCHED = 2_000_000
"""Characters that are searched before an index is made."""


class Occurrences:
    """Canonical texts by event, added in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.exhausted = False
        self._tokens: dict[str, set[int]] = {}
        self._indexed = 0
        self._size = 0
        self._left = MAX_SEARCHED
        self._work = 0

    def add(self, text: str) -> None:
        """Add the text of the next event."""
        self.texts.append(text)
        self._size += len(text)

    @property
    def tokens(self) -> dict[str, set[int]]:
        """Return the events by the tokens in their texts."""
        for index in range(self._indexed, len(self.texts)):
            for token in set(self.texts[index].split()):
                self._tokens.setdefault(token, set()).add(index)
        self._indexed = len(self.texts)
        return self._tokens

    def having(self, value: str) -> list[int]:
        """Return the events whose text has these tokens one after the other, in order."""
        parts = value.split()
        phrase = f" {' '.join(parts)} "
        self._left -= self._size
        if parts and self._left >= 0:
            return [event for event, text in enumerate(self.texts) if phrase in text]
        return self._looked_up(parts, phrase)

    def _looked_up(self, parts: list[str], phrase: str) -> list[int]:
        tokens = self.tokens
        entries = [tokens.get(token) for token in parts]
        known = [entry for entry in entries if entry]
        if not known or len(known) < len(entries):
            return []
        known.sort(key=len)
        self._work += len(known[0])
        if self._work > MAX_WORK:
            self.exhausted = True
            return []
        events = sorted(known[0].intersection(*known[1:]))
        if len(entries) == 1:
            return events
        self._work += len(events)
        return [event for event in events if phrase in self.texts[event]]
