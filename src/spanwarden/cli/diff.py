"""`spanwarden diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.inspect import FORMATS
from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.reports.comparison import Profile
    from spanwarden.transcripts.reading import Format
    from spanwarden.transcripts.tables import Tables


@click.command("diff")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What both traces are; told from content otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object.")
@tables_options
@click.argument("before", type=click.Path(path_type=Path), metavar="BEFORE")
@click.argument("after", type=click.Path(path_type=Path), metavar="AFTER")
def command(tables: Tables, form: Format | None, as_json: bool, before: Path, after: Path) -> None:
    """Say what a run could do, and let follow from what, that an earlier one did not, and the other way round."""
    from spanwarden.reports.comparison import compared, comparison_json, comparison_text
    from spanwarden.transcripts.json_text import TranscriptError

    try:
        comparison = compared(_profile(before, form, tables), _profile(after, form, tables))
    except TranscriptError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(comparison_json(comparison), line=False)
        return
    for line in comparison_text(comparison):
        click.echo(line)


def _profile(path: Path, form: Format | None, tables: Tables) -> Profile:
    from spanwarden.policy.observations import OBSERVATIONS
    from spanwarden.reports.comparison import profile
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    runs = list(zip(range(2), read_runs(path, form, tables), strict=False))
    if len(runs) != 1:
        raise TranscriptError(str(path), "no run in it" if not runs else "more than one run in it")
    run, contents = runs[0][1]
    return profile(run, OBSERVATIONS.evaluate(run, contents))
