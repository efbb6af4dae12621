"""The seconds that the service has lived, over all its starts.

How long a notice has waited is measured in these: a wrong wall clock or a night without power ages nothing.
"""

from __future__ import annotations

from spanwarden.service.clock import Clock
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.state import LIVED, State


class Lifetime:
    """The life of the service that uses a ledger. `resume` once the ledger is open, `save` every now and then."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._state = State(ledger)
        self._clock = clock
        self._before = 0.0
        self._started = clock.monotonic()

    def resume(self) -> None:
        """Go on from what was saved. Raises LedgerUnavailableError."""
        saved = self._state.get(LIVED)
        self._before = float(saved) if saved else 0.0
        self._started = self._clock.monotonic()

    def seconds(self) -> float:
        """Return the seconds lived until now."""
        return self._before + self._clock.monotonic() - self._started

    def save(self) -> None:
        """Write down the seconds lived. Raises LedgerUnavailableError."""
        self._state.put(LIVED, str(self.seconds()).encode())
