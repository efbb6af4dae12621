"""Rows for tests of the ledger."""

from __future__ import annotations

import pathlib

from spanwarden.storage.ledger.decisions import Decisions, EvaluationRow, FindingRow, OutboxRow, RunRow, State
from spanwarden.storage.ledger.ledger import Ledger

NOW = 1_795_000_000 * 10**9
HOUR = 3600 * 10**9


def opened(directory: pathlib.Path | None = None) -> Ledger:
    ledger = Ledger(directory)
    ledger.open(NOW)
    return ledger


def run_row(name: str, decided: int = NOW, *, summary: bytes = b"{}", agent: str | None = "bot") -> RunRow:
    return RunRow(name, agent, "shop", None, "idle", 1, 2, 3, 40, 1, decided, "digest", summary)


def finding_row(
    name: str, delivery: str = "d1", *, seen: int = NOW, rule: str = "r", body: bytes = b"{}"
) -> FindingRow:
    return FindingRow(name, "p", "1", rule, "high", delivery, seen, body)


def evaluation_row(revision: int = 1) -> EvaluationRow:
    return EvaluationRow("p", "1", "h", revision, NOW, 40, b"[]", b"[]")


def notice_row(
    exporter: str, run: str, state: State = "pending", *, queued: float = 0.0, created: int = NOW, notice: bytes = b"n"
) -> OutboxRow:
    return OutboxRow(exporter, run, "finding", "d-" + run, state, created, queued, notice)


def write_run(ledger: Ledger, name: str, decided: int = NOW, size: int = 10, *, posts: bool = False) -> None:
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        number = decisions.put_run(run_row(name, decided, summary=b'"' + b"x" * size + b'"'))
        decisions.put_evaluation(number, evaluation_row())
        decisions.put_finding(number, finding_row("f-" + name, seen=decided, body=b'"' + b"y" * size + b'"'))
        if posts:
            decisions.put_notice(notice_row("hook", name, created=decided))


def count(ledger: Ledger, table: str) -> int:
    with ledger.reading() as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found
