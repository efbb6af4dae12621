"""Time, injected: everything that needs a clock is handed one, so that tests own it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock for timeouts and the wall clock for timestamps."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def wall_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns()
