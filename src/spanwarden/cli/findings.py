"""`spanwarden findings`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.ledger import ledger_options, opened, print_rows, since

if TYPE_CHECKING:
    from spanwarden.model.finding import Severity

LEVELS = ("info", "low", "medium", "high", "critical")
_COLUMNS = (
    ("last seen", "last_seen"),
    ("severity", "severity"),
    ("rule", "rule"),
    ("mode", "mode"),
    ("status", "status"),
    ("rev", "revision"),
    ("agent", "agent"),
    ("run", "run"),
    ("message", "message"),
)


@click.command("findings")
@click.option("--run", help="Only findings of this run.")
@click.option("--rule", help="Only findings of this rule.")
@click.option("--severity", type=click.Choice(LEVELS), help="Only findings of this severity or worse.")
@click.option(
    "--since", "since_ns", callback=since, metavar="WHEN", help="Only those changed since: 2h, 7d, or a date."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, help="Most findings to print; 50 if left out.")
@ledger_options
def command(
    directory: Path,
    as_json: bool,
    run: str | None,
    rule: str | None,
    severity: Severity | None,
    since_ns: int | None,
    limit: int,
) -> None:
    """List findings, the latest first, also while the service runs."""
    from spanwarden.storage.ledger.queries import FindingsQuery, findings

    with opened(directory) as connection:
        rows = findings(connection, FindingsQuery(run, rule, severity, since_ns, limit))
        if as_json:
            print_rows(rows, (), as_json=True)
        else:
            flat = ({"mode": "", **row["finding"], **{k: v for k, v in row.items() if k != "finding"}} for row in rows)
            print_rows(flat, _COLUMNS, as_json=False)
