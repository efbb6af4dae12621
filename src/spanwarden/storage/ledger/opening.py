"""Opening the ledger's file: private, durable, and moved aside where it is damaged."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from spanwarden.storage.ledger.errors import LedgerError
from spanwarden.storage.ledger.schema import check_current, check_ours, migrate, version

FILE = "ledger.sqlite"
QUARANTINE = "quarantine"
BUSY_SECONDS = 5.0
"""How long one process waits for another that is writing."""
_BESIDE = ("", "-wal", "-shm", "-journal")
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_memory() -> sqlite3.Connection:
    """Return a ledger that ends with the process."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _prepare(connection, "memory")
    return connection


def open_file(directory: Path, now: int) -> tuple[sqlite3.Connection, Path | None]:
    """Open the ledger in a directory, both made where they are missing.

    A damaged file is moved to the folder `quarantine` under the time `now` (ns since the epoch); its new place is
    returned too. Raises LedgerError for a directory or file that cannot be used.
    """
    path = directory / FILE
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _open(path), None
    except OSError as error:
        raise LedgerError(f"{error.filename or path}: {error.strerror or error}") from None
    except sqlite3.DatabaseError as error:
        if not damaged(error):
            raise LedgerError(f"{path}: {error}") from None
    try:
        aside = _move_aside(path, now)
        return _open(path), aside
    except OSError as error:
        raise LedgerError(f"{path}: is damaged and cannot be moved: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from None


def open_read_only(directory: Path) -> sqlite3.Connection:
    """Open the ledger of a service that may be running, to read it. Raises LedgerError."""
    return _open_existing(directory, "ro")


def open_beside(directory: Path) -> sqlite3.Connection:
    """Open the ledger of a service that may be running, to change its outbox. Raises LedgerError."""
    return _open_existing(directory, "rw")


def damaged(error: sqlite3.Error) -> bool:
    """Tell whether an error says that the file's content is damaged."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def _open_existing(directory: Path, mode: str) -> sqlite3.Connection:
    path = directory / FILE
    if not path.is_file():
        raise LedgerError(f"{path}: no ledger here; name its directory with --directory or --config")
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        try:
            check_current(connection, str(path))
            if mode == "rw":
                _set(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from None
    return connection


def _open(path: Path) -> sqlite3.Connection:
    # SQLite gives its side files the mode of the main one.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        check_ours(connection, str(path))
        _prepare(connection, str(path))
        _check_content(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_content(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _prepare(connection: sqlite3.Connection, place: str) -> None:
    if not version(connection):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only an empty file takes it
    connection.execute("PRAGMA journal_mode = WAL")
    _set(connection)
    migrate(connection, place)


def _set(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what was pruned is not left readable in free pages
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")


def _move_aside(path: Path, now: int) -> Path:
    moment = datetime.fromtimestamp(now / 1e9, UTC)
    aside = path.parent / QUARANTINE / f"ledger-{moment:%Y%m%dT%H%M%S}-{now % 10**9:09d}"
    aside.mkdir(mode=0o700, parents=True)
    for suffix in _BESIDE:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside / part.name)
    return aside
