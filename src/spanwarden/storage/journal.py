"""The journal: every accepted request, kept until all runs in it are decided.

A receiver answers its client only after `append` has resolved. Positions grow; an entry stays readable until it is
released. This module holds the interface and the form that keeps everything in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Protocol

import msgspec

from spanwarden.otlp.requests import Signal


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One accepted request: its signal, when it arrived (ns since the epoch), its protobuf bytes, its sender.

    `tenant` is the label of the credentials that it came with, "" without any.
    """

    signal: Signal
    received: int
    body: bytes
    peer: str = ""
    tenant: str = ""


class JournalFullError(Exception):
    """The journal cannot take more at the moment; the client should try again."""


class Journal(Protocol):
    """What the service needs of a journal. All methods may be called from any thread."""

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry; the future gives its position once it is as durable as this journal promises.

        Raises JournalFullError, or the future fails with it, when the size bound is reached.
        """
        ...

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released."""
        ...

    def release(self, position: int) -> None:
        """Forget an entry; unknown positions are ignored."""
        ...

    def undecided(self) -> Iterator[tuple[int, Entry]]:
        """Yield what an earlier process left behind, in order of position."""
        ...

    def size(self) -> int:
        """Return the bytes held."""
        ...

    def close(self) -> None:
        """Finish pending appends and let go of files."""
        ...


class MemoryJournal:
    """A journal in memory, bounded in bytes. What it holds is lost with the process."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: dict[int, Entry] = {}
        self._next = 0
        self._size = 0
        self._lock = threading.Lock()

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry; see `Journal.append`. The future is already resolved."""
        future: Future[int] = Future()
        with self._lock:
            if self._size + len(entry.body) > self._max_bytes:
                raise JournalFullError(f"journal holds {self._size} of {self._max_bytes} bytes")
            position = self._next
            self._next += 1
            self._entries[position] = entry
            self._size += len(entry.body)
        future.set_result(position)
        return future

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released."""
        return self._entries.get(position)

    def release(self, position: int) -> None:
        """Forget an entry; unknown positions are ignored."""
        with self._lock:
            entry = self._entries.pop(position, None)
            if entry is not None:
                self._size -= len(entry.body)

    def undecided(self) -> Iterator[tuple[int, Entry]]:
        """Yield nothing: memory does not outlive the process."""
        return iter(())

    def size(self) -> int:
        """Return the bytes held."""
        return self._size

    def close(self) -> None:
        """Do nothing; memory needs no closing."""
