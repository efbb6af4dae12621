"""`spanwarden inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.transcripts.reading import Format
    from spanwarden.transcripts.tables import Tables

FORMATS = ("generic", "codex", "claude", "otlp", "troy")


@click.command("inspect")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What the trace is; told from content otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a run.")
@click.option("--include-raw", is_flag=True, help="With --json: commands in clear, and each event as it was recorded.")
@click.option("--verbose", is_flag=True, help="Without --json: every event and all evidence, commands in clear.")
@tables_options
@click.argument("path", metavar="TRACE")
def command(tables: Tables, form: Format | None, as_json: bool, include_raw: bool, verbose: bool, path: str) -> None:
    """Show what a run did and what is risky about it. TRACE is a file or a folder."""
    from spanwarden.policy.observations import OBSERVATIONS
    from spanwarden.reports.inspection import inspection_json, inspection_text
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    runs = read_runs(Path(path), form, tables)
    try:
        pending = next(runs, None)
        several = False
        while pending is not None:
            following = next(runs, None)
            several = several or following is not None
            run, contents = pending
            verdict = OBSERVATIONS.evaluate(run, contents)
            if as_json:
                print_json(inspection_json(run, contents, verdict, include_raw=include_raw), line=several)
            else:
                for text in inspection_text(run, verdict, verbose=verbose):
                    click.echo(text)
                if following is not None:
                    click.echo("")
            pending = following
    except TranscriptError as error:
        raise UsageError(str(error)) from None
