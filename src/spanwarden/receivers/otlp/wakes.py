"""Calls from other threads into an event loop, many for one wake-up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Wakes:
    """Runs in `loop`, in order, what any thread asks it to. What is called must not raise.

    Waking a loop costs a system call and a turn of it; what a journal stores together comes together.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._due: deque[Callable[[], None]] = deque()
        self._woken = False

    def call(self, act: Callable[[], None]) -> None:
        """Let the loop call `act` soon; nothing happens where it is closed."""
        # In this order: whoever finds the loop woken has added to what it is yet to look at.
        self._due.append(act)
        if not self._woken and not self.loop.is_closed():
            self._woken = True
            self.loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self._woken = False
        while self._due:
            self._due.popleft()()
