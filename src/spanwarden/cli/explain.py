"""`spanwarden explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spanwarden.cli.check import FORMATS
from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.transcripts.reading import Format
    from spanwarden.transcripts.tables import Tables


@click.command("explain")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Look the finding up in the ledger in this directory, without a recording.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="What TRACE is; told from content otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object.")
@click.option("--include-raw", is_flag=True, help="Show the words of the run that the finding rests on.")
@tables_options
@click.argument("finding_id")
@click.argument("trace", required=False, type=click.Path(path_type=Path))
@click.argument("policy", required=False)
def command(
    tables: Tables,
    directory: Path | None,
    form: Format | None,
    as_json: bool,
    include_raw: bool,
    finding_id: str,
    trace: Path | None,
    policy: str | None,
) -> None:
    """Say why there is a finding.

    Told are the rule, the events that it rests on, and which `unless` and exceptions did not take it back, and why.
    TRACE and POLICY are those that the finding came from; with --directory the ledger tells what it keeps of it.
    """
    from spanwarden.reports.explanation import explanation_text

    if directory is not None:
        if trace is not None:
            raise UsageError("explain takes either TRACE and POLICY or --directory")
        told = _from_ledger(finding_id, directory, raw=include_raw)
    elif trace is None or policy is None:
        raise UsageError("explain needs TRACE and POLICY, or --directory")
    else:
        told = _from_trace(finding_id, trace, policy, form, tables, raw=include_raw)
    if as_json:
        print_json(told, line=False)
        return
    for line in explanation_text(told):
        click.echo(line)


def _from_trace(
    finding_id: str, path: Path, source: str, form: Format | None, tables: Tables, *, raw: bool
) -> dict[str, Any]:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load
    from spanwarden.policy.state import MemoryState
    from spanwarden.reports.explanation import explained
    from spanwarden.transcripts.earlier_runs import EarlierRuns
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs, traces

    try:
        policy, state, earlier = load(source), MemoryState(), EarlierRuns()
        for trace in traces(path, form):
            for run, contents in read_runs(trace.path, trace.format, tables):
                found = policy.explain(
                    run, contents, finding_id, earlier=earlier.before(run), state=state, table=tables.metadata
                )
                if found is not None:
                    return explained(run, policy, found, str(trace.path), raw=raw)
    except (PolicyError, TranscriptError) as error:
        raise UsageError(str(error)) from None
    raise UsageError(f"{finding_id[:64]}: no such finding in {path} by {source}")


def _from_ledger(finding_id: str, directory: Path, *, raw: bool) -> dict[str, Any]:
    import contextlib

    from spanwarden.reports.explanation import stored, stored_redacted
    from spanwarden.storage.ledger.errors import LedgerError
    from spanwarden.storage.ledger.opening import open_read_only
    from spanwarden.storage.ledger.queries import finding

    try:
        with contextlib.closing(open_read_only(directory)) as connection:
            row = finding(connection, finding_id)
    except LedgerError as error:
        raise UsageError(str(error)) from None
    if row is None:
        raise UsageError(f"{finding_id[:64]}: no such finding in {directory}")
    return stored(row) if raw else stored_redacted(row)
