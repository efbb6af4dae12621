"""What is over of entries that stay: a run that was decided must not come back because another holds its request."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from functools import lru_cache

from spanwarden.storage.journal import Closed
from spanwarden.storage.lmdb_file import Record

_SIZE = 16


class ClosedRuns:
    """Which records of what is over are still needed, and what they say. Not thread-safe; the writer owns it."""

    def __init__(self) -> None:
        self._upto: dict[bytes, int] = {}
        self._needed_at: dict[int, list[int]] = {}
        self._left: dict[int, int] = {}
        self._next = 0

    def load(self, records: Iterable[tuple[int, Record]], held: Container[int]) -> list[int]:
        """Take in what an earlier process wrote; return the numbers of records that no held entry needs."""
        useless = []
        for number, (positions, digests) in records:
            self._next = max(self._next, number + 1)
            still = [position for position in positions if position in held]
            if not still:
                useless.append(number)
                continue
            self._need(number, still)
            for at in range(0, len(digests), _SIZE):
                digest = digests[at : at + _SIZE]
                self._upto[digest] = max(still[-1], self._upto.get(digest, -1))
        return useless

    def closed(self, keys: Iterable[str], position: int) -> bool:
        """Tell whether an earlier process closed a run with one of these keys, and this entry is of its time."""
        return any(self._upto.get(_digest(key), -1) >= position for key in keys) if self._upto else False

    def forget_earlier(self) -> None:
        """Let go of what only a restart asks for."""
        self._upto = {}

    def add(self, closed: Closed) -> tuple[int, Record] | None:
        """Return the numbered record to write."""
        keys, positions = closed
        if not positions:
            return None
        number, self._next = self._next, self._next + 1
        self._need(number, positions)
        return number, (tuple(sorted(positions)), b"".join(map(_digest, sorted(keys))))

    def release(self, position: int) -> list[int]:
        """Return the numbers of the records that nothing needs once the entry at a position is gone."""
        outlived = []
        for number in self._needed_at.pop(position, ()):
            self._left[number] -= 1
            if not self._left[number]:
                del self._left[number]
                outlived.append(number)
        return outlived

    def _need(self, number: int, positions: Iterable[int]) -> None:
        found = list(positions)
        self._left[number] = len(found)
        for position in found:
            self._needed_at.setdefault(position, []).append(number)


@lru_cache(4096)  # all that a run's records say is asked by the same few keys
def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
