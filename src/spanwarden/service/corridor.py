"""The middle of the corridor, in one thread: requests in, run windows, verdicts out.

Receivers hand over decoded requests and never wait; what is handed over but not yet read is bounded in bytes and read
in turns, sender by sender. Receivers ask `has_room` before they take a request. Every failure is confined to the
request or run that caused it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.model.observation import Observation
from spanwarden.otlp.requests import RequestError, decode
from spanwarden.otlp.splitting import Split, split
from spanwarden.runs.packing import encode
from spanwarden.runs.windows import Decision, Windows
from spanwarden.service.clock import Clock
from spanwarden.service.fairness import FairQueue, Shares
from spanwarden.service.metrics import Telemetry
from spanwarden.service.readings import Readings
from spanwarden.service.recording import Judged
from spanwarden.service.verdicts import Judge
from spanwarden.storage.journal import Journal, Left
from spanwarden.storage.ledger.errors import LedgerUnavailableError

logger = logging.getLogger(__name__)

_COUNTED = {
    "late": "spanwarden_late_records",
    "duplicates": "spanwarden_duplicate_records",
    "dropped": "spanwarden_dropped_records",
}


_BATCH = 100
"""Runs that are written down in one transaction."""
_COMPANY = 0.01
"""Seconds that a judged run waits for others to be written down with while requests wait to be read: a transaction
costs as much as ten runs, and the disk's time."""
_LONGEST_WAIT = 5.0
"""Seconds between two attempts to write down what was judged, at most."""


_SMALL = 64 << 10
"""Bytes of a request that is kept whole when content is read again; of larger ones each record is read by itself.

Runs last longer than an exporter waits, so that a run's records stand in many requests, each full of other runs'."""


class Observed(NamedTuple):
    """What a request said, already read elsewhere; made into observations when its turn comes."""

    unpack: Callable[[], list[Observation]]


class _Handed(NamedTuple):
    position: int
    request: Request | Observed
    sender: str


_CROWDED = 0.8
"""The share of the journal from which on decided runs make room before their grace is over."""
_GRACE_SHARE, _RELIEF_PAUSE = 0.25, 0.5
"""How many of them at once, and the seconds until the journal has let go of what they held."""


class Replayed(NamedTuple):
    """What a restart read again: requests, their bytes, the seconds it took."""

    requests: int
    size: int
    seconds: float


