"""The journal: every accepted request, kept until all runs in it are decided.

A receiver answers its client only after `append` has resolved. Positions grow; an entry stays readable until it is
released. This module holds the interface and the form that keeps everything in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Literal, Protocol

import msgspec

from spanwarden.otlp.requests import Signal

Sync = Literal["group", "os", "off"]
"""When an entry counts as stored: on disk, with the kernel (a power failure loses the last seconds), or the same with
nothing ever forced to disk, not even at the end."""

Closed = tuple[frozenset[str], frozenset[int]]
"""The keys of a run that is over for good, and the positions that other runs still hold of its requests."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One accepted request: its signal, when it arrived (ns since the epoch), its protobuf bytes, its sender.

    `tenant` is the label of the credentials that it came with, "" without any.
    """

    signal: Signal
    received: int
    body: bytes
    peer: str = ""
    tenant: str = ""


class Left(msgspec.Struct, frozen=True, gc=False):
    """An entry that an earlier process left behind, without its body, of which `size` is the length.

    reading: what that process kept of it, see `Journal.keep_reading`; empty where it kept nothing.
    """

    received: int
    size: int
    peer: str
    tenant: str
    reading: bytes


class JournalFullError(Exception):
    """The journal cannot take more at the moment; the client should try again."""


class Counters(Protocol):
    """What a journal counts; see the service's metrics."""

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float) -> None:
        """Add a value to a histogram."""
        ...


class Journal(Protocol):
    """What the service needs of a journal. All methods may be called from any thread."""

    @property
    def durable(self) -> bool:
        """Tell whether what is held outlives the process."""
        ...

    @property
    def max_bytes(self) -> int:
        """Return the bytes that it may hold."""
        ...

    def open(self) -> None:
        """Get ready, before anything else is asked. Raises DirectoryError where that cannot be."""
        ...

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry; the future gives its position once it is as durable as this journal promises.

        Raises JournalFullError, or the future fails with it, when the size bound is reached or the disk takes no more.
        """
        ...

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released or is damaged."""
        ...

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return the bytes of an entry's body from `start` to before `end`, None if it was released.

        For what is read again and again: damage shows in `read`, which is to have been asked once before.
        """
        ...

    def release(self, positions: Iterable[int], closed: Iterable[Closed] = ()) -> None:
        """Forget entries, and note what is over of those that stay, in one step; unknown positions are ignored."""
        ...

    def keep_reading(self, position: int, reading: bytes) -> None:
        """Keep what was read of an entry beside it until it is released, for a start; returns at once.

        It may be lost with the process, and goes where room is short: whoever asks for it can do without.
        """
        ...

    def closed(self, keys: Iterable[str], position: int) -> bool:
        """Tell whether what an entry of an earlier process says of a run with one of these keys is over and done."""
        ...

    def undecided(self) -> Iterator[tuple[int, Left]]:
        """Yield what an earlier process left behind, in order of position."""
        ...

    def size(self) -> int:
        """Return the bytes held."""
        ...

    def fullness(self) -> float:
        """Return the share of its room that is taken; of the fullest part where it has several."""
        ...

    def entries(self) -> int:
        """Return how many entries are held."""
        ...

    def oldest(self) -> int | None:
        """Return when the oldest entry held was received, in ns since the epoch; None where there is none."""
        ...

    def close(self) -> None:
        """Finish pending appends and let go of files."""
        ...


class MemoryJournal:
    """A journal in memory, bounded in bytes. What it holds is lost with the process."""

    durable = False

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: dict[int, Entry] = {}
        self._next = 0
        self._size = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Do nothing; memory is ready."""

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry; see `Journal.append`. The future is already resolved."""
        future: Future[int] = Future()
        with self._lock:
            if self._size + len(entry.body) > self.max_bytes:
                raise JournalFullError(f"journal holds {self._size} of {self.max_bytes} bytes")
            position = self._next
            self._next += 1
            self._entries[position] = entry
            self._size += len(entry.body)
        future.set_result(position)
        return future

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released."""
        return self._entries.get(position)

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return some bytes of an entry's body; see `Journal.part`."""
        entry = self._entries.get(position)
        return None if entry is None else entry.body[start:end]

    def release(self, positions: Iterable[int], closed: Iterable[Closed] = ()) -> None:
        """Forget entries; unknown positions are ignored."""
        with self._lock:
            for position in positions:
                entry = self._entries.pop(position, None)
                if entry is not None:
                    self._size -= len(entry.body)

    def closed(self, keys: Iterable[str], position: int) -> bool:
        """Return False: nothing is left of an earlier process."""
        return False

    def keep_reading(self, position: int, reading: bytes) -> None:
        """Do nothing: memory does not outlive the process."""

    def undecided(self) -> Iterator[tuple[int, Left]]:
        """Yield nothing: memory does not outlive the process."""
        return iter(())

    def size(self) -> int:
        """Return the bytes held."""
        return self._size

    def fullness(self) -> float:
        """Return the share of its room that is taken."""
        return self._size / self.max_bytes

    def entries(self) -> int:
        """Return how many entries are held."""
        return len(self._entries)

    def oldest(self) -> int | None:
        """Return when the oldest entry held was received."""
        with self._lock:
            return next((entry.received for entry in self._entries.values()), None)

    def close(self) -> None:
        """Do nothing; memory needs no closing."""
