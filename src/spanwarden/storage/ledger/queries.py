"""Questions that people ask of a ledger, answered from its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from spanwarden.model.finding import SEVERITIES, Severity
from spanwarden.storage.ledger.outbox import Choice


class RunsQuery(NamedTuple):
    """Which runs; None is any. `since` is in ns since the epoch."""

    agent: str | None = None
    conversation: str | None = None
    since: int | None = None
    with_findings: bool = False
    limit: int = 50


class FindingsQuery(NamedTuple):
    """Which findings; None is any. `severity` is the least one, `since` is in ns since the epoch."""

    run: str | None = None
    rule: str | None = None
    severity: Severity | None = None
    since: int | None = None
    limit: int = 50


def runs(connection: sqlite3.Connection, query: RunsQuery) -> Iterator[dict[str, Any]]:
    """Yield runs, the last decided first."""
    for row in _rows(
        connection,
        """SELECT number, r.id AS run, agent, service, conversation, completeness, revision, risk AS risk_score, events,
               started, ended, decided, absorbed_by, summary,
               (SELECT count(*) FROM findings f WHERE f.run = r.number AND f.status != 'withdrawn') AS findings
           FROM runs r
           WHERE (:agent IS NULL OR agent = :agent) AND (:conversation IS NULL OR conversation = :conversation)
               AND (:since IS NULL OR decided >= :since) AND (NOT :with_findings OR findings > 0)
           ORDER BY decided DESC, number DESC LIMIT :limit""",
        query._asdict(),
    ):
        summary = msgspec.json.decode(row.pop("summary"))
        row["cost_usd"] = summary.get("cost_usd")
        row["trace_ids"] = summary.get("trace_ids", [])
        row["evaluations"] = [
            {**each, **{name: msgspec.json.decode(each[name]) for name in ("not_evaluable", "rule_errors")}}
            for each in _rows(
                connection,
                """SELECT policy, version, hash, revision, risk AS risk_score, not_evaluable, rule_errors
                   FROM evaluations WHERE run = :number
                       AND revision = (SELECT max(revision) FROM evaluations WHERE run = :number) ORDER BY policy""",
                {"number": row.pop("number")},
            )
        ]
        yield row


def summaries(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Yield what is kept of each run, as JSON, by the end of the runs; parts of other runs are left out."""
    for (summary,) in connection.execute("SELECT summary FROM runs WHERE absorbed_by IS NULL ORDER BY ended, number"):
        yield summary


def finding(connection: sqlite3.Connection, finding_id: str) -> dict[str, Any] | None:
    """Return a finding as `findings` does, with its story; None where there is none of this id.

    `told` has its revisions, `evaluations` how its policy judged the revisions of the run, `deliveries` the notices of
    it that are still in the outbox.
    """
    for row in _rows(
        connection,
        """SELECT r.id AS run, agent, service, conversation, f.status, f.revision, f.delivery_id, first_seen, last_seen,
               body
           FROM findings f JOIN runs r ON r.number = f.run WHERE f.id = :id""",
        {"id": finding_id},
    ):
        body = msgspec.json.decode(row.pop("body"))
        return {**row, "finding": body, **_story(connection, finding_id)}
    return None


def _story(connection: sqlite3.Connection, finding_id: str) -> dict[str, Any]:
    values = {"id": finding_id}
    return {
        "told": _rows(
            connection,
            """SELECT revision, seen, policy_version, delivery_id FROM finding_revisions WHERE finding = :id
               ORDER BY revision""",
            values,
        ),
        "evaluations": [
            {**each, **{name: msgspec.json.decode(each[name]) for name in ("not_evaluable", "rule_errors")}}
            for each in _rows(
                connection,
                """SELECT e.revision, evaluated, version, hash, e.risk AS risk_score, not_evaluable, rule_errors
                   FROM evaluations e JOIN findings f ON f.run = e.run AND f.policy = e.policy WHERE f.id = :id
                   ORDER BY e.revision""",
                values,
            )
        ],
        "deliveries": _rows(
            connection,
            """SELECT o.exporter, r.revision, o.state, o.attempts, o.created, o.error
               FROM outbox o JOIN finding_revisions r ON r.delivery_id = o.delivery_id
               WHERE r.finding = :id AND o.kind = 'finding' ORDER BY o.id""",
            values,
        ),
    }


def findings(connection: sqlite3.Connection, query: FindingsQuery) -> Iterator[dict[str, Any]]:
    """Yield findings, the last changed first."""
    levels = SEVERITIES if query.severity is None else SEVERITIES[SEVERITIES.index(query.severity) :]
    for row in _rows(
        connection,
        """SELECT r.id AS run, agent, service, conversation, f.status, f.revision, f.delivery_id, first_seen, last_seen,
               body
           FROM findings f JOIN runs r ON r.number = f.run
           WHERE (:run IS NULL OR r.id = :run) AND (:rule IS NULL OR rule = :rule)
               AND (:since IS NULL OR last_seen >= :since) AND severity IN (SELECT value FROM json_each(:levels))
           ORDER BY last_seen DESC, f.id LIMIT :limit""",
        {**query._asdict(), "levels": msgspec.json.encode(levels).decode()},
    ):
        body = msgspec.json.decode(row.pop("body"))
        yield {**row, "finding": body}


def outbox(connection: sqlite3.Connection, choice: Choice, limit: int) -> Iterator[dict[str, Any]]:
    """Yield notices in the outbox, the oldest first."""
    yield from _rows(
        connection,
        """SELECT id, exporter, run, kind, delivery_id, state, attempts, created, next_at, error FROM outbox
           WHERE (:exporter IS NULL OR exporter = :exporter) AND (:id IS NULL OR id = :id)
               AND (:state IS NULL OR state = :state) ORDER BY id LIMIT :limit""",
        {**choice._asdict(), "limit": limit},
    )


def stats(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return totals: runs, findings by severity and rule, notices by exporter and state."""
    one = connection.execute("SELECT count(*), min(decided), max(decided) FROM runs").fetchone()
    severities = dict(
        connection.execute("SELECT severity, count(*) FROM findings WHERE status != 'withdrawn' GROUP BY 1").fetchall()
    )
    rules = connection.execute(
        "SELECT policy, rule, count(*) FROM findings WHERE status != 'withdrawn' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    )
    waiting = connection.execute(
        "SELECT exporter, state, count(*), min(created) FROM outbox GROUP BY exporter, state ORDER BY 1, 2"
    )
    return {
        "runs": {"count": one[0], "first_decided": one[1], "last_decided": one[2]},
        "findings": {
            "count": sum(severities.values()),
            "by_severity": {level: severities[level] for level in reversed(SEVERITIES) if level in severities},
            "by_rule": [{"policy": policy, "rule": rule, "count": count} for policy, rule, count in rules],
        },
        "outbox": [
            {"exporter": exporter, "state": state, "count": count, "oldest": oldest}
            for exporter, state, count, oldest in waiting
        ],
    }


def _rows(connection: sqlite3.Connection, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
