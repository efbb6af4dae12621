"""Several journals as one: the owner's own, those lent to workers, and those of workers that are no more."""

from __future__ import annotations

import heapq
import logging
import pathlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future

import lmdb

from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Settings
from spanwarden.service.workers.messages import Release
from spanwarden.service.workers.positions import SLOTS, joined, parted
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.journal import Closed, Entry, Left
from spanwarden.storage.journal_records import DamagedError
from spanwarden.storage.lmdb_file import LmdbFile
from spanwarden.storage.lmdb_journal import LmdbJournal

logger = logging.getLogger(__name__)

_ATTEMPTS, _PAUSE = 200, 0.05
"""How often, and after how many seconds, a directory is tried: workers of a killed owner need a moment to notice."""


def folder_of(directory: pathlib.Path, worker: int) -> pathlib.Path:
    """Return where a worker (from 1) keeps its journal."""
    return directory / f"worker-{worker}"


def left_behind(directory: pathlib.Path, workers: int) -> list[int]:
    """Return the numbers of workers beyond `workers` that left a journal."""
    return [n for n in range(1, SLOTS) if n > workers and (folder_of(directory, n) / "journal").is_dir()]


class LentJournal:
    """The journal of a worker: this process's until `lend`, and from then on read here while the worker writes it."""

    def __init__(self, slot: int, directory: Directory, make: Callable[[bool], LmdbJournal], file: LmdbFile) -> None:
        self.slot = slot
        self.journal = make(False)
        self._make = make
        self._directory = directory
        self._file = file
        self._lock = threading.Lock()
        self._lent = False
        self._opened = False
        self._positions: list[int] = []
        self._closed: list[Closed] = []
        self._owed: dict[int, Release] = {}
        self._number = 0
        self.reported: tuple[int, int, int | None] = 0, 0, None
        """Bytes, entries, and when the oldest came, as the worker told last."""

    @property
    def lent(self) -> bool:
        """Tell whether a worker writes it."""
        return self._lent

    def open(self) -> None:
        """Open it here, once the worker of an earlier owner has let go of it. Raises DirectoryError."""
        for attempt in range(_ATTEMPTS):
            try:
                self._directory.open()
                break
            except DirectoryError:
                if attempt == _ATTEMPTS - 1:
                    raise
            threading.Event().wait(_PAUSE)
        self.journal.open()
        self._opened = True

    def lend(self) -> None:
        """Let a worker write it. Raises DirectoryError."""
        self.reported = self.journal.size(), self.journal.entries(), self.journal.oldest()
        self.journal.close()
        self._file.open(verified=True)
        self._lent = True
        self._directory.close()

    def close(self) -> bool:
        """Let go of it, after releasing what the worker, which has ended, did not; tell whether it may be removed."""
        if self._lent:
            self._file.close()
            self._release_rest()
        self.journal.close()
        self._directory.close()
        return self._opened and not self._lent and not self.journal.entries()

    def _release_rest(self) -> None:
        self.take_release()
        if not self._owed:
            return
        try:
            self._directory.open()
            journal = self._make(True)
            journal.open()
        except DirectoryError as error:
            logger.warning("%s; the next start judges again what was released last", error)
            return
        for release in self.unconfirmed():
            journal.release(release.positions, release.closed)
        journal.close()

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released or is damaged."""
        if not self._lent:
            return self.journal.read(position)
        found: Entry | Exception | None
        try:
            found = self._file.entry(position)
        except (lmdb.Error, DamagedError) as error:
            found = error
        if isinstance(found, Exception):
            logger.error("entry %d of worker %d's journal cannot be read: %s", position, self.slot, found)
            return None
        return found

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return some bytes of an entry's body; see `Journal.part`."""
        if not self._lent:
            return self.journal.part(position, start, end)
        try:
            return self._file.part(position, start, end)
        except (lmdb.Error, DamagedError) as error:
            logger.error("entry %d of worker %d's journal cannot be read: %s", position, self.slot, error)  # noqa: TRY400
            return None

    def release(self, positions: Iterable[int], closed: Iterable[Closed]) -> None:
        """Forget entries; where it is lent, the worker is asked to, see `take_release`."""
        if not self._lent:
            self.journal.release(positions, closed)
            return
        with self._lock:
            self._positions += positions
            self._closed += closed

    def take_release(self) -> Release | None:
        """Return what the worker is to be asked to release, None if there is nothing new."""
        with self._lock:
            if not (self._positions or self._closed):
                return None
            self._number += 1
            release = Release(self._number, self._positions, self._closed)
            self._positions, self._closed = [], []
            self._owed[release.number] = release
            return release

    def confirmed(self, number: int) -> None:
        """Note that a release was carried out."""
        with self._lock:
            self._owed.pop(number, None)

    def unconfirmed(self) -> list[Release]:
        """Return what a worker that died may not have carried out."""
        with self._lock:
            return list(self._owed.values())

    def held(self) -> list[int]:
        """Return the positions that are stored and not released, in order. Raises lmdb.Error."""
        stored = list(self._file.held())
        with self._lock:
            gone = set(self._positions).union(*(release.positions for release in self._owed.values()))
        return [position for position in stored if position not in gone]


