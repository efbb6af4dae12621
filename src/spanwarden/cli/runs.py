"""`spanwarden runs`."""

from __future__ import annotations

from pathlib import Path

import click

from spanwarden.cli.ledger import ledger_options, opened, print_rows, since

_COLUMNS = (
    ("decided", "decided"),
    ("run", "run"),
    ("agent", "agent"),
    ("service", "service"),
    ("completeness", "completeness"),
    ("events", "events"),
    ("findings", "findings"),
    ("risk", "risk_score"),
)


@click.command("runs")
@click.option("--agent", help="Only runs of this agent.")
@click.option("--conversation", help="Only runs of this conversation.")
@click.option(
    "--since", "since_ns", callback=since, metavar="WHEN", help="Only those decided since: 2h, 7d, or a date."
)
@click.option("--findings", "with_findings", is_flag=True, help="Only runs in which something was found.")
@click.option("--limit", type=click.IntRange(min=1), default=50, help="Most runs to print; 50 if left out.")
@ledger_options
def command(
    directory: Path,
    as_json: bool,
    agent: str | None,
    conversation: str | None,
    since_ns: int | None,
    with_findings: bool,
    limit: int,
) -> None:
    """List decided runs, the latest first, also while the service runs."""
    from spanwarden.storage.ledger.queries import RunsQuery, runs

    with opened(directory) as connection:
        query = RunsQuery(agent, conversation, since_ns, with_findings, limit)
        print_rows(runs(connection, query), _COLUMNS, as_json=as_json)
