"""The outbox: what each exporter is still to be told, oldest first, in order within each run."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from spanwarden.storage.ledger.decisions import State
from spanwarden.storage.ledger.ledger import Ledger

STATES: tuple[State, ...] = ("pending", "dead", "suppressed")


class Waiting(NamedTuple):
    """A notice to deliver. `queued` is in seconds of the service's life."""

    id: int
    run: str
    delivery_id: str
    attempts: int
    queued: float
    notice: bytes


class Outcome(NamedTuple):
    """What became of a notice: delivered, or to be tried again at `next_at` (ns since the epoch), or dead."""

    id: int
    delivered: bool = False
    state: State = "pending"
    attempts: int = 0
    next_at: int = 0
    error: str | None = None


class Outbox:
    """The outbox of a ledger. All methods may be called from any thread; each raises LedgerUnavailableError."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counted = -1
        self._counts: Mapping[tuple[str, str], int] = {}

    @property
    def durable(self) -> bool:
        """Tell whether what waits is still there after a restart."""
        return self._ledger.durable

    def waiting(self, exporter: str, held: Collection[str], limit: int) -> list[Waiting]:
        """Return up to `limit` notices to deliver now: the oldest, those of `held` runs left out."""
        found: list[int] = []
        with self._ledger.reading() as connection:
            rows = connection.execute(
                "SELECT id, run FROM outbox WHERE exporter = ? AND state = 'pending' ORDER BY id", (exporter,)
            )
            for number, run in rows:
                if run not in held:
                    found.append(number)
                    if len(found) >= limit:
                        break
            rows.close()
            select = "SELECT id, run, delivery_id, attempts, queued, notice FROM outbox WHERE id = ?"
            return [Waiting(*connection.execute(select, (number,)).fetchone()) for number in found]

    def delays(self, exporter: str, now: int) -> list[tuple[str, int]]:
        """Return the runs whose notices an earlier process was to hold back, and until when (ns since the epoch)."""
        with self._ledger.reading() as connection:
            return connection.execute(
                """SELECT run, max(next_at) FROM outbox
                   WHERE exporter = ? AND state = 'pending' AND next_at > ? GROUP BY run""",
                (exporter, now),
            ).fetchall()

    def settle(self, outcomes: Sequence[Outcome], now: int) -> None:
        """Write down what became of notices; what was delivered is forgotten."""
        with self._ledger.writing() as connection:
            connection.executemany(
                "DELETE FROM outbox WHERE id = ?", [(each.id,) for each in outcomes if each.delivered]
            )
            connection.executemany(
                """UPDATE outbox SET state = ?, attempts = ?, next_at = ?, error = ?, changed = ?
                   WHERE id = ? AND state = 'pending'""",
                [
                    (each.state, each.attempts, each.next_at, each.error, now, each.id)
                    for each in outcomes
                    if not each.delivered
                ],
            )

    def give_up(self, exporter: str, before: float, error: str, now: int) -> int:
        """Make all that has waited since `before` (seconds of the service's life) dead letters; return how many."""
        with self._ledger.reading() as connection:
            if not connection.execute(
                "SELECT 1 FROM outbox WHERE exporter = ? AND state = 'pending' AND queued <= ? LIMIT 1",
                (exporter, before),
            ).fetchone():
                return 0
        with self._ledger.writing() as connection:
            return connection.execute(
                """UPDATE outbox SET state = 'dead', error = ?, changed = ?
                   WHERE exporter = ? AND state = 'pending' AND queued <= ?""",
                (error, now, exporter, before),
            ).rowcount

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many notices there are, by exporter and state."""
        with self._ledger.reading() as connection:
            if self._counted != self._ledger.changes:
                self._counts = counted(connection)
                self._counted = self._ledger.changes
            return self._counts

    def count(self, exporter: str, state: State) -> int:
        """Return how many notices of an exporter are in a state."""
        return self.counts().get((exporter, state), 0)


def counted(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how many notices there are, by exporter and state."""
    rows = connection.execute("SELECT exporter, state, count(*) FROM outbox GROUP BY exporter, state")
    return {(exporter, state): count for exporter, state, count in rows}


class Choice(NamedTuple):
    """Which notices a person means; None is any."""

    exporter: str | None = None
    id: int | None = None
    state: str | None = None


def retry(connection: sqlite3.Connection, choice: Choice, now: int) -> int:
    """Let dead and suppressed notices wait again, as if new; return how many."""
    return _changed(
        connection,
        """UPDATE outbox SET state = 'pending', attempts = 0, next_at = 0, error = NULL, changed = :now,
               queued = (SELECT coalesce(max(CAST(value AS REAL)), 0) FROM state WHERE key = 'lived')
           WHERE state IN ('dead', 'suppressed') AND (:exporter IS NULL OR exporter = :exporter)
               AND (:id IS NULL OR id = :id) AND (:state IS NULL OR state = :state)""",
        {**choice._asdict(), "now": now},
    )


def drop(connection: sqlite3.Connection, choice: Choice) -> int:
    """Forget notices for good; return how many."""
    return _changed(
        connection,
        """DELETE FROM outbox WHERE (:exporter IS NULL OR exporter = :exporter)
               AND (:id IS NULL OR id = :id) AND (:state IS NULL OR state = :state)""",
        choice._asdict(),
    )


def _changed(connection: sqlite3.Connection, statement: str, values: Mapping[str, object]) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        count = connection.execute(statement, values).rowcount
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return count