class Journals:
    """See `Journal`. `own` has slot 0, and is what `append` stores in; `others` have their worker's number."""

    durable = True

    def __init__(self, own: LmdbJournal, others: Iterable[LentJournal], directory: pathlib.Path) -> None:
        self.own = own
        self.max_bytes = own.max_bytes
        self._others = {other.slot: other for other in others}
        self._directory = directory

    def lent(self, worker: int) -> LentJournal:
        """Return a worker's journal."""
        return self._others[worker]

    def open(self) -> None:
        """Open all. Raises DirectoryError."""
        self.own.open()
        for other in self._others.values():
            other.open()

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry in the own journal; see `Journal.append`."""
        outer: Future[int] = Future()
        outer.set_running_or_notify_cancel()

        def stored(inner: Future[int]) -> None:
            error = inner.exception()
            if error is None:
                outer.set_result(joined(inner.result(), 0))
            else:
                outer.set_exception(error)

        self.own.append(entry).add_done_callback(stored)
        return outer

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released or is damaged."""
        at, slot = parted(position)
        return self._others[slot].read(at) if slot else self.own.read(at)

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return some bytes of an entry's body; see `Journal.part`."""
        at, slot = parted(position)
        return (self._others[slot] if slot else self.own).part(at, start, end)

    def release(self, positions: Iterable[int], closed: Iterable[Closed] = ()) -> None:
        """Forget entries, and note what is over of those that stay; each journal in one step."""
        gone: dict[int, list[int]] = {}
        over: dict[int, list[Closed]] = {}
        for position in positions:
            at, slot = parted(position)
            gone.setdefault(slot, []).append(at)
        for keys, still_held in closed:
            parts: dict[int, set[int]] = {}
            for position in still_held:
                at, slot = parted(position)
                parts.setdefault(slot, set()).add(at)
            for slot, ats in parts.items():
                over.setdefault(slot, []).append((keys, frozenset(ats)))
        for slot in gone.keys() | over.keys():
            part = self._others[slot] if slot else self.own
            part.release(gone.get(slot, ()), over.get(slot, ()))

    def closed(self, keys: Iterable[str], position: int) -> bool:
        """Tell whether what an entry of an earlier process says of a run with one of these keys is over and done."""
        at, slot = parted(position)
        return (self._others[slot].journal if slot else self.own).closed(keys, at)

    def keep_reading(self, position: int, reading: bytes) -> None:
        """Keep what was read of an entry; of one that a worker stored, the worker keeps it itself."""
        at, slot = parted(position)
        if not slot:
            self.own.keep_reading(at, reading)
        elif not self._others[slot].lent:
            self._others[slot].journal.keep_reading(at, reading)

    def undecided(self) -> Iterator[tuple[int, Left]]:
        """Yield what earlier processes left behind, in the order in which it came."""

        def of(slot: int, journal: LmdbJournal) -> Iterator[tuple[int, Left]]:
            for position, left in journal.undecided():
                yield joined(position, slot), left

        every = [of(0, self.own), *(of(slot, other.journal) for slot, other in self._others.items())]
        yield from heapq.merge(*every, key=lambda found: found[1].received)

    def size(self) -> int:
        """Return the bytes held by all."""
        return self.own.size() + sum(size for size, _, _ in self._told())

    def fullness(self) -> float:
        """Return the share of its room that is taken in the fullest journal that is still written to."""
        lent = [o.reported[0] / o.journal.max_bytes for o in self._others.values() if o.lent]
        return max(lent, default=self.own.fullness())

    def entries(self) -> int:
        """Return how many entries are held by all."""
        return self.own.entries() + sum(entries for _, entries, _ in self._told())

    def oldest(self) -> int | None:
        """Return when the oldest entry held was received."""
        times = [self.own.oldest(), *(oldest for _, _, oldest in self._told())]
        return min((at for at in times if at is not None), default=None)

    def close(self) -> None:
        """Close all; what is left of a worker that is no more goes when it is empty."""
        for slot, other in self._others.items():
            if other.close():
                _remove(folder_of(self._directory, slot))
        self.own.close()

    def _told(self) -> list[tuple[int, int, int | None]]:
        return [
            other.reported if other.lent else (other.journal.size(), other.journal.entries(), other.journal.oldest())
            for other in self._others.values()
        ]


def journals_of(settings: Settings, own: Directory, telemetry: Telemetry, clock: Clock) -> LmdbJournal | Journals:
    """Return the journal of the process that owns the runs: where no workers are or were, its own alone."""
    storage, workers = settings.extensions.storage, settings.service.workers
    alone = LmdbJournal(own, storage.max_size, storage.journal.sync, telemetry, clock.monotonic, clock.wall_ns)
    numbers = [*(range(1, workers + 1) if workers > 1 else ()), *left_behind(own.path, workers if workers > 1 else 0)]
    if not numbers:
        return alone
    return Journals(alone, [_other(number, settings, own.path, telemetry, clock) for number in numbers], own.path)


def share(settings: Settings) -> int:
    """Return the bytes that the journal of one worker may hold."""
    return max(1, settings.extensions.storage.max_size // settings.service.workers)


def workers_journal(
    settings: Settings, directory: Directory, telemetry: Telemetry, clock: Clock, *, shared: bool
) -> LmdbJournal:
    """Return a worker's journal, for the worker (shared) or for its owner before it is lent."""
    storage = settings.extensions.storage
    return LmdbJournal(
        directory,
        share(settings),
        storage.journal.sync,
        telemetry,
        clock.monotonic,
        clock.wall_ns,
        room=storage.max_size,
        shared=shared,
    )


def _other(worker: int, settings: Settings, directory: pathlib.Path, telemetry: Telemetry, clock: Clock) -> LentJournal:
    place = Directory(folder_of(directory, worker))

    def make(shared: bool) -> LmdbJournal:
        return workers_journal(settings, place, telemetry, clock, shared=shared)

    storage = settings.extensions.storage
    file = LmdbFile(place.path / "journal", max(share(settings), storage.max_size), storage.journal.sync)
    return LentJournal(worker, place, make, file)


def _remove(folder: pathlib.Path) -> None:
    """Remove the folder of an empty journal, unless something broken was set aside in it."""
    if not (folder / "quarantine").exists():
        shutil.rmtree(folder, ignore_errors=True)
