"""How many notices an exporter may be told now."""

from __future__ import annotations

from spanwarden.exporters.base import RateSettings
from spanwarden.service.clock import Clock


class Rate:
    """A bucket that fills evenly and holds one interval's worth. Not thread-safe."""

    def __init__(self, settings: RateSettings, clock: Clock) -> None:
        self._capacity = float(settings.notices)
        self._per_second = settings.notices / settings.interval
        self._clock = clock
        self._held = self._capacity
        self._at = clock.monotonic()

    def allows(self) -> int:
        """Return how many may go now."""
        now = self._clock.monotonic()
        self._held = min(self._capacity, self._held + (now - self._at) * self._per_second)
        self._at = now
        return int(self._held + 1e-9)

    def wait(self) -> float:
        """Return the seconds until one may go."""
        return max(0.001, (1.0 - self._held) / self._per_second)

    def take(self, count: int) -> None:
        """Count what goes now."""
        self._held -= count
