"""The way to one upstream: a bounded backlog, some threads, retries with backoff. Nobody waits for a dead one."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

from spanwarden.exporters.base import Forwarder, RefusedError, RetryableError, Signal
from spanwarden.exporters.forwarding import ForwardingSettings
from spanwarden.service.clock import Clock
from spanwarden.service.forwarding.backlog import Backlog, Request
from spanwarden.service.forwarding.content import ContentError, ContentFilter
from spanwarden.service.forwarding.records import record_count
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.spill import Spill

logger = logging.getLogger(__name__)

Fate = Literal["sent", "send_failed", "enqueue_failed"]
_WHAT: dict[Signal, str] = {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}
LONGEST = 300.0
"""Seconds after which a request is given up where the settings do not say."""
_WARN_EVERY = 10.0
_LAST_WORD = 1.0
"""Seconds that a thread gets after the deadline to notice that its connection was closed."""


class _Attempt(NamedTuple):
    request: Request
    body: bytes
    failures: int
    first: float


class Upstream:
    """Forwards to one receiver with `forwarders`, one thread each. `spill` is closed by its owner, not here."""

    def __init__(
        self,
        name: str,
        forwarders: list[Forwarder],
        settings: ForwardingSettings,
        spill: Spill | None,
        telemetry: Telemetry,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._forwarders = forwarders
        self._retry = settings.retry_on_failure
        self._spill = spill
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        forward = settings.forward
        self._filter = None if forward.content == "keep" else ContentFilter(forward.content, forward.content_keys)
        self._backlog = Backlog(settings.sending_queue.queue_bytes, spill)
        self._changed = threading.Condition()
        self._closing: float | None = None
        self._not_before = 0.0
        self._warned = float("-inf")
        self._threads = [
            threading.Thread(target=self._work, args=(forwarder,), name=f"forward {name}", daemon=True)
            for forwarder in forwarders
        ]
        if spill is not None:
            self._threads.insert(0, threading.Thread(target=self._spill_over, name=f"spill {name}", daemon=True))

    def start(self) -> None:
        """Start forwarding."""
        backlog, spill = self._backlog, self._spill
        self._telemetry.gauge("otelcol_exporter_queue_size", lambda: backlog.size, exporter=self.name)
        self._telemetry.gauge("otelcol_exporter_queue_capacity", lambda: backlog.capacity, exporter=self.name)
        if spill is not None:
            self._telemetry.gauge("spanwarden_spill_bytes", lambda: spill.size, exporter=self.name)
        for thread in self._threads:
            thread.start()

    def offer(self, signal: Signal, body: bytes, records: int | None = None) -> None:
        """Queue a request, or drop and count it where there is no room. Never blocks, never raises."""
        if self._backlog.put(signal, body, records):
            return
        self._count("enqueue_failed", signal, record_count(signal, body) if records is None else records)
        now = self._clock.monotonic()
        if now - self._warned >= _WARN_EVERY:
            self._warned = now
            logger.warning("exporter %s: the queue is full, telemetry is dropped", self.name)

    def idle(self) -> bool:
        """Tell whether everything offered has been sent or given up."""
        return self._backlog.idle()

    def close(self, timeout: float) -> None:
        """Send what is in memory for up to `timeout` seconds; spill or else count as lost what is left, and stop.

        With a spill, half the time goes to sending, and none after the first failure.
        """
        end = self._clock.monotonic() + (timeout if self._spill is None else timeout / 2)
        with self._changed:
            self._closing = end
            self._changed.notify_all()
        self._backlog.drain()
        self._join(max(0.0, end - self._clock.monotonic()))
        self._backlog.stop()
        for forwarder in self._forwarders:
            forwarder.close()
        self._join(_LAST_WORD)
        self._dispose(self._backlog.abandon())

    def _join(self, timeout: float) -> None:
        end = self._clock.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - self._clock.monotonic()))

    def _dispose(self, left: list[Request]) -> None:
        lost = 0
        for request in left:
            assert request.body is not None
            if self._spill is None or not self._spill.write(request.number, request.signal, request.body):
                lost += 1
                self._settle("send_failed", request, request.body)
        if lost:
            logger.error("exporter %s: %d requests were not forwarded before the end", self.name, lost)
        elif left:
            logger.info("exporter %s: %d requests spilled to disk", self.name, len(left))

    def _spill_over(self) -> None:
        while self._backlog.move_to_disk():
            pass

    def _work(self, forwarder: Forwarder) -> None:
        while (request := self._backlog.take()) is not None:
            try:
                self._forward(forwarder, request)
            except Exception:
                logger.exception("exporter %s failed", self.name)
                self._backlog.done(request)

    def _forward(self, forwarder: Forwarder, request: Request) -> None:
        held = self._backlog.load(request)
        if held is None:
            self._telemetry.count("spanwarden_spill_damaged_requests", exporter=self.name)
            logger.error("exporter %s: a spilled request is damaged and is passed over", self.name)
            self._backlog.done(request)
            return
        try:
            body = held if self._filter is None else self._filter.apply(request.signal, held)
        except ContentError as error:
            self._lost(request, held, f"content cannot be taken out: {error}")
            return
        attempt = _Attempt(request, body, 0, self._clock.monotonic())
        while self._hold(self._not_before):
            try:
                forwarder.forward(request.signal, body)
            except RetryableError as error:
                attempt = attempt._replace(failures=attempt.failures + 1)
                if not self._wait(attempt, error):
                    return
            except RefusedError as error:
                self._refused(request, body, error)
                return
            except Exception:
                logger.exception("exporter %s failed", self.name)
                self._lost(request, body, "failed")
                return
            else:
                if self._backlog.done(request):
                    self._settle("sent", request, body)
                return
        self._backlog.put_back(request)

    def _wait(self, attempt: _Attempt, error: RetryableError) -> bool:
        """Wait before the next attempt; False if this thread makes none."""
        if self._closing is not None and self._spill is not None:
            self._backlog.put_back(attempt.request)
            self._backlog.stop()
            return False
        pause = self._retry.pause(attempt.failures, error.after, self._jitter())
        now = self._clock.monotonic()
        given = self._retry.max_elapsed_time
        longest = LONGEST if given is None else given
        if longest and now + pause - attempt.first > longest:
            self._lost(attempt.request, attempt.body, f"given up after {attempt.failures} attempts: {error}")
            return False
        if attempt.failures == 1 and now - self._warned >= _WARN_EVERY:
            self._warned = now
            logger.warning("exporter %s: %s; trying again", self.name, error)
        if error.after is not None:  # asked of us, not only of this request
            self._not_before = max(self._not_before, now + error.after)
        self._telemetry.count("spanwarden_exporter_retries", exporter=self.name)
        if self._hold(now + pause):
            return True
        self._backlog.put_back(attempt.request)
        return False

    def _hold(self, until: float) -> bool:
        """Wait for a moment; False if forwarding ends before it."""
        with self._changed:
            while (left := until - self._clock.monotonic()) > 0:
                if self._closing is not None:
                    if self._spill is not None:
                        return False
                    left = min(left, self._closing - self._clock.monotonic())
                    if left <= 0:
                        return False
                self._changed.wait(max(left, 0.001))
        return self._closing is None or self._clock.monotonic() < self._closing

    def _refused(self, request: Request, body: bytes, error: RefusedError) -> None:
        if error.rejected is None:
            self._lost(request, body, f"refused: {error}")
        elif self._backlog.done(request):
            records = record_count(request.signal, body) if request.records is None else request.records
            rejected = min(error.rejected, records)
            self._count("send_failed", request.signal, rejected)
            self._count("sent", request.signal, records - rejected)
            logger.error("exporter %s: %s", self.name, error)

    def _lost(self, request: Request, body: bytes, reason: str) -> None:
        if self._backlog.done(request):
            self._settle("send_failed", request, body)
            logger.error("exporter %s: a request of %d bytes is lost, %s", self.name, len(body), reason)

    def _settle(self, fate: Fate, request: Request, body: bytes) -> None:
        records = record_count(request.signal, body) if request.records is None else request.records
        self._count(fate, request.signal, records)

    def _count(self, fate: Fate, signal: Signal, records: int) -> None:
        self._telemetry.count(f"otelcol_exporter_{fate}_{_WHAT[signal]}", records, exporter=self.name)
