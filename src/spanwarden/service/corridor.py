"""The middle of the corridor, in one thread: requests in, run windows, verdicts out.

Receivers hand over decoded requests and never wait; what is handed over but not yet read is bounded in bytes, and
receivers ask `has_room` before they take a request. Every failure is confined to the request or run that caused it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import NamedTuple

from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.otlp.requests import decode
from spanwarden.runs.windows import Decision, Windows
from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry
from spanwarden.service.verdicts import Judge, Tell
from spanwarden.storage.journal import Journal

logger = logging.getLogger(__name__)

_COUNTED = {
    "late": "spanwarden_late_records",
    "duplicates": "spanwarden_duplicate_records",
    "dropped": "spanwarden_dropped_records",
}


class _Handed(NamedTuple):
    position: int
    request: Request
    size: int


class Corridor:
    """Owns the windows. `hand_over` and `has_room` may be called from any thread, the rest from the corridor's own.

    `tools` says what tools do; it may be replaced from any thread, for what is read from then on.
    """

    def __init__(
        self,
        journal: Journal,
        windows: Windows,
        judge: Judge,
        tell: Tell,
        telemetry: Telemetry,
        clock: Clock,
        max_pending: int,
        tools: ToolTable = DEFAULT_TABLE,
    ) -> None:
        self._journal = journal
        self._windows = windows
        self._judge = judge
        self._tell = tell
        self._telemetry = telemetry
        self._clock = clock
        self._max_pending = max_pending
        self.tools = tools
        self._pending: deque[_Handed] = deque()
        self._pending_bytes = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._thread = threading.Thread(target=self._work, name="corridor", daemon=True)
        telemetry.gauge("spanwarden_windows_open", lambda: len(windows))
        telemetry.gauge("spanwarden_window_records", lambda: windows.observations)
        telemetry.gauge("spanwarden_window_bytes", lambda: windows.size)
        telemetry.gauge("spanwarden_window_capacity_bytes", lambda: windows.settings.max_size)
        telemetry.gauge("spanwarden_pending_bytes", lambda: self._pending_bytes)
        telemetry.gauge("spanwarden_pending_capacity_bytes", lambda: max_pending)
        telemetry.gauge("spanwarden_journal_bytes", journal.size)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def has_room(self, size: int) -> bool:
        """Tell whether a request of this many bytes may be handed over; one is always taken when none is waiting."""
        return not self._pending or self._pending_bytes + size <= self._max_pending

    def hand_over(self, position: int, request: Request, size: int) -> None:
        """Take a stored request; returns at once."""
        with self._changed:
            self._pending.append(_Handed(position, request, size))
            self._pending_bytes += size
            self._changed.notify()

    def stop(self) -> None:
        """Read everything that was handed over, decide every open run, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._stopping and (wait := self._idle_for()) != 0:
                    self._changed.wait(wait)
                if self._stopping and not self._pending:
                    break
            self.step()
        self.finish()

    def _idle_for(self) -> float | None:
        deadline = self._windows.next_deadline()
        return None if deadline is None else max(0.0, deadline - self._clock.monotonic())

    def step(self) -> None:
        """Read one waiting request if there is one, then decide the runs that are due."""
        handed = None
        with self._changed:
            if self._pending:
                handed = self._pending.popleft()
                self._pending_bytes -= handed.size
        if handed is not None:
            self._take(handed)
        self._settle(self._windows.due(self._clock.monotonic()))

    def finish(self) -> None:
        """Decide every open run now."""
        self._settle(self._windows.close(self._clock.monotonic()))

    def _take(self, handed: _Handed) -> None:
        failures: list[Exception] = []
        try:
            observations = observe(handed.request, handed.position, self.tools, failures)
            self._windows.add(observations, self._clock.monotonic())
        except Exception:
            self._telemetry.count("spanwarden_processing_errors")
            logger.exception("a request could not be read; it is passed over")
            observations = []
        if failures:
            self._telemetry.count("spanwarden_processing_errors", len(failures))
            logger.error("%d records could not be read", len(failures), exc_info=failures[0])
        if not any(o.content is not None for o in observations):
            self._journal.release(handed.position)

    def _settle(self, decisions: list[Decision]) -> None:
        if decisions:
            reader = ContentReader(self._fetch)
            for decision in decisions:
                self._decide(decision, reader)
        for position in self._windows.released():
            self._journal.release(position)
        for name, metric in _COUNTED.items():
            now = getattr(self._windows, name)
            if now != self._counted[name]:
                self._telemetry.count(metric, now - self._counted[name])
                self._counted[name] = now

    def _decide(self, decision: Decision, reader: ContentReader) -> None:
        try:
            for notice in self._judge.judge(decision, EventContents(decision.run.events, reader)):
                self._tell(notice)
        except Exception:
            self._telemetry.count("spanwarden_processing_errors")
            logger.exception("run %s could not be judged", decision.run.id)

    def _fetch(self, position: int) -> Request | None:
        entry = self._journal.read(position)
        return None if entry is None else decode(entry.signal, entry.body)
