"""In which events a value occurs: an index of tokens, so that a run of any length is looked through once."""

from __future__ import annotations

MAX_WORK = 200_000
"""Index entries that the questions of one run may touch; `exhausted` tells that the answer was cut."""


class Occurrences:
    """Canonical texts by event, added in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.tokens: dict[str, set[int]] = {}
        self.exhausted = False
        self._work = 0

    def add(self, text: str) -> None:
        """Add the text of the next event."""
        index = len(self.texts)
        self.texts.append(text)
        for token in set(text.split()):
            self.tokens.setdefault(token, set()).add(index)

    def having(self, value: str) -> list[int]:
        """Return the events whose text has these tokens one after the other, in order."""
        entries = [self.tokens.get(token) for token in value.split()]
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
        phrase = f" {value} "
        self._work += len(events)
        return [event for event in events if phrase in self.texts[event]]
