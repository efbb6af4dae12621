"""Writing decisions down: the statements of the transaction that decides runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Literal, NamedTuple

from spanwarden.storage.ledger import history
from spanwarden.storage.ledger.history import Learned, Place

State = Literal["pending", "dead", "suppressed"]
FindingStatus = Literal["new", "updated", "withdrawn"]


class StoredRun(NamedTuple):
    """What the ledger knows of a run from earlier decisions."""

    number: int
    revision: int
    events: int
    risk: int
    digest: str


class RunRow(NamedTuple):
    """A decided run; times are ns since the epoch. `summary` is JSON, `digest` names the facts of the decision."""

    id: str
    agent: str | None
    service: str | None
    conversation: str | None
    completeness: str
    started: int
    ended: int
    events: int
    risk: int
    revision: int
    decided: int
    digest: str
    summary: bytes


class EvaluationRow(NamedTuple):
    """One policy on one revision of a run; `not_evaluable` and `rule_errors` are JSON."""

    policy: str
    version: str
    hash: str
    revision: int
    evaluated: int
    risk: int
    not_evaluable: bytes
    rule_errors: bytes


class FindingRow(NamedTuple):
    """A finding as it is to be kept; `body` is JSON."""

    id: str
    policy: str
    policy_version: str
    rule: str
    severity: str
    delivery_id: str
    seen: int
    body: bytes


class Told(NamedTuple):
    """What putting a finding came to: whether it says something new, and as which of its revisions."""

    news: bool
    revision: int


class OutboxRow(NamedTuple):
    """A notice for one exporter. `created` is in ns since the epoch, `queued` in seconds of the service's life."""

    exporter: str
    run: str
    kind: str
    delivery_id: str
    state: State
    created: int
    queued: float
    notice: bytes
    error: str | None = None


class Decisions:
    """The statements, on a connection in a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, run_id: str) -> StoredRun | None:
        """Return what is known of a run."""
        row = self._connection.execute(
            "SELECT number, revision, events, risk, digest FROM runs WHERE id = ?", (run_id,)
        ).fetchone()
        return None if row is None else StoredRun(*row)

    def put_run(self, row: RunRow) -> int:
        """Write a run, or write over what was known of it; return its number."""
        number: int = self._connection.execute(
            """INSERT INTO runs (id, agent, service, conversation, completeness, started, ended, events, risk,
                                 revision, decided, digest, summary)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET
                   agent = excluded.agent, service = excluded.service, conversation = excluded.conversation,
                   completeness = excluded.completeness, started = excluded.started, ended = excluded.ended,
                   events = excluded.events, risk = excluded.risk, revision = excluded.revision,
                   decided = excluded.decided, digest = excluded.digest, summary = excluded.summary,
                   absorbed_by = NULL
               RETURNING number""",
            row,
        ).fetchone()[0]
        return number

    def touch_run(self, number: int, *, revision: int, risk: int, decided: int, digest: str) -> None:
        """Note a further decision of a run whose summary stays as it is."""
        self._connection.execute(
            "UPDATE runs SET revision = ?, risk = ?, decided = ?, digest = ? WHERE number = ?",
            (revision, risk, decided, digest, number),
        )

    def absorb(self, run_id: str, into: str, seen: int) -> None:
        """Note that a run turned out to be a part of another, under whose id its findings are found again."""
        row = self._connection.execute(
            "UPDATE runs SET absorbed_by = ? WHERE id = ? RETURNING number", (into, run_id)
        ).fetchone()
        if row is not None:
            self.withdraw(row[0], (), (), seen)

    def put_evaluation(self, run: int, row: EvaluationRow) -> None:
        """Write how a policy judged a revision of a run."""
        self._connection.execute("INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (run, *row))

    def put_finding(self, run: int, row: FindingRow, *, revise: bool = True) -> Told:
        """Write a finding; it is news where its delivery id was never seen before.

        revise: False leaves one that is known as it is.
        """
        stored = self._connection.execute(
            "SELECT revision, delivery_id, status FROM findings WHERE id = ?", (row.id,)
        ).fetchone()
        if stored is not None and not revise:
            return Told(news=False, revision=stored[0])
        known = self._connection.execute(
            "SELECT revision FROM finding_revisions WHERE finding = ? AND delivery_id = ?", (row.id, row.delivery_id)
        ).fetchone()
        if known is not None:
            if stored[1] != row.delivery_id or stored[2] == "withdrawn":
                self._connection.execute(
                    "UPDATE findings SET status = ?, last_seen = ?, delivery_id = ?, body = ? WHERE id = ?",
                    ("new" if known[0] == 1 else "updated", row.seen, row.delivery_id, row.body, row.id),
                )
            return Told(news=False, revision=known[0])
        revision = 1 if stored is None else stored[0] + 1
        self._connection.execute(
            """INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET
                   severity = excluded.severity, status = excluded.status, last_seen = excluded.last_seen,
                   delivery_id = excluded.delivery_id, revision = excluded.revision, body = excluded.body""",
            (
                *(row.id, run, row.policy, row.rule, row.severity, "new" if revision == 1 else "updated"),
                *(row.seen, row.seen, row.delivery_id, revision, row.body),
            ),
        )
        self._connection.execute(
            "INSERT INTO finding_revisions VALUES (?, ?, ?, ?, ?, ?)",
            (row.id, row.delivery_id, revision, row.seen, row.policy_version, row.body),
        )
        return Told(news=True, revision=revision)

    def withdraw(self, run: int, kept: Collection[str], unsure: Collection[tuple[str, str]], seen: int) -> None:
        """Mark the findings of a run that a fuller look at it does not bear out.

        kept: the ids that still hold. unsure: policies and rules that could not be judged this time.
        """
        rows = self._connection.execute(
            "SELECT id, policy, rule FROM findings WHERE run = ? AND status != 'withdrawn'", (run,)
        ).fetchall()
        gone = [(seen, each) for each, policy, rule in rows if each not in kept and (policy, rule) not in unsure]
        self._connection.executemany("UPDATE findings SET status = 'withdrawn', last_seen = ? WHERE id = ?", gone)

    def learn(self, run: str, learned: Learned, *, whole: bool, fuller: bool) -> set[Place]:
        """Write what a run did, for rules of other runs; see `history.write`."""
        return history.write(self._connection, run, learned, whole=whole, fuller=fuller)

    def pending(self, exporter: str) -> int:
        """Return how many notices wait for an exporter."""
        count: int = self._connection.execute(
            "SELECT count(*) FROM outbox WHERE exporter = ? AND state = 'pending'", (exporter,)
        ).fetchone()[0]
        return count

    def put_notice(self, row: OutboxRow) -> None:
        """Put a notice into the outbox."""
        self._connection.execute(
            """INSERT INTO outbox (exporter, run, kind, delivery_id, state, created, queued, changed, notice, error)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (*row[:7], row.created, row.notice, row.error),
        )

    def told_within(self, exporter: str, key: str, now: int, window: int) -> bool:
        """Tell whether an exporter was given something with this key less than `window` ns ago; note it if not."""
        row = self._connection.execute("SELECT at FROM told WHERE exporter = ? AND key = ?", (exporter, key)).fetchone()
        if row is not None and 0 <= now - row[0] < window:
            return True
        self._connection.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", (exporter, key, now))
        return False
