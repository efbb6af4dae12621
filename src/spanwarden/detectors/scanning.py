"""Many RE2 patterns over one text: one pass tells which occur, then only those are located."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

MAX_MATCHES = 64
_MEMORY = 64 * 1024 * 1024
"""RE2 gives up without a word where a set's automaton does not fit; the default 8 MiB is near the size of ours."""


def options(*, case_sensitive: bool = True) -> re2.Options:
    """Return RE2 options for bytes."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.case_sensitive = case_sensitive
    chosen.log_errors = False
    return chosen


class PatternSet:
    """Patterns that are searched together. Safe on any text: linear time, no backtracking."""

    def __init__(self, patterns: Sequence[bytes], *, case_sensitive: bool = True) -> None:
        each = options(case_sensitive=case_sensitive)
        together = options(case_sensitive=case_sensitive)
        together.max_mem = _MEMORY
        self.patterns = [re2.compile(pattern, each) for pattern in patterns]
        self._set = re2.Set.SearchSet(together)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def occurring(self, data: bytes) -> list[int]:
        """Return which patterns occur, in their own order."""
        found = self._set.Match(data)
        return sorted(found) if found else []

    def spans(self, index: int, data: bytes, limit: int = MAX_MATCHES) -> Iterator[tuple[int, int]]:
        """Yield where a pattern occurs: its group where it has one, else all of it; at most `limit` places."""
        pattern = self.patterns[index]
        group = 1 if pattern.groups else 0
        for _, match in zip(range(limit), pattern.finditer(data), strict=False):
            yield match.span(group)
