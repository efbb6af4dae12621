"""Fair shares of what is scarce: bytes that wait to be read, and bytes that the journal keeps.

A sender is a tenant or, without credentials, a peer. Nobody can take everything: part of the room is kept for senders
that hold nothing yet, and what waits is read in turns, so that a flood delays the one who sends it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

QUANTUM = 256 << 10
"""Bytes that a sender may have read in one turn."""


class Shares:
    """How many bytes each sender holds of a bounded whole. Not thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self._by_sender: dict[str, int] = {}

    def has_room(self, sender: str | None, size: int) -> bool:
        """Tell whether a sender may hold `size` more bytes; None asks for somebody who is not known yet.

        Seven eighths are divided among those who hold something; the rest is for newcomers. One request is always
        taken where nothing is held, so that no size is refused for ever.
        """
        if not self.held:
            return True
        if self.held + size > self.max_bytes:
            return False
        own = self._by_sender.get(sender, 0) if sender is not None else 0
        if not own:
            return True
        return own + size <= (self.max_bytes - self.max_bytes // 8) // len(self._by_sender)

    def hold(self, sender: str, size: int) -> None:
        """Count bytes as held by a sender, whether there is room or not."""
        self.held += size
        self._by_sender[sender] = self._by_sender.get(sender, 0) + size

    def free(self, sender: str, size: int) -> None:
        """Count bytes that a sender held as free."""
        self.held -= size
        left = self._by_sender[sender] - size
        if left:
            self._by_sender[sender] = left
        else:
            del self._by_sender[sender]


class FairQueue(Generic[T]):
    """What waits, in order for each sender, served to the senders in turns by size. Not thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self.shares = Shares(max_bytes)
        self._waiting: dict[str, deque[tuple[int, T]]] = {}
        self._turns: deque[str] = deque()
        self._credit: dict[str, int] = {}

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._turns)

    def put(self, sender: str, item: T, size: int) -> None:
        """Let an item of `size` bytes wait."""
        self.shares.hold(sender, size)
        waiting = self._waiting.get(sender)
        if waiting is None:
            waiting = self._waiting[sender] = deque()
            self._credit[sender] = QUANTUM
            self._turns.append(sender)
        waiting.append((size, item))

    def get(self) -> T:
        """Return the next item. Raises IndexError if none waits."""
        while True:
            sender = self._turns[0]
            waiting = self._waiting[sender]
            size, item = waiting[0]
            if self._credit[sender] < min(size, QUANTUM) and len(self._turns) > 1:
                self._credit[sender] += QUANTUM
                self._turns.rotate(-1)
                continue
            # Whoever is alone delays nobody and is not charged.
            self._credit[sender] = self._credit[sender] - size if len(self._turns) > 1 else QUANTUM
            waiting.popleft()
            self.shares.free(sender, size)
            if not waiting:
                self._turns.popleft()
                del self._waiting[sender], self._credit[sender]
            return item
