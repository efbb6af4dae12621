"""The way to one exporter: a bounded queue, one thread, retries with backoff. Dead exporters delay nobody else."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from spanwarden.exporters.base import Exporter, ExporterSettings, Notice, RefusedError, RetryableError
from spanwarden.model.finding import severity_at_least
from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry

logger = logging.getLogger(__name__)


class _Attempt(NamedTuple):
    batch: list[Notice]
    failures: int
    first: float


class Delivery:
    """Delivers notices to one exporter. `offer` never blocks; the oldest notice makes room when the queue is full."""

    def __init__(
        self,
        name: str,
        exporter: Exporter,
        settings: ExporterSettings,
        telemetry: Telemetry,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._exporter = exporter
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        self._queue: deque[Notice] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closing: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"exporter {name}", daemon=True)
        for outcome in ("sent", "send_failed", "enqueue_failed"):
            telemetry.count(f"otelcol_exporter_{outcome}_findings", 0, exporter=name)
        telemetry.gauge("otelcol_exporter_queue_size", lambda: len(self._queue), exporter=name)
        telemetry.gauge("otelcol_exporter_queue_capacity", lambda: settings.sending_queue.queue_size, exporter=name)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, notice: Notice) -> None:
        """Queue a notice that this exporter wants."""
        if notice.kind not in self._exporter.wants:
            return
        floor = self._settings.min_severity
        if notice.kind == "finding" and not any(severity_at_least(f.severity, floor) for f in notice.findings):
            return
        with self._changed:
            self._queue.append(notice)
            if len(self._queue) > self._settings.sending_queue.queue_size:
                self._queue.popleft()
                self._telemetry.count("otelcol_exporter_enqueue_failed_findings", exporter=self.name)
            self._changed.notify_all()

    def idle(self) -> bool:
        """Tell whether everything offered has been delivered or given up."""
        with self._changed:
            return not self._queue and not self._busy

    def close(self, timeout: float) -> None:
        """Deliver what is queued for up to `timeout` seconds, then stop and close the exporter."""
        with self._changed:
            self._closing = self._clock.monotonic() + timeout
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout + 1.0)
        left = len(self._queue)
        if left:
            logger.warning("exporter %s: %d notices were not delivered", self.name, left)
        self._exporter.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and self._closing is None:
                    self._changed.wait()
                if not self._queue or self._expired():
                    return
                size = min(len(self._queue), self._exporter.max_batch)
                batch = [self._queue.popleft() for _ in range(size)]
                self._busy = True
            self._deliver(batch)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _expired(self) -> bool:
        return self._closing is not None and self._clock.monotonic() >= self._closing

    def _deliver(self, batch: list[Notice]) -> None:
        attempt = _Attempt(batch, 0, self._clock.monotonic())
        while True:
            try:
                self._exporter.deliver(batch)
            except RetryableError as error:
                attempt = attempt._replace(failures=attempt.failures + 1)
                if not self._wait(attempt, error):
                    return
            except RefusedError as error:
                self._lost(batch, f"refused: {error}")
                return
            except Exception:
                logger.exception("exporter %s failed", self.name)
                self._lost(batch, "failed")
                return
            else:
                self._telemetry.count("otelcol_exporter_sent_findings", len(batch), exporter=self.name)
                return

    def _wait(self, attempt: _Attempt, error: RetryableError) -> bool:
        """Wait before the next attempt; False if there will be none."""
        retry = self._settings.retry_on_failure
        pause = retry.pause(attempt.failures, error.after, self._jitter())
        now = self._clock.monotonic()
        if retry.max_elapsed_time and now + pause - attempt.first > retry.max_elapsed_time:
            self._lost(attempt.batch, f"given up after {attempt.failures} attempts: {error}")
            return False
        if attempt.failures == 1:
            logger.warning("exporter %s: %s; trying again", self.name, error)
        self._telemetry.count("spanwarden_exporter_retries", exporter=self.name)
        until = now + pause
        with self._changed:
            while (left := until - self._clock.monotonic()) > 0:
                if self._closing is not None:
                    until = min(until, self._closing)
                    if self._expired():
                        break
                    left = until - self._clock.monotonic()
                self._changed.wait(max(left, 0.001))
        if self._expired():
            self._lost(attempt.batch, f"shutting down: {error}")
            return False
        return True

    def _lost(self, batch: list[Notice], reason: str) -> None:
        self._telemetry.count("otelcol_exporter_send_failed_findings", len(batch), exporter=self.name)
        logger.error("exporter %s: %d notices lost, %s", self.name, len(batch), reason)
