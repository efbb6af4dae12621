"""The tables of the ledger, as a list of steps from an empty file to the newest version.

A step, once released, is never changed; a change of the tables is a further step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from spanwarden.storage.ledger.errors import LedgerError

APPLICATION_ID = 0x53505744  # "SPWD"; tells our files from other SQLite files

Steps = Sequence[tuple[str, ...]]

MIGRATIONS: Steps = (
    (
        # Times are ns since the epoch. `number` is the order in which runs were first decided.
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            agent TEXT, service TEXT, conversation TEXT,
            completeness TEXT NOT NULL,
            started INTEGER NOT NULL, ended INTEGER NOT NULL,
            events INTEGER NOT NULL,
            risk INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            decided INTEGER NOT NULL,
            digest TEXT NOT NULL,
            summary BLOB NOT NULL,
            absorbed_by TEXT
        )""",
        "CREATE INDEX runs_decided ON runs (decided)",
        """CREATE TABLE findings (
            id TEXT PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
            policy TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
            status TEXT NOT NULL,
            first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
            delivery_id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            body BLOB NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX findings_run ON findings (run)",
        "CREATE INDEX findings_seen ON findings (last_seen)",
        """CREATE TABLE finding_revisions (
            finding TEXT NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
            delivery_id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            seen INTEGER NOT NULL,
            policy_version TEXT NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (finding, delivery_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE evaluations (
            run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
            policy TEXT NOT NULL, version TEXT NOT NULL, hash TEXT NOT NULL,
            revision INTEGER NOT NULL,
            evaluated INTEGER NOT NULL,
            risk INTEGER NOT NULL,
            not_evaluable BLOB NOT NULL, rule_errors BLOB NOT NULL,
            PRIMARY KEY (run, policy, revision)
        ) WITHOUT ROWID""",
        # What exporters are still to be told, or could not be told. `queued` is in seconds of the service's own life,
        # which no change of the clock touches.
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            exporter TEXT NOT NULL,
            run TEXT NOT NULL,
            kind TEXT NOT NULL,
            delivery_id TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'dead', 'suppressed')),
            attempts INTEGER NOT NULL DEFAULT 0,
            created INTEGER NOT NULL,
            queued REAL NOT NULL,
            next_at INTEGER NOT NULL DEFAULT 0,
            changed INTEGER NOT NULL,
            error TEXT,
            notice BLOB NOT NULL
        )""",
        "CREATE INDEX outbox_state ON outbox (exporter, state, id, run, queued)",
        "CREATE INDEX outbox_run ON outbox (run, state)",
        """CREATE TABLE told (
            exporter TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (exporter, key)
        ) WITHOUT ROWID""",
        "CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    ),
    (
        # What runs did that rules of other runs look back on: one row for a run, a topic (policy and rule) and a key,
        # which is a digest. `latest` is the time of the last sample, `size` in bytes.
        """CREATE TABLE history (
            topic TEXT NOT NULL, key TEXT NOT NULL, run TEXT NOT NULL,
            latest INTEGER NOT NULL,
            size INTEGER NOT NULL,
            samples BLOB NOT NULL,
            PRIMARY KEY (topic, key, run)
        ) WITHOUT ROWID""",
        "CREATE INDEX history_run ON history (run)",
        "CREATE INDEX history_latest ON history (topic, latest, size)",
        # The time up to which something of a key, or with the key '' of a topic, is no longer known.
        """CREATE TABLE forgotten (
            topic TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL,
            PRIMARY KEY (topic, key)
        ) WITHOUT ROWID""",
    ),
)


def version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 in an empty file."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def check_ours(connection: sqlite3.Connection, place: str, steps: Steps = MIGRATIONS) -> None:
    """Raise LedgerError for a file that another program or a newer version of this one has written."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID and (application or version(connection)):
        raise LedgerError(f"{place}: is a database of another program")
    if version(connection) > len(steps):
        raise LedgerError(
            f"{place}: was written by a newer version of spanwarden (tables {version(connection)}, known {len(steps)})"
        )


def check_current(connection: sqlite3.Connection, place: str) -> None:
    """Raise LedgerError for a file that this version cannot read as it is."""
    check_ours(connection, place)
    if version(connection) < len(MIGRATIONS):
        raise LedgerError(f"{place}: is older than this program; start the service once, it brings it up to date")


def migrate(connection: sqlite3.Connection, place: str, steps: Steps = MIGRATIONS) -> None:
    """Bring the tables to the newest version, each step in a transaction of its own. Raises LedgerError."""
    check_ours(connection, place, steps)
    for number, statements in enumerate(steps[version(connection) :], version(connection) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
