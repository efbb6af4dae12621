"""`spanwarden backtest`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.check import FORMATS, LEVELS
from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.model.finding import Severity
    from spanwarden.policy.policy import Policy
    from spanwarden.reports.backtest import Backtest
    from spanwarden.reports.labels import Label
    from spanwarden.transcripts.reading import Format, Trace
    from spanwarden.transcripts.tables import Tables


@click.command("backtest")
@click.option("--policy", "source", required=True, metavar="POLICY", help="The policy to try: a file or pack:NAME.")
@click.option("--against", metavar="POLICY", help="Another policy: say where the two differ, run by run.")
@click.option(
    "--labels",
    "label_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with the columns run, label (true or false) and perhaps rules: measures precision and recall.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="What the traces are; told from content otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object.")
@click.option("--fail-on", type=click.Choice(LEVELS), default="info", help="Least severity that counts as a failure.")
@tables_options
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
def command(
    tables: Tables,
    source: str,
    against: str | None,
    label_file: Path | None,
    form: Format | None,
    as_json: bool,
    fail_on: Severity,
    paths: tuple[Path, ...],
) -> int:
    """Try a policy on recorded runs.

    PATH is an OTLP file, a transcript, a folder of them, or the directory of a service's ledger. A ledger keeps no
    events: of its runs only limits of cost and time are judged, and all else is not evaluable. Told are the hits of
    each rule, what it costs, where it was not evaluable, and with --against on which runs it newly fires or no longer
    does. The conditions of a policy are worked out in one go, and what several rules share once: what that costs stands
    with the first of them. Exit code 0: nothing found; 1: findings at or above --fail-on; 2: something could not be
    judged.
    """
    from spanwarden.reports.backtest import Backtest

    policy, other = _policy(source), _policy(against) if against else None
    labels = _labels(label_file) if label_file is not None else {}
    tally = Backtest(source, [rule.id for rule in policy.rules], fail_on, against)
    ledgers = [path for path in paths if _is_ledger(path)]
    found = _traces([path for path in paths if path not in ledgers], form)
    for directory in ledgers:
        _run_ledger(tally, policy, other, labels, directory)
    unjudged = _run(tally, policy, other, labels, found, tables)
    if as_json:
        print_json(tally.as_json(), line=False)
    else:
        for line in tally.text():
            click.echo(line)
    if unjudged or any(rule.errors for rule in tally.rules.values()):
        return 2
    return 1 if tally.failed else 0


def _run_ledger(tally: Backtest, policy: Policy, other: Policy | None, labels: Mapping[str, Label], path: Path) -> None:
    import time

    from spanwarden.reports.labels import label_of
    from spanwarden.storage.ledger.errors import LedgerError
    from spanwarden.transcripts.ledger_runs import ledger_runs

    try:
        for run, contents in ledger_runs(path if path.is_dir() else path.parent):
            before = None
            if other is not None:
                verdict = other.evaluate(run, contents, totals=True)
                before = frozenset(finding.rule for finding in verdict.findings)
            verdict = policy.evaluate(run, contents, time.perf_counter, totals=True)
            tally.add(run.id, str(path), verdict, label_of(labels, run.id, str(path)), before)
    except LedgerError as error:
        raise UsageError(str(error)) from None


def _run(
    tally: Backtest,
    policy: Policy,
    other: Policy | None,
    labels: Mapping[str, Label],
    found: list[Trace],
    tables: Tables,
) -> bool:
    import time

    from spanwarden.policy.state import MemoryState
    from spanwarden.reports.labels import label_of
    from spanwarden.transcripts.earlier_runs import EarlierRuns
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    unjudged = False
    states, earlier = (MemoryState(), MemoryState()), EarlierRuns()
    for trace in _progress(found):
        try:
            for run, contents in read_runs(trace.path, trace.format, tables):
                before, past, table = None, earlier.before(run), tables.metadata
                if other is not None:
                    verdict = other.evaluate(run, contents, earlier=past, state=states[1], table=table)
                    before = frozenset(finding.rule for finding in verdict.findings)
                verdict = policy.evaluate(run, contents, time.perf_counter, earlier=past, state=states[0], table=table)
                label = label_of(labels, run.id, str(trace.path))
                tally.add(run.id, str(trace.path), verdict, label, before)
        except (TranscriptError, OSError) as error:
            unjudged = True
            reason = str(error) if isinstance(error, TranscriptError) else f"{trace.path}: {error.strerror or error}"
            click.echo(f"spanwarden: {' '.join(reason.split())}", err=True)
    return unjudged


def _progress(found: list[Trace]) -> Iterator[Trace]:
    """Yield the traces, with a bar on a terminal's standard error."""
    if not sys.stderr.isatty() or len(found) < 2:
        yield from found
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("backtest"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(found)


def _policy(source: str) -> Policy:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load

    try:
        return load(source)
    except PolicyError as error:
        raise UsageError(str(error)) from None


def _is_ledger(path: Path) -> bool:
    from spanwarden.storage.ledger.opening import FILE

    return path.name == FILE or (path / FILE).is_file()


def _traces(paths: Sequence[Path], form: Format | None) -> list[Trace]:
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import traces

    try:
        return [trace for path in paths for trace in traces(path, form)]
    except TranscriptError as error:
        raise UsageError(str(error)) from None


def _labels(path: Path) -> Mapping[str, Label]:
    from spanwarden.reports.labels import LabelError, read_labels

    with contextlib.suppress(UnicodeDecodeError):
        try:
            return read_labels(path.read_text(encoding="utf-8"), str(path))
        except LabelError as error:
            raise UsageError(str(error)) from None
    raise UsageError(f"{path}: not UTF-8")
