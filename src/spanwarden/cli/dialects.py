"""`spanwarden dialects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.dialects.base import Dialect

SHOWN = 4
"""Scopes and keys shown of one dialect without --json."""


@click.command("dialects")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects, with every scope and key.")
def command(as_json: bool) -> None:
    """List the telemetry dialects that are recognised: by which scopes and keys, and what they were tried with.

    A record of no listed scope and without such a key is read by the GenAI conventions as far as it follows them.
    """
    from spanwarden.dialects.registry import DIALECTS

    told = [dialect_json(dialect) for dialect in sorted(DIALECTS, key=lambda dialect: dialect.name)]
    if as_json:
        print_json(told, line=False)
        return
    for dialect in told:
        click.echo(f"{dialect['name']}  ({' and '.join(dialect['signals'])})")
        click.echo(f"  tried with  {dialect['versions'] or 'its documentation'}")
        for label, names in (("scopes", dialect["scopes"]), ("keys", dialect["keys"])):
            if names:
                click.echo(f"  {label:<10}  {_shown(names)}")


def dialect_json(dialect: Dialect) -> dict[str, Any]:
    """Return the JSON form of a dialect. A scope may end in `*`; a scope of `*` alone stands for any."""
    signals = {"traces": dialect.span, "logs": dialect.log}
    return {
        "name": dialect.name,
        "versions": dialect.versions,
        "signals": [name for name, reader in signals.items() if reader is not None],
        "scopes": list(dialect.scopes),
        "keys": list(dialect.tells),
    }


def _shown(names: list[str]) -> str:
    words = ["(any)" if name == "*" else name or "(none)" for name in names]
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")
