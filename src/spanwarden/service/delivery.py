"""The way to one exporter: one thread that empties its part of the outbox, with retries and backoff.

An attempt that fails for now holds the whole exporter for a while, so that a dead receiver is not asked for every
notice; the next attempt is for another run, so that one notice that a receiver cannot take does not stop the rest.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from spanwarden.exporters.base import Exporter, ExporterSettings, Notice, RefusedError, RetryableError
from spanwarden.service.clock import Clock
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.rate import Rate
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.outbox import Outbox, Outcome, Waiting

logger = logging.getLogger(__name__)

# Built once, before there are threads: msgspec (0.22) crashes where several threads are the first to decode one type.
_NOTICE = msgspec.msgpack.Decoder(Notice)

LONGEST = 24 * 3600.0
"""Seconds after which a notice is given up where the settings do not say."""
_LONGEST_DELAY = 3600.0
"""The longest that a restart keeps waiting for what an earlier process was asked to wait for, in seconds."""
_AFTER_FAULT = 1.0


class _Read(NamedTuple):
    row: Waiting
    notice: Notice


class Delivery:
    """Delivers what the outbox holds for one exporter. `wake` may be called from any thread and never waits."""

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        settings: ExporterSettings,
        outbox: Outbox,
        lifetime: Lifetime,
        telemetry: Telemetry,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._exporter = exporter
        self._settings = settings
        self._outbox = outbox
        self._lifetime = lifetime
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        self._rate = Rate(settings.rate_limit, clock) if settings.rate_limit else None
        self._held: dict[str, float] = {}
        self._failed: set[str] = set()
        """Runs of the attempts that have failed since the last one that did not."""
        self._not_before = 0.0
        self._failures = 0
        self._unsettled: list[Outcome] = []
        self._changed = threading.Condition()
        self._woken = False
        self._busy = False
        self._closing: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"exporter {name}", daemon=True)

    def start(self) -> None:
        """Start the thread. What an earlier process was asked to hold back is held back still."""
        now = self._clock.wall_ns()
        with contextlib.suppress(LedgerUnavailableError):  # the thread waits until it can be read
            for run, until in self._outbox.delays(self.name, now):
                self._held[run] = self._clock.monotonic() + min(_LONGEST_DELAY, (until - now) / 1e9)
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something to deliver."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def idle(self) -> bool:
        """Tell whether everything for this exporter has been delivered or given up."""
        with self._changed:
            return not self._busy and not self._unsettled and not self._outbox.count(self.name, "pending")

    def close(self, timeout: float) -> None:
        """Deliver for up to `timeout` seconds what waits, then stop and close the exporter.

        What is left then waits for the next start; of an outbox in memory it is counted as lost.
        """
        self._end(timeout, 1.0)
        left = self._left()
        if left and self._outbox.durable:
            logger.info("exporter %s: %d notices wait for the next start", self.name, left)
        elif left:
            self._telemetry.count("otelcol_exporter_send_failed_findings", left, exporter=self.name)
            logger.error("exporter %s: %d notices were not delivered and are lost", self.name, left)
        self._exporter.close()

    def hand_over(self, patience: float) -> None:
        """Stop after the attempt under way, which has `patience` seconds; another delivery takes over what waits."""
        self._end(0.0, patience)
        self._exporter.close()

    def _end(self, timeout: float, patience: float) -> None:
        with self._changed:
            self._closing = self._clock.monotonic() + timeout
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout + patience)

    def _left(self) -> int:
        try:
            return self._outbox.count(self.name, "pending")
        except LedgerUnavailableError:
            return 0

    def _work(self) -> None:
        while True:
            with self._changed:
                self._woken = False
                self._busy = True
            wait = self._guarded_step()
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                if self._over(wait):
                    return
                if wait != 0 and not self._woken:
                    self._changed.wait(self._at_most(wait))
                if self._expired():
                    return

    def _over(self, wait: float | None) -> bool:
        """Tell whether the thread ends: it is closing, and nothing is left or time is up."""
        return self._closing is not None and (self._expired() or (wait is None and not self._woken))

    def _expired(self) -> bool:
        return self._closing is not None and self._clock.monotonic() >= self._closing

    def _at_most(self, wait: float | None) -> float | None:
        if self._closing is None:
            return wait
        left = max(0.0, self._closing - self._clock.monotonic())
        return left if wait is None else min(wait, left)

    def _guarded_step(self) -> float | None:
        try:
            return self.step()
        except LedgerUnavailableError as error:
            logger.warning("exporter %s: %s; trying again", self.name, error)
        except Exception:
            logger.exception("exporter %s: delivery failed", self.name)
        return _AFTER_FAULT

    def step(self) -> float | None:
        """Deliver one batch; return the seconds until there may be more, None where nothing is known to come.

        Raises LedgerUnavailableError; what became of notices is kept and written down by the next call.
        """
        self._settle()
        now = self._clock.monotonic()
        if now < self._not_before:
            return self._not_before - now
        self._held = {run: until for run, until in self._held.items() if until > now}
        allowed = self._exporter.max_batch if self._rate is None else min(self._exporter.max_batch, self._rate.allows())
        if not allowed and self._rate is not None:
            return self._rate.wait()
        rows = self._outbox.waiting(self.name, self._held.keys() | self._failed, allowed)
        if not rows and self._failed:
            rows = self._outbox.waiting(self.name, self._held, allowed)
        if not rows:
            return min(self._held.values()) - now if self._held else None
        batch = self._read(rows)
        if batch:
            if self._rate is not None:
                self._rate.take(len(batch))
            self._attempt(batch)
        self._settle()
        return 0

    def _read(self, rows: Sequence[Waiting]) -> list[_Read]:
        batch = []
        for row in rows:
            try:
                batch.append(_Read(row, _NOTICE.decode(row.notice)))
            except msgspec.DecodeError as error:
                self._bury([row], f"unreadable: {error}")
        return batch

    def _attempt(self, batch: Sequence[_Read]) -> None:
        rows = [read.row for read in batch]
        try:
            self._exporter.deliver([read.notice for read in batch])
        except RetryableError as error:
            self._put_off(rows, error)
        except RefusedError as error:
            self._answered()
            self._bury(rows, f"refused: {error}")
        except Exception as error:
            logger.exception("exporter %s failed", self.name)
            self._bury(rows, f"failed: {type(error).__name__}")
        else:
            self._answered()
            self._unsettled += [Outcome(row.id, delivered=True) for row in rows]
            self._telemetry.count("otelcol_exporter_sent_findings", len(rows), exporter=self.name)

    def _answered(self) -> None:
        self._failures = 0
        self._failed.clear()

    def _put_off(self, rows: Sequence[Waiting], error: RetryableError) -> None:
        """Let what failed for now wait; what has waited for too long at this exporter is given up."""
        retry = self._settings.retry_on_failure
        self._failures += 1
        now, wall = self._clock.monotonic(), self._clock.wall_ns()
        self._not_before = now + retry.pause(self._failures, error.after, self._jitter())
        if self._failures == 1:
            logger.warning("exporter %s: %s; trying again", self.name, error)
        self._telemetry.count("spanwarden_exporter_retries", exporter=self.name)
        for row in rows:
            pause = retry.pause(row.attempts + 1, error.after, self._jitter())
            self._failed.add(row.run)
            self._held[row.run] = max(self._held.get(row.run, 0.0), now + pause)
            self._unsettled.append(
                Outcome(
                    row.id, attempts=row.attempts + 1, next_at=wall + int(pause * 1e9), error=_short(f"failed: {error}")
                )
            )
        self._settle()
        longest = LONGEST if retry.max_elapsed_time is None else retry.max_elapsed_time
        if longest:
            reason = _short(f"given up: {error}")
            self._lost(self._outbox.give_up(self.name, self._lifetime.seconds() - longest, reason, wall), reason)

    def _bury(self, rows: Sequence[Waiting], reason: str) -> None:
        self._unsettled += [
            Outcome(row.id, state="dead", attempts=row.attempts + 1, error=_short(reason)) for row in rows
        ]
        self._lost(len(rows), reason)

    def _lost(self, count: int, reason: str) -> None:
        if count:
            self._telemetry.count("otelcol_exporter_send_failed_findings", count, exporter=self.name)
            logger.error("exporter %s: %d notices are dead letters, %s", self.name, count, reason)

    def _settle(self) -> None:
        if self._unsettled:
            self._outbox.settle(self._unsettled, self._clock.wall_ns())
            self._unsettled = []


def _short(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")[:500]
