"""The LMDB file of the journal: its layout, one transaction a group, and checks before LMDB may touch it.

`entries` maps position and piece number to a piece of a request or of what was read of it, `closed` holds what is over
of entries that stay, `state` the next position. Only `open`, `close` and `shrink` replace the environment; they and
readers take turns.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pathlib
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import lmdb
import msgspec
from lmdb import verify

from spanwarden.storage.directory import DirectoryError
from spanwarden.storage.journal import Entry, Left, Sync
from spanwarden.storage.journal_records import (
    FORMAT,
    PIECE,
    DamagedError,
    Piece,
    body_at,
    decode,
    left,
    piece_footprint,
    received,
)

logger = logging.getLogger(__name__)

_KEY = struct.Struct(">QI")
_NUMBER = struct.Struct(">Q")
_READING = 1 << 31
"""The number of the first piece of what was read of an entry; it is among the entry's own, and goes with them."""
_ENTRY = 200
"""Bytes that an entry without a reading counts as."""
_DATA = "data.mdb"
_DRAFT = "shrunk.tmp"
_HEADROOM = 32 << 20
_WORTH_SHRINKING = 64 << 20
_DAMAGES = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError, lmdb.IncompatibleError)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EROFS}

Record = tuple[tuple[int, ...], bytes]
"""What is over: positions, and the digests of keys one after the other."""


class Group(NamedTuple):
    """What one transaction changes."""

    next_position: int
    appended: Sequence[tuple[int, Sequence[Piece]]]
    released: Iterable[int]
    closed: Sequence[tuple[int, Record]]
    outlived: Iterable[int]
    """Numbers of `closed` records that have become useless."""
    readings: Iterable[tuple[int, Sequence[Piece]]] = ()
    """What was read of entries that are held and not released."""


class Held(NamedTuple):
    """What is known of an entry without reading it."""

    size: int
    received: int


_NOTHING = Held(0, 0)


