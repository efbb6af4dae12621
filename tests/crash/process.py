"""The corridor on disk in this process, stepped by hand on a clock of the test's own, and copies of what it leaves.

A copy of the directory, taken while nothing writes, is what `kill -9` leaves at that moment.
"""

import itertools
import shutil
from typing import NamedTuple

from crash.load import POLICY
from spanwarden.exporters.base import ExporterSettings
from spanwarden.otlp.requests import decode_traces
from spanwarden.policy.loading import load
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.corridor import Corridor
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.outlets import Outlets
from spanwarden.service.verdicts import Judge
from spanwarden.storage.directory import Directory
from spanwarden.storage.journal import Entry
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.recalling import told
from spanwarden.storage.lmdb_journal import LmdbJournal

IDLE, GRACE = 60.0, 5.0


class Clock:
    """Two clocks that go on when told to, each on its own if need be."""

    def __init__(self, now=50.0, wall=1_795_000_000.0):
        self.now, self.wall = now, wall

    def monotonic(self):
        return self.now

    def wall_ns(self):
        return int(self.wall * 1e9)

    def go_on(self, seconds):
        self.now += seconds
        self.wall += seconds


class _Exporter:
    wants = frozenset({"finding"})
    max_batch = 1

    def __init__(self, deliveries, point):
        self._deliveries = deliveries
        self._point = point

    def deliver(self, notices):
        self._deliveries += [(n.findings[0].finding_id, n.findings[0].delivery_id) for n in notices]
        self._point("delivered, and not noted")

    def close(self):
        pass


class _Journal(LmdbJournal):
    """A journal that says when it is about to be told to let go: what was judged is on disk then."""

    point = staticmethod(lambda _: None)

    def release(self, positions, closed=()):
        self.point("written down, and not released")
        super().release(positions, closed)


class _Judge(Judge):
    """A judge that says when it is about to write down."""

    about_to_write = staticmethod(lambda: None)

    def decide(self, batch):
        self.about_to_write()
        super().decide(batch)


class Process:
    """One process on a folder. `point` is called at moments at which a crash may be, with what they are."""

    def __init__(self, folder, clock, point=lambda _: None, *, grace=GRACE):
        folder.mkdir(exist_ok=True)
        self.folder, self.clock, self._point = folder, clock, point
        self.deliveries = []
        self.telemetry = Telemetry()
        policy = folder.parent / "policy.yaml"
        policy.write_text(POLICY, encoding="utf-8")
        self._directory = Directory(folder)
        self._directory.open()
        self.journal = _Journal(self._directory, 1 << 24, "off", self.telemetry, clock.monotonic, clock.wall_ns)
        self.ledger = Ledger(folder)
        lifetime = Lifetime(self.ledger, clock)
        outlets = Outlets(self.ledger, lifetime, self.telemetry, clock)
        outlets.add("hook", _Exporter(self.deliveries, point), ExporterSettings())
        self._delivery = outlets._deliveries["hook"][1]
        judge = _Judge([load(str(policy)), load("pack:agent-baseline")], self.ledger, outlets, self.telemetry, clock)
        settings = WindowSettings(settle=2.0, idle_timeout=IDLE, grace=grace)
        self.windows = Windows(settings, alerts=judge.alerts)
        self.corridor = Corridor(self.journal, self.windows, judge, self.telemetry, clock, max_pending=1 << 24)
        self.journal.open()
        self.ledger.open(clock.wall_ns())
        lifetime.resume()
        with self.ledger.reading() as connection:
            kept_for = settings.grace + settings.max_age
            self.windows.recall(told(connection, clock.wall_ns() - int(kept_for * 1e9)))
        self.corridor.replay()
        self.journal.point = point
        judge.about_to_write = self._about_to_write

    def receive(self, body):
        position = self.journal.append(Entry("traces", self.clock.wall_ns(), body, "peer")).result()
        self._point("acknowledged, and not read")
        self.corridor.hand_over(position, decode_traces(body), len(body), "peer")
        self.step()

    def step(self):
        self.corridor.step()
        self.journal.flush()
        self._point("released")
        while self._delivery.step() == 0:
            pass

    def _about_to_write(self):
        self.journal.flush()  # whatever it was told to let go of is gone
        self._point("judged, and not written down")

    def go_on(self, seconds):
        """Let time pass, and do what is due at its time."""
        end = self.clock.now + seconds
        while (deadline := self.windows.next_deadline()) is not None and deadline <= end:
            self.clock.go_on(max(0.0, deadline - self.clock.now))
            self.step()
        self.clock.go_on(end - self.clock.now)
        self.step()

    def finish(self):
        """Let all runs be decided and their graces pass."""
        self.go_on(2 * (IDLE + GRACE))

    def left_behind(self, folder):
        """Copy what a crash at this moment leaves."""
        shutil.copytree(self.folder, folder)

    def close(self):
        self.journal.close()
        self.ledger.close()
        self._directory.close()


class Arrival(NamedTuple):
    """A request, and the seconds that pass before it comes."""

    after: float
    body: bytes


class Crash(NamedTuple):
    """A moment of a process: what it left behind, what it had acknowledged and delivered, what its clock said."""

    what: str
    folder: object
    acknowledged: int
    delivered: list[tuple[str, str]]
    clock: tuple[float, float]


def told_whole(folder, arrivals, *, crashing=True, **options):
    """Return what a process delivers that lives through all arrivals, and every moment at which it may have died."""
    crashes, numbers, sent = [], itertools.count(), []

    def point(what):
        if not crashing:
            return
        copy = folder.parent / f"crash-{next(numbers)}"
        process.left_behind(copy)
        crashes.append(Crash(what, copy, len(sent), list(process.deliveries), (process.clock.now, process.clock.wall)))

    process = Process(folder, Clock(), point, **options)
    try:
        for arrival in arrivals:
            process.go_on(arrival.after)
            sent.append(arrival)
            process.receive(arrival.body)
        process.finish()
        assert process.journal.entries() == 0
    finally:
        process.close()
    return process.deliveries, crashes
