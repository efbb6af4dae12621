"""`spanwarden import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.transcripts.reading import Format


@click.command("import")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; standard output otherwise."
)
@click.argument("form", type=click.Choice(("codex", "claude")), metavar="codex|claude")
@click.argument("path", metavar="TRACE")
def command(out: Path | None, form: Format, path: str) -> None:
    """Turn a coding agent's session log into a native trace file. Commands and contents are written in clear."""
    from spanwarden.reports.native_trace import native_trace
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    if Path(path).is_dir():
        raise UsageError(f"{path}: import reads one session log, this is a folder")
    try:
        values = [native_trace(run, contents) for run, contents in read_runs(Path(path), form)]
    except TranscriptError as error:
        raise UsageError(str(error)) from None
    for value in values:
        if out is None:
            print_json(value, line=False)
        else:
            out.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