class LmdbFile:
    """One LMDB environment in a folder of its own. `write` and `shrink` belong to one thread, the rest to any."""

    def __init__(self, folder: pathlib.Path, max_bytes: int, sync: Sync) -> None:
        self.folder = folder
        self._map_size = 2 * max_bytes + _HEADROOM
        self._sync = sync
        self._turn = threading.Lock()
        self._env: lmdb.Environment | None = None

    def open(self, *, verified: bool = False) -> None:
        """Open the file, a new one where there is none. Raises DamagedError or DirectoryError.

        verified: this process has checked it before.
        """
        with self._turn:
            try:
                self.folder.mkdir(mode=0o700, exist_ok=True)
                (self.folder / _DRAFT).unlink(missing_ok=True)
                if not verified:
                    self._verify()
                self._open()
            except OSError as error:
                raise DirectoryError(f"{self.folder}: {error.strerror}") from None

    def _verify(self) -> None:
        """LMDB trusts its pages, so that a damaged file may end the process: look at them first."""
        data = self.folder / _DATA
        if not data.exists() or not data.stat().st_size:
            return
        try:
            problems = verify.verify(str(data), subdir=False)  # type: ignore[no-untyped-call]
        except (verify.VerifyError, ValueError, IndexError, struct.error) as error:
            raise DamagedError(str(error)) from None
        if problems:
            raise DamagedError(problems[0])

    def _open(self) -> None:
        try:
            env = lmdb.open(
                str(self.folder),
                map_size=self._map_size,
                mode=0o600,
                max_dbs=3,
                sync=self._sync == "group",
                max_spare_txns=2,
            )
        except lmdb.Error as error:
            raise _told(self.folder, error) from None
        try:
            written = self._prepare(env)
        except lmdb.Error as error:
            env.close()
            raise _told(self.folder, error) from None
        if written != FORMAT:
            env.close()
            raise DamagedError(f"its format is {written}, not {FORMAT}")
        self._env = env

    def _prepare(self, env: lmdb.Environment) -> int:
        """Make or find the parts of the file; return the format that it was written in."""
        env.reader_check()  # what a process that was killed was reading keeps space from being used again
        self._entries = env.open_db(b"entries")
        self._closed = env.open_db(b"closed")
        self._state = env.open_db(b"state")
        with env.begin() as txn:
            written = txn.get(b"format", db=self._state)
        if written is not None:
            return int.from_bytes(written, "big")
        with env.begin(write=True) as txn:
            txn.put(b"format", _NUMBER.pack(FORMAT), db=self._state)
        return FORMAT

    @property
    def env(self) -> lmdb.Environment:
        """Return the open environment. Raises lmdb.Error where it could not be opened again."""
        if self._env is None:
            raise lmdb.Error("the journal is not open")
        return self._env

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            if self._env is not None:
                if self._sync == "os":
                    self._env.sync(True)
                self._env.close()
                self._env = None

    def write(self, group: Group) -> None:
        """Change the file in one transaction. Raises lmdb.Error or DamagedError, with nothing changed."""
        with _trusting(), self.env.begin(write=True) as txn:
            with txn.cursor(db=self._entries) as cursor:
                for position in group.released:
                    _delete(cursor, position)
                for position, pieces in group.appended:
                    for number, piece in enumerate(pieces):
                        if not cursor.put(_KEY.pack(position, number), piece, append=True):
                            raise DamagedError("its keys are not in order")
            for position, pieces in group.readings:
                for number, piece in enumerate(pieces, _READING):
                    txn.put(_KEY.pack(position, number), piece, db=self._entries)
            for number in group.outlived:
                txn.delete(_NUMBER.pack(number), db=self._closed)
            for number, record in group.closed:
                txn.put(_NUMBER.pack(number), msgspec.msgpack.encode(record), db=self._closed)
            txn.put(b"next", _NUMBER.pack(group.next_position), db=self._state)

    def next_position(self) -> int:
        """Return the position that no entry has had yet. Raises DamagedError."""
        with self._turn, _trusting(), self.env.begin() as txn:
            written = txn.get(b"next", db=self._state)
            return int(_NUMBER.unpack(written)[0]) if written else 0

    def held(self) -> dict[int, Held]:
        """Return what is held, in order of position. Raises DamagedError."""
        found: dict[int, Held] = {}
        with self._turn, _trusting(), self.env.begin(buffers=True) as txn, txn.cursor(db=self._entries) as cursor:
            for key, piece in cursor:
                position, number = _KEY.unpack(key)
                # A damaged key may part pieces from the first one.
                size, arrived = found.get(position, _NOTHING) if number else (0, received(piece))
                found[position] = Held(size + piece_footprint(len(piece)), arrived)
        return found

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield what is over, by number; what cannot be read is passed over. Raises DamagedError."""
        with self._turn, _trusting(), self.env.begin() as txn, txn.cursor(db=self._closed) as cursor:
            stored = [(_NUMBER.unpack(key)[0], value) for key, value in cursor]
        for number, value in stored:
            try:
                yield number, msgspec.msgpack.decode(value, type=Record)
            except msgspec.DecodeError:
                logger.warning("%s: a note of what is over cannot be read; it is passed over", self.folder)

    def entry(self, position: int) -> Entry | DamagedError | None:
        """Return an entry, or what is wrong with it; None where it is not held. Raises lmdb.Error or DamagedError."""
        with self._turn, _trusting(), self.env.begin(buffers=True) as txn, txn.cursor(db=self._entries) as cursor:
            at, stored = next(_entries(cursor, position), (position, None))
            if stored is None or at != position:
                return None
            try:
                return decode(stored.pieces)
            except DamagedError as damage:
                return damage.with_traceback(None)  # which holds pieces, and these go with the transaction

    def left(self, position: int, limit: int) -> list[tuple[int, Left | DamagedError]]:
        """Return what is held from a position on: about `limit` bytes of readings, and at least one entry if any.

        What is wrong with an entry's head is in its place. Raises lmdb.Error, or DamagedError for the file.
        """
        found: list[tuple[int, Left | DamagedError]] = []
        taken = 0
        with self._turn, _trusting(), self.env.begin(buffers=True) as txn, txn.cursor(db=self._entries) as cursor:
            for at, stored in _entries(cursor, position):
                if found and taken >= limit:
                    break
                reading = b"".join(stored.reading)
                try:
                    found.append((at, left(stored.pieces, reading)))
                except DamagedError as damage:
                    found.append((at, damage.with_traceback(None)))
                taken += len(reading) + _ENTRY
        return found

    def pieces(self, position: int) -> list[bytes]:
        """Return the pieces of an entry, none where it is not held. Raises lmdb.Error or DamagedError."""
        with self._turn, _trusting(), self.env.begin() as txn, txn.cursor(db=self._entries) as cursor:
            at, stored = next(_entries(cursor, position), (position, _Stored([], [])))
            return list(map(bytes, stored.pieces)) if at == position else []

    def part(self, position: int, start: int, end: int) -> bytes | None:
        """Return the bytes of an entry's body from `start` to before `end`, unchecked; None where they are not held.

        Raises lmdb.Error or DamagedError.
        """
        found: list[Piece] = []
        with self._turn, _trusting(), self.env.begin(db=self._entries, buffers=True) as txn:
            head = txn.get(_KEY.pack(position, 0))
            if head is None:
                return None
            front = body_at(head)
            start, end = start + front, end + front
            while start < end:
                number, at = divmod(start, PIECE)
                piece = (txn.get(_KEY.pack(position, number)) or b"")[at : at + end - start]
                if not piece:
                    return None
                found.append(piece)
                start += len(piece)
            return b"".join(found)

    def file_size(self) -> int:
        """Return the bytes of the file."""
        try:
            return (self.folder / _DATA).stat().st_size
        except OSError:
            return 0

    def shrink(self, held: int) -> None:
        """Rewrite a file that is large and mostly empty. Raises lmdb.Error, DamagedError, OSError or DirectoryError."""
        if self.file_size() < max(_WORTH_SHRINKING, 4 * held):
            return
        draft = self.folder / _DRAFT
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._turn:
            descriptor = os.open(draft, flags, 0o600)
            try:
                self.env.copyfd(descriptor, compact=True)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self.env.close()
            self._env = None
            draft.replace(self.folder / _DATA)
            _sync_folder(self.folder)
            self._open()


@contextlib.contextmanager
def _trusting() -> Iterator[None]:
    """Say that the file is damaged where it turns out to be so, whatever the look at its opening said."""
    try:
        yield
    except _DAMAGES as error:
        raise DamagedError(_line(error)) from None
    except struct.error:
        raise DamagedError("it has a key that is none") from None


class _Stored(NamedTuple):
    """The pieces of an entry and those of what was read of it, as the transaction has them."""

    pieces: list[Piece]
    reading: list[Piece]


def _entries(cursor: lmdb.Cursor, position: int) -> Iterator[tuple[int, _Stored]]:
    """Yield entries from a position on."""
    if not cursor.set_range(_KEY.pack(position, 0)):
        return
    for at, found in groupby(((*_KEY.unpack(key), piece) for key, piece in cursor.iternext()), key=itemgetter(0)):
        stored = _Stored([], [])
        for _, number, piece in found:
            (stored.reading if number >= _READING else stored.pieces).append(piece)
        yield at, stored


def _delete(cursor: lmdb.Cursor, position: int) -> None:
    prefix = _NUMBER.pack(position)
    found = cursor.set_range(prefix)
    while found and cursor.key()[: len(prefix)] == prefix:
        found = cursor.delete() and bool(cursor.key())


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(folder: pathlib.Path, error: lmdb.Error) -> Exception:
    """Return what an error at the opening means: a place that cannot be used, or a file that is damaged."""
    if isinstance(error, lmdb.DiskError | lmdb.MemoryError | lmdb.ReadonlyError | lmdb.LockError | lmdb.MapFullError):
        return DirectoryError(f"{folder}: {_line(error)}")
    if error.code in _NO_ROOM:
        return DirectoryError(f"{folder}: {_line(error)}")
    return DamagedError(_line(error))


def _line(error: lmdb.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
