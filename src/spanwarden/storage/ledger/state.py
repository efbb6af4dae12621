"""A small store of values by key, for what must be known across runs and restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from spanwarden.storage.ledger.ledger import Ledger

LIVED = "lived"
"""Key of the seconds that the service has lived, over all its starts."""


class State:
    """Values by key, in the ledger. Keys of one purpose share a prefix that ends in "/"."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none. Raises LedgerUnavailableError."""
        with self._ledger.reading() as connection:
            row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def put(self, key: str, value: bytes) -> None:
        """Store a value in a transaction of its own. Raises LedgerUnavailableError."""
        with self._ledger.writing() as connection:
            put(connection, key, value)

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that begin with `prefix`, in order, with their values. Raises LedgerUnavailableError."""
        with self._ledger.reading() as connection:
            # The character after every one that may follow: a range, which the primary key answers.
            rows = connection.execute(
                "SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key", (prefix, prefix + "\U0010ffff")
            ).fetchall()
        yield from rows

    def delete(self, key: str) -> None:
        """Forget a value. Raises LedgerUnavailableError."""
        with self._ledger.writing() as connection:
            connection.execute("DELETE FROM state WHERE key = ?", (key,))


def put(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    """Store a value within a transaction that is under way."""
    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
