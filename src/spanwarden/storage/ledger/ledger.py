"""One open ledger: a connection, a lock around it, transactions that are on disk when they end."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from spanwarden.storage.ledger.errors import LedgerError, LedgerUnavailableError
from spanwarden.storage.ledger.opening import FILE, open_file, open_memory

__all__ = ["Ledger", "LedgerError", "LedgerUnavailableError"]


class Ledger:
    """Decided runs and the outbox, in a file in `directory`, or in memory where that is None.

    One in memory is open at once, one in a file after `open`. All methods may be called from any thread.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.changes = 0
        """Grows with every change of this or, after `look`, another process."""
        self._lock = threading.RLock()
        self._foreign = 0
        self._connection: sqlite3.Connection | None = open_memory() if directory is None else None

    @property
    def durable(self) -> bool:
        """Tell whether what is written outlives the process."""
        return self.directory is not None

    def open(self, now: int) -> Path | None:
        """Open the file at the time `now` (ns since the epoch); return where a damaged one was moved. LedgerError."""
        if self.directory is None or self._connection is not None:
            return None
        self._connection, aside = open_file(self.directory, now)
        self.look()
        return aside

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction; it is on disk when the block has ended.

        Raises LedgerUnavailableError, with nothing changed, where the file cannot be written now.
        """
        with self._lock, _translated():
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self.changes += 1

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for short reads. Raises LedgerUnavailableError."""
        with self._lock, _translated():
            yield self._open_connection()

    def look(self) -> bool:
        """Tell whether another process has changed the file since the last look."""
        with self.reading() as connection:
            foreign: int = connection.execute("PRAGMA data_version").fetchone()[0]
            changed = foreign != self._foreign
            self._foreign = foreign
            self.changes += changed
            return changed

    def size(self) -> int:
        """Return the bytes in use: of the files, or of memory."""
        if self.directory is not None:
            return file_size(self.directory)
        return self.used()

    def used(self) -> int:
        """Return the bytes of pages that hold something."""
        with self.reading() as connection:
            return used(connection)

    def close(self) -> None:
        """Write everything into the main file and let go of it; closing twice is fine."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerUnavailableError("the ledger is not open")
        return self._connection


def used(connection: sqlite3.Connection) -> int:
    """Return the bytes of pages that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def file_size(directory: Path) -> int:
    """Return the bytes of a ledger's files."""
    total = 0
    for suffix in ("", "-wal"):
        with contextlib.suppress(OSError):
            total += (directory / (FILE + suffix)).stat().st_size
    return total


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # Anything else is a fault of the statement or its values, and no waiting mends it.
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            raise LedgerUnavailableError(f"ledger: {error}") from error
        raise
