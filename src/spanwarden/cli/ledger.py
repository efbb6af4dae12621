"""What the commands that read a ledger share: where it is, since when, and how it is shown."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from spanwarden.cli.main import UsageError

_TIMES = frozenset(
    {"started", "ended", "decided", "first_decided", "last_decided", "first_seen", "last_seen", "created", "next_at"}
    | {"oldest"}
)


def ledger_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --directory, --config and --json; the command gets the ledger's directory and `as_json` first."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line; times are in UTC.")
    @click.option(
        "--directory",
        type=click.Path(file_okay=False, path_type=Path),
        help="The service's extensions.storage.directory; ./data if neither this nor --config is given.",
    )
    @click.option(
        "--config",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="The service's settings, to take the directory from. May be repeated; later ones win.",
    )
    @functools.wraps(function)
    def wrapped(sources: tuple[str, ...], directory: Path | None, as_json: bool, **rest: Any) -> None:
        function(directory or _configured(sources), as_json, **rest)

    return wrapped


def _configured(sources: tuple[str, ...]) -> Path:
    from spanwarden.service.loading import SettingsError, load

    try:
        directory = load(sources).extensions.storage.directory
    except SettingsError as error:
        raise UsageError(str(error)) from None
    if directory is None:
        raise UsageError("extensions.storage.directory: is null; what such a service knows is in its memory only")
    return Path(directory).expanduser()


@contextlib.contextmanager
def opened(directory: Path, *, to_change: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the ledger in a directory. Raises UsageError where there is none or it cannot be used."""
    from spanwarden.storage.ledger.errors import LedgerError
    from spanwarden.storage.ledger.opening import open_beside, open_read_only

    try:
        connection = open_beside(directory) if to_change else open_read_only(directory)
        try:
            yield connection
        finally:
            connection.close()
    except LedgerError as error:
        raise UsageError(str(error)) from None
    except sqlite3.Error as error:
        raise UsageError(f"{directory}: {error}") from None


def since(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Return ns since the epoch for a duration until now ("2h", "7d") or a date or time (ISO 8601, UTC)."""
    import time
    from datetime import UTC, datetime

    from spanwarden.configuration.section import parse_duration

    if value is None:
        return None
    try:
        return time.time_ns() - int(parse_duration(value) * 1e9)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a duration such as 2h or 7d nor a date") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its times as RFC 3339 texts."""
    from spanwarden.exporters.webhook.body import rfc3339

    return {name: rfc3339(value) if name in _TIMES and value is not None else value for name, value in row.items()}


def print_rows(rows: Iterator[dict[str, Any]], columns: Sequence[tuple[str, str]], *, as_json: bool) -> None:
    """Print rows as JSON lines, or as a table of some columns, each a heading and the key of its value."""
    from spanwarden.cli.printing import print_json

    if as_json:
        for row in rows:
            print_json(shown(row), line=True)
        return
    print_table([heading for heading, _ in columns], [[shown(row)[key] for _, key in columns] for row in rows])


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; what comes from telemetry is shown on one line, without control characters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from spanwarden.exporters.plain_text import one_line

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else one_line(str(value), 200)) for value in row))
    # In a pipe there is no width to fit: a line stays a line.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=2000)
    console.print(table)
