"""Letting go of old runs, in small steps, and giving their space back to the file system."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from spanwarden.storage.ledger.ledger import Ledger, used

STEP = 100
"""Runs or notices that one transaction removes; decisions wait no longer than one such step."""
VACUUM_PAGES = 2_000


class Bounds(NamedTuple):
    """What may stay. `oldest` and `oldest_letter` are in ns since the epoch, `max_size` in bytes of pages in use."""

    oldest: int
    oldest_letter: int
    max_size: int


class Pruned(NamedTuple):
    """What one step removed: runs, notices that were still to be delivered (dead now), dead or suppressed ones."""

    runs: int = 0
    given_up: int = 0
    letters: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.letters)


def prune(ledger: Ledger, bounds: Bounds, now: int) -> Pruned:
    """Remove at most one step of what is beyond the bounds, runs by age first. Raises LedgerUnavailableError.

    Nothing that is still to be delivered goes silently: it becomes a dead letter when its run goes.
    """
    with ledger.writing() as connection:
        too_big = used(connection) > bounds.max_size
        connection.execute("DELETE FROM told WHERE at < ?", (bounds.oldest,))
        letters = connection.execute(
            """DELETE FROM outbox WHERE id IN (
                 SELECT id FROM outbox WHERE state != 'pending' AND changed < ? ORDER BY id LIMIT ?)""",
            (bounds.oldest_letter, STEP),
        ).rowcount
        numbers = _oldest(connection, now if too_big else bounds.oldest)
        if too_big and not numbers:
            letters += connection.execute(
                """DELETE FROM outbox WHERE id IN (
                     SELECT id FROM outbox WHERE state != 'pending' ORDER BY changed, id LIMIT ?)""",
                (STEP,),
            ).rowcount
        given_up = runs = 0
        for number, run, decided in numbers:
            if decided >= bounds.oldest and used(connection) <= bounds.max_size:
                break
            given_up += connection.execute(
                """UPDATE outbox SET state = 'dead', error = 'its run was pruned', changed = ?
                   WHERE run = ? AND state = 'pending'""",
                (now, run),
            ).rowcount
            connection.execute("DELETE FROM runs WHERE number = ?", (number,))
            runs += 1
    return Pruned(runs, given_up, letters)


def give_back(ledger: Ledger) -> bool:
    """Return some free pages to the file system; True while there are more. Raises LedgerUnavailableError."""
    with ledger.reading() as connection:
        if connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        left = bool(connection.execute("PRAGMA freelist_count").fetchone()[0])
        if not left and ledger.durable:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return left


def _oldest(connection: sqlite3.Connection, before: int) -> list[tuple[int, str, int]]:
    return connection.execute(
        "SELECT number, id, decided FROM runs WHERE decided < ? ORDER BY decided, number LIMIT ?", (before, STEP)
    ).fetchall()
