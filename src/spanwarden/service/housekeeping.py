"""The ledger's own chores, in one thread: old runs go, other processes' changes are noticed, time lived is saved."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from spanwarden.service.clock import Clock
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import HistorySettings, RetentionSettings
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.history import HistoryBounds, held
from spanwarden.storage.ledger.history import prune as prune_history
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.retention import Bounds, give_back, prune

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks for changes that another process (`spanwarden outbox`) made."""
PRUNE_EVERY = 60.0
_HISTORY_SHARE = 4
"""What is known of other runs takes at most this part of the ledger, so that it does not cost the ledger its runs."""
_SHRINK_TO = 0.9
"""A ledger that is too big is pruned to this part of its bound, so that it is not pruned all the time."""


class Housekeeping:
    """Keeps a ledger within its bounds.

    retention, history: may be replaced at any time. wake: called when another process has changed the outbox.
    """

    def __init__(
        self,
        ledger: Ledger,
        lifetime: Lifetime,
        retention: RetentionSettings,
        history: HistorySettings,
        wake: Callable[[], None],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self.retention = retention
        self.history = history
        self._ledger = ledger
        self._lifetime = lifetime
        self._wake = wake
        self._telemetry = telemetry
        self._clock = clock
        self._next = clock.monotonic()
        self._stopping = threading.Event()
        telemetry.gauge("spanwarden_ledger_bytes", self._size)
        telemetry.gauge("spanwarden_ledger_capacity_bytes", lambda: self.retention.max_size)
        self._history_size = self._used = 0
        telemetry.gauge("spanwarden_history_bytes", lambda: self._history_size)
        telemetry.gauge("spanwarden_history_capacity_bytes", self._most_history)
        for reason in ("age", "size"):
            telemetry.count("spanwarden_history_forgotten", 0, reason=reason)
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def open(self) -> None:
        """Open the ledger, a fresh one where the file is damaged. Raises LedgerError or LedgerUnavailableError."""
        aside = self._ledger.open(self._clock.wall_ns())
        if aside is not None:
            self._telemetry.count("spanwarden_ledger_quarantined")
            logger.error("the ledger is damaged; it was moved to %s and a fresh one is used", aside)
        self._lifetime.resume()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step under way, and save the time lived."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
            try:
                self._lifetime.save()
            except LedgerUnavailableError as error:
                logger.warning("%s", error)

    def step(self) -> None:
        """Look for changes from outside; prune when it is time. Raises LedgerUnavailableError."""
        if self._ledger.look():
            self._wake()
        if self._clock.monotonic() < self._next:
            if self._ledger.used() - self._used > self._most_history() // 2:
                self.prune_history()
            return
        self._next = self._clock.monotonic() + PRUNE_EVERY
        self._lifetime.save()
        self.prune_history()
        self.prune()

    def prune_history(self) -> None:
        """Forget what is beyond the bounds of what is known of other runs. Raises LedgerUnavailableError."""
        oldest = self._clock.wall_ns() - int(self.history.max_age * 1e9)
        aged, crowded = prune_history(self._ledger, HistoryBounds(oldest, self._most_history()))
        for reason, count in (("age", aged), ("size", crowded)):
            self._telemetry.count("spanwarden_history_forgotten", count, reason=reason)
        if crowded:
            logger.warning("history of runs: %d entries are forgotten, there is no room for more", crowded)
        self._history_size, self._used = held(self._ledger).size, self._ledger.used()

    def _most_history(self) -> int:
        return min(self.history.max_size, self.retention.max_size // _HISTORY_SHARE)

    def prune(self) -> None:
        """Remove what is beyond the bounds and give its space back. Raises LedgerUnavailableError."""
        now = self._clock.wall_ns()
        retention = self.retention
        beyond = self._ledger.used() > retention.max_size
        bounds = Bounds(
            now - int(retention.max_age * 1e9),
            now - int(retention.dead_letters * 1e9),
            int(retention.max_size * _SHRINK_TO) if beyond else retention.max_size,
        )
        runs = given_up = letters = 0
        while (pruned := prune(self._ledger, bounds, now)) and not self._stopping.is_set():
            runs, given_up, letters = runs + pruned.runs, given_up + pruned.given_up, letters + pruned.letters
        if not runs and not letters:
            return
        while give_back(self._ledger) and not self._stopping.is_set():
            pass
        self._telemetry.count("spanwarden_ledger_pruned_runs", runs)
        logger.info("ledger: %d runs and %d dead letters pruned", runs, letters)
        if given_up:
            logger.error("ledger: %d notices are dead letters, their runs were pruned before delivery", given_up)

    def _size(self) -> float:
        try:
            return self._ledger.size()
        except LedgerUnavailableError:
            return 0.0

    def _work(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                self.step()
            except LedgerUnavailableError as error:
                logger.warning("%s", error)
            except Exception:
                logger.exception("housekeeping failed")
