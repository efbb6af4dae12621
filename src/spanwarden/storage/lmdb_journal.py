"""The journal on disk: one thread writes, and what waits together is stored in one transaction.

A request is acknowledged when its transaction is on disk (see `Sync`). A disk that takes no more fails the requests of
that transaction and nothing else; releases are kept and tried again, so that there is room again. A file that cannot
be trusted is moved into quarantine, with an error in the log, and a new one is begun.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

import lmdb

from spanwarden.storage.closed_runs import ClosedRuns
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.journal import Closed, Counters, Entry, JournalFullError, Left, Sync
from spanwarden.storage.journal_records import DamagedError, Piece, encode, footprint, split_reading
from spanwarden.storage.lmdb_file import Group, Held, LmdbFile, Record

logger = logging.getLogger(__name__)

_GROUP_BYTES = 32 << 20
_READ_BYTES = 8 << 20
_LINGER = 0.25
"""Seconds that releases alone wait for company; they are in no hurry."""
_COMPANY = 0.004
"""Seconds that requests wait to be stored until there are as many as last time: a transaction costs as much as many of
them, and senders that were answered together come again together. Who sends alone waits for nobody."""
_RIPE = 2
"""Transactions after which LMDB uses space again that one of them freed."""
_PAUSE = 1.0
"""Seconds between attempts on a disk that takes nothing."""


class _Append(NamedTuple):
    position: int
    entry: Entry
    pieces: list[Piece]
    size: int
    future: Future[int]


class LmdbJournal:
    """A journal in `<directory>/journal`. `monotonic` gives seconds, `wall_ns` ns since the epoch.

    max_bytes: of disk space that entries take; requests beyond it are refused with JournalFullError.
    room: the bytes that earlier owners of the file were allowed, where that may be more.
    shared: another process has checked the file and reads it meanwhile, so that it is never replaced.
    """

    durable = True

    def __init__(
        self,
        directory: Directory,
        max_bytes: int,
        sync: Sync,
        counters: Counters,
        monotonic: Callable[[], float],
        wall_ns: Callable[[], int],
        *,
        room: int = 0,
        shared: bool = False,
    ) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self._counters = counters
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._file = LmdbFile(directory.path / "journal", max(max_bytes, room), sync)
        self._shared = shared
        self._changed = threading.Condition()
        self._queue: list[_Append] = []
        self._releases: list[int] = []
        self._closings: list[Closed] = []
        self._readings: list[tuple[int, bytes]] = []
        self._flushes: list[Future[None]] = []
        self._held: dict[int, Held] = {}
        self._size = 0
        self._next = 0
        self._earlier = 0
        self._over = ClosedRuns()
        self._owed_releases: dict[int, None] = {}
        self._owed_records: list[tuple[int, Record]] = []
        self._owed_outlived: list[int] = []
        self._owed_readings: dict[int, list[Piece]] = {}
        self._ripening = 0
        self._company = 1
        self._failing = False
        self._damage: str | None = None
        """What a reader saw of a damaged file, for the writer to set it aside."""
        self._stopping = True  # until it is open
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    def open(self) -> None:
        """Open the file and start the writer. Raises DirectoryError."""
        self._load()
        self._earlier = self._next
        self._shrink(self._size)
        self._stopping = False
        self._thread.start()

    def _load(self) -> None:
        try:
            self._file.open(verified=self._shared)
            self._take_stock()
        except DamagedError as damage:
            if self._shared:
                raise DirectoryError(f"{self._file.folder}: {damage}") from None
            why = str(damage)
        else:
            return
        self._begin_anew(why)

    def _take_stock(self) -> None:
        held, over = self._file.held(), ClosedRuns()
        self._owed_outlived = over.load(self._file.records(), held)
        self._next = max(self._next, self._file.next_position(), max(held, default=-1) + 1)
        self._held, self._over = held, over
        self._size = sum(each.size for each in held.values())

    def _begin_anew(self, why: str) -> None:
        """Set a damaged file aside and open a new one. Raises DirectoryError."""
        self._file.close()
        try:
            place = self.directory.set_aside(self._file.folder, self._wall_ns())
        except OSError as error:
            raise DirectoryError(f"{self._file.folder}: damaged, and cannot be moved: {error.strerror}") from None
        self._counters.count("spanwarden_journal_quarantined")
        logger.error("the journal is damaged (%s); it is now %s, and a new one is begun", why, place)
        self._file.open()
        with self._changed:
            self._size -= sum(held.size for held in self._held.values())
            self._held, self._over = {}, ClosedRuns()
        self._owed_releases, self._owed_records, self._owed_outlived, self._owed_readings = {}, [], [], {}
        self._ripening = 0

    def append(self, entry: Entry) -> Future[int]:
        """Store an entry; see `Journal.append`."""
        pieces = encode(entry)
        size = footprint(pieces)
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._stopping or self._size + size > self.max_bytes:
                self._counters.count("spanwarden_journal_full")
                raise JournalFullError(f"journal holds {self._size} of {self.max_bytes} bytes")
            self._queue.append(_Append(self._next, entry, pieces, size, future))
            self._next += 1
            self._size += size
            # The writer need not be told of each that it finds when it looks.
            if len(self._queue) in (1, self._company):
                self._changed.notify()
        return future

    def read(self, position: int) -> Entry | None:
        """Return the entry at a position, None if it was released or is damaged."""
        try:
            found = self._file.entry(position)
            if isinstance(found, DamagedError):
                self._set_entry_aside(position, found)
                return None
            return found
        except (lmdb.Error, DamagedError) as error:
            logger.error("entry %d of the journal cannot be read: %s", position, error)  # noqa: TRY400 - one line says it
            return None

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return some bytes of an entry's body; see `Journal.part`."""
        try:
            return self._file.part(position, start, end)
        except (lmdb.Error, DamagedError) as error:
            logger.error("entry %d of the journal cannot be read: %s", position, error)  # noqa: TRY400 - one line says it
            return None

    def release(self, positions: Iterable[int], closed: Iterable[Closed] = ()) -> None:
        """Forget entries, and note what is over of those that stay, in one transaction. Returns at once."""
        with self._changed:
            told = self._lingers()
            self._releases += positions
            self._closings += closed
            if not told and self._lingers():
                self._changed.notify()

    def keep_reading(self, position: int, reading: bytes) -> None:
        """Keep what was read of an entry; see `Journal.keep_reading`."""
        with self._changed:
            told = self._lingers()
            self._readings.append((position, reading))
            if not told:
                self._changed.notify()

    def _lingers(self) -> bool:
        """Tell whether the writer already waits for company for something, and need not be told of more."""
        return bool(self._releases or self._closings or self._readings)

    def closed(self, keys: Iterable[str], position: int) -> bool:
        """Tell whether what an entry of an earlier process says of a run with one of these keys is over and done."""
        return self._over.closed(keys, position)

    def undecided(self) -> Iterator[tuple[int, Left]]:
        """Yield what an earlier process left behind, in order of position; what is damaged is set aside."""
        position = 0
        while position < self._earlier and (batch := self._left(position)):
            for at, found in batch:
                if at >= self._earlier:
                    break
                if isinstance(found, DamagedError):
                    self._set_entry_aside(at, found)
                else:
                    yield at, found
            position = batch[-1][0] + 1
        self._over.forget_earlier()

    def _left(self, position: int) -> list[tuple[int, Left | DamagedError]]:
        """Return what is left from a position on; of a file that is damaged there, nothing more."""
        try:
            return self._file.left(position, _READ_BYTES)
        except DamagedError as damage:
            self._damage = str(damage)
        self.flush()
        return []

    def size(self) -> int:
        """Return the bytes of disk space that entries take, those on their way included."""
        return self._size

    def fullness(self) -> float:
        """Return the share of its room that is taken."""
        return self._size / self.max_bytes

    def entries(self) -> int:
        """Return how many entries are held."""
        return len(self._held)

    def oldest(self) -> int | None:
        """Return when the oldest entry held was received."""
        with self._changed:
            return next((held.received for held in self._held.values()), None)

    def flush(self) -> None:
        """Wait until everything asked for until now was tried."""
        future: Future[None] = Future()
        with self._changed:
            if self._stopping:
                return
            self._flushes.append(future)
            self._changed.notify()
        future.result()

    def close(self) -> None:
        """Write what waits and let go of the file; closing twice is fine."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._file.close()

    def _work(self) -> None:
        """Write group after group; whatever happens to one, the next is tried."""
        while True:
            with self._changed:
                self._wait()
                if self._queue:
                    self._changed.wait_for(self._in_company, _COMPANY)
                appends, flushes, last = self._gather(), self._flushes, self._stopping and not self._queue
                self._flushes = []
            try:
                self._store(appends)
            except Exception:
                logger.exception("a group of the journal failed")
                self._refuse(appends, "the journal failed")
            for flush in flushes:
                flush.set_result(None)
            if last:
                return

    def _wait(self) -> None:
        """Wait for something to do: releases linger for company, and a disk that takes nothing gets a pause."""
        while not (self._queue or self._flushes or self._stopping):
            owed = self._lingers() or bool(self._owed_releases)
            if not self._changed.wait(None if not owed else _PAUSE if self._failing else _LINGER) and owed:
                return

    def _in_company(self) -> bool:
        return len(self._queue) >= self._company or bool(self._flushes) or self._stopping

    def _gather(self) -> list[_Append]:
        size = count = 0
        for waiting in self._queue:
            if count and size + waiting.size > _GROUP_BYTES:
                break
            size, count = size + waiting.size, count + 1
        group, self._queue = self._queue[:count], self._queue[count:]
        self._company = max(count, self._company - 1) if count else self._company
        for closed in self._closings:
            record = self._over.add(closed)
            if record is not None:
                self._owed_records.append(record)
        for position in self._releases:
            if position in self._held and position not in self._owed_releases:
                self._owed_releases[position] = None
                self._owed_outlived += self._over.release(position)
        self._owed_readings = {
            position: split_reading(reading)
            for position, reading in self._readings
            if position in self._held and position not in self._owed_releases
        }
        self._releases, self._closings, self._readings = [], [], []
        return group

    def _store(self, appends: list[_Append]) -> None:
        if self._damage is not None:
            self._replace(self._damage)
            self._damage = None
        if not (appends or self._owed_releases or self._owed_records or self._owed_outlived or self._owed_readings):
            return
        error = self._commit(appends)
        if error is not None and (self._owed_releases or self._ripening):
            error = self._make_room() or self._commit(appends)
        if error is not None:
            self._refuse(appends, error)
        if (error is not None) != self._failing:
            self._failing = error is not None
            logger.log(
                logging.ERROR if error else logging.WARNING,
                "the journal %s",
                f"takes nothing at the moment: {error}" if error else "takes requests again",
            )
        for append in appends:
            if not append.future.done():
                append.future.set_result(append.position)
        if not self._held and not self._queue:
            self._shrink(0)

    def _make_room(self) -> str | None:
        """Write what is released, and let its space ripen; return what kept it from being written."""
        error = self._commit([]) if self._owed_releases else None
        while error is None and self._ripening:
            error = self._commit([])
        return error

    def _commit(self, appends: list[_Append], *, anew: bool = False) -> str | None:
        """Write a group and all that is owed; return what kept it from being written."""
        started = self._monotonic()
        appended = [(append.position, append.pieces) for append in appends]
        after = appends[-1].position + 1 if appends else self._next
        try:
            self._file.write(
                Group(
                    after,
                    appended,
                    self._owed_releases,
                    self._owed_records,
                    self._owed_outlived,
                    self._owed_readings.items(),
                )
            )
        except (lmdb.MapFullError, lmdb.DiskError, MemoryError) as error:
            if not self._owed_readings:
                return _line(error)
            self._owed_readings = {}  # a start can do without
            return self._commit(appends, anew=anew)
        except (lmdb.Error, DamagedError) as error:
            begun = self._replace(str(error)) if isinstance(error, DamagedError) else self._recover()
            return self._commit(appends, anew=True) if begun and not anew else _line(error)
        self._counters.observe("spanwarden_journal_commit_seconds", self._monotonic() - started)
        self._ripening = _RIPE if self._owed_releases else max(0, self._ripening - 1)
        with self._changed:
            for position in self._owed_releases:
                self._size -= self._held.pop(position).size
            for append in appends:
                self._held[append.position] = Held(append.size, append.entry.received)
            for position, pieces in self._owed_readings.items():
                held, size = self._held[position], footprint(pieces)
                self._held[position] = Held(held.size + size, held.received)
                self._size += size
        self._owed_releases, self._owed_records, self._owed_outlived, self._owed_readings = {}, [], [], {}
        return None

    def _replace(self, why: str) -> bool:
        """Begin a damaged file anew; tell whether that was done."""
        if not self._shared:
            try:
                self._begin_anew(why)
            except (DirectoryError, DamagedError) as error:
                logger.error("the journal cannot be begun anew: %s", error)  # noqa: TRY400 - one line says it
            else:
                return True
        return False

    def _refuse(self, appends: list[_Append], why: str) -> None:
        refused = [append for append in appends if not append.future.done()]
        with self._changed:
            self._size -= sum(append.size for append in refused)
        for append in refused:
            self._counters.count("spanwarden_journal_full")
            append.future.set_exception(JournalFullError(f"the journal takes nothing at the moment: {why}"))

    def _recover(self) -> bool:
        """Open the file anew after an error that LMDB does not get over by itself; tell whether a new one was begun."""
        self._file.close()
        try:
            self._file.open(verified=self._shared)
        except DamagedError as damage:
            return self._replace(str(damage))
        except (DirectoryError, lmdb.Error) as error:
            logger.error("the journal cannot be opened: %s", error)  # noqa: TRY400 - one line says it
        return False

    def _shrink(self, held: int) -> None:
        if self._shared:
            return
        try:
            self._file.shrink(held)
        except (lmdb.Error, OSError, DamagedError, DirectoryError) as error:
            logger.warning("%s: cannot be made smaller: %s", self._file.folder, error)
            self._recover()

    def _set_entry_aside(self, position: int, damage: DamagedError) -> None:
        """Set a damaged entry aside and release it."""
        self._counters.count("spanwarden_journal_quarantined")
        try:
            pieces = self._file.pieces(position)
            place = str(self.directory.keep_aside(f"entry-{position}.bin", b"".join(pieces)))
        except OSError as error:
            place = f"lost: {error.strerror}"
        except (lmdb.Error, DamagedError) as error:
            place = f"lost: {error}"
        self.release([position])
        logger.error("entry %d of the journal is damaged: %s; it is now %s", position, damage, place)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
