"""`spanwarden outbox`."""

from __future__ import annotations

from pathlib import Path

import click

from spanwarden.cli.ledger import ledger_options, opened, print_rows
from spanwarden.cli.main import UsageError

STATES = ("pending", "dead", "suppressed")
_COLUMNS = (
    ("id", "id"),
    ("exporter", "exporter"),
    ("state", "state"),
    ("kind", "kind"),
    ("run", "run"),
    ("created", "created"),
    ("attempts", "attempts"),
    ("next", "next_at"),
    ("error", "error"),
)


@click.command("outbox")
@click.argument("action", type=click.Choice(("list", "retry", "drop")))
@click.option("--exporter", help="Only notices for this exporter.")
@click.option("--id", "number", type=int, help="Only this notice.")
@click.option("--state", type=click.Choice(STATES), help="Only notices in this state.")
@click.option("--all", "everything", is_flag=True, help="With drop: everything, where nothing else says what.")
@click.option("--limit", type=click.IntRange(min=1), default=50, help="Most notices to list; 50 if left out.")
@ledger_options
def command(
    directory: Path,
    as_json: bool,
    action: str,
    exporter: str | None,
    number: int | None,
    state: str | None,
    everything: bool,
    limit: int,
) -> None:
    """List what exporters are still to be told, or could not be told; deliver it again, or forget it.

    `retry` lets dead letters and suppressed notices wait again, as if new; `drop` forgets notices for good. A service
    that is running takes either up within seconds.
    """
    import time

    from spanwarden.cli.printing import print_json
    from spanwarden.storage.ledger.outbox import Choice, drop, retry
    from spanwarden.storage.ledger.queries import outbox

    choice = Choice(exporter, number, state)
    if action == "drop" and choice == Choice() and not everything:
        raise UsageError("outbox drop: say what with --exporter, --id or --state, or --all")
    if action == "retry" and state == "pending":
        raise UsageError("outbox retry: what is pending is being delivered already")
    with opened(directory, to_change=action != "list") as connection:
        if action == "list":
            print_rows(outbox(connection, choice, limit), _COLUMNS, as_json=as_json)
            return
        count = retry(connection, choice, time.time_ns()) if action == "retry" else drop(connection, choice)
    if as_json:
        print_json({"action": action, "notices": count}, line=True)
    else:
        click.echo(f"{count} notices {'wait again' if action == 'retry' else 'dropped'}")
