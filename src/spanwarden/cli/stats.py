"""`spanwarden stats`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spanwarden.cli.ledger import ledger_options, opened, print_table, shown


@click.command("stats")
@ledger_options
def command(directory: Path, as_json: bool) -> None:
    """Count runs, findings and notices, and the bytes they take, also while the service runs."""
    from spanwarden.cli.printing import print_json
    from spanwarden.storage.ledger.ledger import file_size
    from spanwarden.storage.ledger.queries import stats

    with opened(directory) as connection:
        found = stats(connection)
    found["runs"] = shown(found["runs"])
    found["outbox"] = [shown(row) for row in found["outbox"]]
    found["bytes"] = {"ledger": file_size(directory), "journal": _folder_size(directory / "journal")}
    if as_json:
        print_json(found, line=True)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    runs, sizes = found["runs"], found["bytes"]
    click.echo(f"{runs['count']} runs, {found['findings']['count']} findings")
    click.echo(f"ledger {sizes['ledger']} bytes, journal {sizes['journal']} bytes")
    severities = [[level, count] for level, count in found["findings"]["by_severity"].items()]
    for headings, rows in (
        (("severity", "findings"), severities),
        (("policy", "rule", "findings"), [list(row.values()) for row in found["findings"]["by_rule"]]),
        (("exporter", "state", "notices", "oldest"), [list(row.values()) for row in found["outbox"]]),
    ):
        if rows:
            click.echo()
            print_table(headings, rows)


def _folder_size(folder: Path) -> int:
    """Return the bytes that a folder's files take on the disk; they may have holes."""
    total = 0
    for path in folder.glob("*"):
        try:
            status = path.stat()
        except OSError:
            continue
        total += status.st_blocks * 512
    return total
