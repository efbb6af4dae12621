"""The bytes that all receivers together may hold: being received, being decompressed, waiting to be acknowledged.

Whoever is about to hold bytes reserves them here first; where nothing is left, the client is asked to come again before
memory was spent on it. One event loop uses a budget; only `held` may be read from other threads.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Budget:
    """A number of bytes, handed out in reservations."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def reserve(self, size: int) -> Reservation | None:
        """Reserve bytes; None if they are not to be had at the moment."""
        return Reservation(self, size) if self.take(size) else None

    async def wait(self, size: int, seconds: float) -> Reservation | None:
        """Reserve bytes, waiting in line for at most `seconds`; None if they did not come free."""
        if not self._waiting and self.take(size):
            return Reservation(self, size)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (size, turn)
        self._waiting.append(place)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The bytes were given just as the wait was given up.
                self.give_back(size)
            else:
                self._waiting.remove(place)
                # Whoever stands behind may ask for less.
                self._serve()
            if isinstance(error, TimeoutError):
                return None
            raise
        return Reservation(self, size)

    def take(self, size: int) -> bool:
        """Count bytes as held if there is room for them."""
        if self.held + size > self.max_bytes:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Count bytes as free again."""
        self.held -= size
        if self._waiting:
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self.take(self._waiting[0][0]):
            self._waiting.popleft()[1].set_result(None)


class Reservation:
    """Bytes taken from a budget, given back by `close` (which may be called again)."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget, size: int) -> None:
        self._budget = budget
        self.size = size

    def resize(self, size: int) -> bool:
        """Hold `size` bytes from now on; False, and nothing changes, if there is no room for more."""
        if size > self.size and not self._budget.take(size - self.size):
            return False
        if size < self.size:
            self._budget.give_back(self.size - size)
        self.size = size
        return True

    def close(self) -> None:
        """Give everything back."""
        self.resize(0)