class Corridor:
    """Owns the windows. `hand_over` and `has_room` may be called from any thread, the rest from the corridor's own.

    `tools` says what tools do; it may be replaced from any thread, for what is read from then on.
    """

    def __init__(
        self,
        journal: Journal,
        windows: Windows,
        judge: Judge,
        telemetry: Telemetry,
        clock: Clock,
        max_pending: int,
        tools: ToolTable = DEFAULT_TABLE,
    ) -> None:
        self._journal = journal
        self._windows = windows
        self._judge = judge
        self._telemetry = telemetry
        self._clock = clock
        self.tools = tools
        self._readings = Readings()
        self._reader = ContentReader(self._fetch)
        self._pending: FairQueue[_Handed] = FairQueue(max_pending)
        self._kept = Shares(journal.max_bytes)
        self._owners: dict[int, tuple[str, int]] = {}
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._taken = threading.Condition(lock)
        self._stopping = False
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._unwritten: list[Judged] = []
        self._write_failures = 0
        self._write_after = 0.0
        self._company_until = 0.0
        self._relieve_at: float | None = None
        self._thread = threading.Thread(target=self._work, name="corridor", daemon=True)
        telemetry.gauge("spanwarden_windows_open", lambda: len(windows))
        telemetry.gauge("spanwarden_window_records", lambda: windows.observations)
        telemetry.gauge("spanwarden_window_bytes", lambda: windows.size)
        telemetry.gauge("spanwarden_window_capacity_bytes", lambda: windows.settings.max_size)
        telemetry.gauge("spanwarden_pending_bytes", lambda: self._pending.shares.held)
        telemetry.gauge("spanwarden_pending_capacity_bytes", lambda: max_pending)
        telemetry.gauge("spanwarden_ledger_waiting_runs", lambda: len(self._unwritten))
        telemetry.gauge("spanwarden_journal_bytes", journal.size)
        telemetry.gauge("spanwarden_journal_entries", journal.entries)
        telemetry.gauge("spanwarden_journal_oldest_seconds", self._oldest)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def has_room(self, size: int, sender: str | None = None) -> bool:
        """Tell whether a sender's request of this many bytes may be handed over.

        What waits and what the journal keeps are both shared out (see `fairness`); None asks for somebody who is not
        known yet. One request is always taken where nothing is held.
        """
        with self._changed:
            if not self._pending.shares.has_room(sender, size):
                return False
            return sender is None or self._kept.has_room(sender, size)

    def wait_for_room(self, size: int, timeout: float) -> bool:
        """Wait until `size` more bytes may be handed over, whoever sent them; False after `timeout` seconds."""
        with self._changed:
            return self._taken.wait_for(lambda: self._pending.shares.has_room(None, size), timeout)

    def holds(self, position: int) -> bool:
        """Tell whether a request was handed over and is not yet released."""
        with self._changed:
            return position in self._owners

    def hand_over(self, position: int, request: Request | Observed, size: int, sender: str = "") -> None:
        """Take a stored request, about `size` bytes in memory; returns at once."""
        with self._changed:
            self._keep(position, sender, size)
            self._pending.put(sender, _Handed(position, request, sender), size)
            self._changed.notify()

    def _keep(self, position: int, sender: str, size: int) -> None:
        self._owners[position] = sender, size
        self._kept.hold(sender, size)

    def _let_go(self, positions: Sequence[int]) -> None:
        with self._changed:
            for position in positions:
                owner = self._owners.pop(position, None)
                if owner is not None:
                    self._kept.free(*owner)

    def replay(self) -> Replayed:
        """Rebuild the windows from what an earlier process left in the journal; before `start`.

        Nothing is decided but what memory has no room for: quiet times begin anew, as senders may be about to repeat
        what they could not send while nobody listened.
        """
        began, wall = self._clock.monotonic(), self._clock.wall_ns()
        requests = size = 0
        earliest = began
        for position, left in self._journal.undecided():
            arrival = min(began, began - (wall - left.received) / 1e9)
            earliest = min(earliest, arrival)
            self._take_again(position, left, arrival)
            self._settle(self._windows.due(earliest))
            requests, size = requests + 1, size + left.size
        self._windows.resume(self._clock.monotonic())
        return Replayed(requests, size, self._clock.monotonic() - began)

    def stop(self) -> None:
        """Read everything that was handed over, and end the thread.

        Open runs are decided where the journal does not outlive the process; else the next one goes on with them.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and (wait := self._idle_for()) != 0:
                    self._changed.wait(wait)
                if self._stopping and (self._write_failures or not self._pending):
                    break
            self.step()
        if not self._journal.durable:
            self.finish()
        self._write_last()

    def _idle_for(self) -> float | None:
        if self._write_failures:
            return max(0.0, self._write_after - self._clock.monotonic())
        if self._pending:
            return 0.0
        deadlines = [at for at in (self._windows.next_deadline(), self._relieve_at) if at is not None]
        return max(0.0, min(deadlines) - self._clock.monotonic()) if deadlines else None

    def step(self) -> None:
        """Read one waiting request if there is one, then decide the runs that are due.

        While the ledger cannot be written nothing is read or decided, so that senders are asked to wait before memory
        is full; what was judged is kept, and so are its requests.
        """
        if not self._write():
            return
        handed = None
        with self._changed:
            if self._pending:
                handed = self._pending.get()
                self._taken.notify_all()
        if handed is not None:
            self._take(handed)
        self._settle(self._windows.due(self._clock.monotonic()))
        self._relieve()

    def _relieve(self) -> None:
        """Give up the grace of decided runs, the oldest first, while their requests leave new ones too little room."""
        if self._journal.fullness() < _CROWDED:
            self._relieve_at = None
            return
        now = self._clock.monotonic()
        if self._relieve_at is not None and now < self._relieve_at:
            return
        gone = self._windows.end_grace(_GRACE_SHARE)
        self._telemetry.count("spanwarden_graces_cut_short", gone)
        self._relieve_at = now + _RELIEF_PAUSE
        self._write()

    def finish(self) -> None:
        """Decide every open run now."""
        self._settle(self._windows.close(self._clock.monotonic()))

    def _take(self, handed: _Handed) -> None:
        self._read(handed.position, handed.request, self._clock.monotonic(), handed.sender)

    def _take_again(self, position: int, left: Left, arrival: float) -> None:
        known = self._readings.open(position, left.reading, self.tools) if left.reading else None
        request = self._stored(position) if known is None else Observed(lambda: known)
        if request is None:
            return
        sender = left.tenant or left.peer
        with self._changed:
            self._keep(position, sender, left.size)
        self._read(position, request, arrival, sender, again=True)

    def _stored(self, position: int) -> Request | None:
        entry = self._journal.read(position)
        if entry is None:
            return None
        try:
            return decode(entry.signal, entry.body)
        except RequestError:
            self._telemetry.count("spanwarden_processing_errors")
            logger.exception("entry %d of the journal could not be read; it is passed over", position)
            self._journal.release((position,))
            return None

    def _read(
        self, position: int, request: Request | Observed, arrival: float, sender: str, *, again: bool = False
    ) -> None:
        failures: list[Exception] = []
        try:
            if isinstance(request, Observed):
                observations = request.unpack()
            else:
                tools = self.tools
                observations = observe(request, position, tools, failures)
                self._keep_reading(position, observations, tools)
            if again:
                observations = self._not_closed(position, observations)
            self._windows.add(observations, arrival, position, sender)
        except Exception:
            self._telemetry.count("spanwarden_processing_errors")
            logger.exception("a request could not be read; it is passed over")
            self._journal.release((position,))
            self._let_go((position,))
        if failures:
            self._telemetry.count("spanwarden_processing_errors", len(failures))
            logger.error("%d records could not be read", len(failures), exc_info=failures[0])

    def _keep_reading(self, position: int, observations: list[Observation], tools: ToolTable) -> None:
        encoded = encode(observations) if self._journal.durable else None
        if encoded is not None:
            self._journal.keep_reading(position, self._readings.seal(position, encoded, tools))

    def _not_closed(self, position: int, observations: list[Observation]) -> list[Observation]:
        every = {observation.keys for observation in observations}
        closed = {keys for keys in every if self._journal.closed(keys, position)}
        return [observation for observation in observations if observation.keys not in closed]

    def _settle(self, decisions: list[Decision]) -> None:
        if decisions:
            if not self._unwritten:
                self._company_until = self._clock.monotonic() + _COMPANY
            judged = (self._judged(decision) for decision in in_order(decisions))
            self._unwritten += [each for each in judged if each is not None]
        self._write()
        for name, metric in _COUNTED.items():
            now = getattr(self._windows, name)
            if now != self._counted[name]:
                self._telemetry.count(metric, now - self._counted[name])
                self._counted[name] = now

    def _judged(self, decision: Decision) -> Judged | None:
        try:
            return self._judge.judge(decision, EventContents(decision.run.events, self._reader))
        except Exception:
            self._telemetry.count("spanwarden_processing_errors")
            logger.exception("run %s could not be judged", decision.run.id)
            return None

    def _write(self) -> bool:
        """Write down what was judged, then let the journal forget what nobody needs any more; False if it must wait."""
        if self._unwritten and self._clock.monotonic() < self._write_after:
            return False
        if self._in_want_of_company():
            return True
        while self._unwritten:
            try:
                self._judge.decide(self._unwritten[:_BATCH])
            except LedgerUnavailableError as error:
                self._put_off(error)
                return False
            except Exception:
                logger.exception("a batch of runs could not be written down; each is tried alone")
                if not self._write_singly():
                    return False
            else:
                del self._unwritten[:_BATCH]
            self._write_failures = 0
        released, forgotten = self._windows.released(), self._windows.forgotten()
        if released or forgotten:
            self._journal.release(released, forgotten)
            self._let_go(released)
        return True

    def _in_want_of_company(self) -> bool:
        return (
            0 < len(self._unwritten) < _BATCH
            and bool(self._pending)
            and not self._write_failures
            and self._clock.monotonic() < self._company_until
        )

    def _write_singly(self) -> bool:
        """Write down a batch run by run, and pass over those that cannot be; False if the ledger must be waited for."""
        for judged in self._unwritten[:_BATCH]:
            try:
                self._judge.decide([judged])
            except LedgerUnavailableError as error:
                self._put_off(error)
                return False
            except Exception:
                self._telemetry.count("spanwarden_processing_errors")
                logger.exception("run %s could not be written down; it is passed over", judged.run.id)
                self._judge.give_up(judged)
            del self._unwritten[0]
        return True

    def _put_off(self, error: LedgerUnavailableError) -> None:
        self._telemetry.count("spanwarden_ledger_commit_errors")
        if not self._write_failures:
            logger.error("%s; %d runs wait to be written down", error, len(self._unwritten))
        self._write_after = self._clock.monotonic() + min(_LONGEST_WAIT, 0.1 * 2 ** min(self._write_failures, 10))
        self._write_failures += 1

    def _write_last(self) -> None:
        """Try once more at the end to write down what was judged."""
        self._write_after = 0.0
        if not self._write():
            fate = "the next start judges them again" if self._journal.durable else "they are lost"
            logger.error("%d runs could not be written down; %s", len(self._unwritten), fate)

    def _oldest(self) -> float:
        received = self._journal.oldest()
        return 0.0 if received is None else max(0.0, (self._clock.wall_ns() - received) / 1e9)

    def _fetch(self, position: int) -> Split | None:
        entry = self._journal.read(position)
        if entry is None:
            return None
        if len(entry.body) <= _SMALL:
            return split(entry.signal, entry.body)

        def part(start: int, end: int) -> bytes:
            # What is gone by then reads as an empty record.
            return self._journal.part(position, start, end) or b""

        return split(entry.signal, entry.body, part)


def in_order(decisions: Sequence[Decision]) -> list[Decision]:
    """Return decisions by the ends of their runs, for rules that look at the runs before.

    One that takes in parts decided before it stays behind those.
    """
    if any(decision.absorbed for decision in decisions):
        return list(decisions)
    return sorted(decisions, key=lambda decision: decision.run.end)
