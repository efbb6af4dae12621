"""`spanwarden check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spanwarden.cli.check_action import MODES, STEP_TYPES, Asked, check_action
from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.guard.decision import GuardMode
    from spanwarden.model.finding import Severity, Verdict
    from spanwarden.model.run import Run
    from spanwarden.policy.policy import Policy
    from spanwarden.transcripts.reading import Format, Trace
    from spanwarden.transcripts.tables import Tables
    from spanwarden.transcripts.troy import StepType

FORMATS = ("generic", "codex", "claude", "otlp", "troy")
LEVELS = ("info", "low", "medium", "high", "critical")


@click.command("check")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What the traces are; told from content otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a run.")
@click.option("--fail-on", type=click.Choice(LEVELS), default="info", help="Least severity that counts as a failure.")
@click.option("-a", "--action", metavar="NAME", help="Judge one action that is yet to be done, not a trace.")
@click.option("-i", "--input", "arguments", metavar="JSON", help="With --action: its arguments, an object.")
@click.option("--metadata", metavar="JSON", help="With --action: what is known of it, an object.")
@click.option("--agent-name", default="agent", help="With --action: who is about to do it.")
@click.option("--agent-metadata", metavar="JSON", help="With --action: what is known of the agent, an object.")
@click.option("-t", "--step-type", type=click.Choice(STEP_TYPES), default="tool_call", help="With --action: its kind.")
@click.option("--mode", type=click.Choice(MODES), default="enforce", help="With --action: whether it may be blocked.")
@tables_options
@click.argument("paths", nargs=-1, required=True, metavar="[TRACE...] POLICY")
def command(
    tables: Tables,
    form: Format | None,
    as_json: bool,
    fail_on: Severity,
    action: str | None,
    arguments: str | None,
    metadata: str | None,
    agent_name: str,
    agent_metadata: str | None,
    step_type: StepType,
    mode: GuardMode,
    paths: tuple[str, ...],
) -> int:
    """Hold recorded runs, or one action, against a policy.

    TRACE is a file or a folder, POLICY a file or pack:NAME. Exit code 0: nothing found; 1: findings at or above
    --fail-on; 2: something could not be judged. With --action: 0: allowed; 2: blocked, or it could not be judged.
    """
    if action is not None:
        if len(paths) != 1:
            raise UsageError("check --action needs a POLICY and no TRACE")
        asked = Asked(action, arguments, metadata, agent_name, agent_metadata, step_type, mode)
        return check_action(paths[0], asked, tables)
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import traces

    if len(paths) < 2:
        raise UsageError("check needs at least one TRACE and a POLICY")
    try:
        policy = load(paths[-1])
        found = [trace for path in paths[:-1] for trace in traces(Path(path), form)]
    except (PolicyError, TranscriptError) as error:
        raise UsageError(str(error)) from None
    single = len(paths) == 2 and not Path(paths[0]).is_dir()
    return _Check(policy, fail_on, tables, as_json=as_json).run(found, single=single)


class _Check:
    def __init__(self, policy: Policy, fail_on: Severity, tables: Tables, *, as_json: bool) -> None:
        from spanwarden.policy.state import MemoryState
        from spanwarden.transcripts.earlier_runs import EarlierRuns

        self._policy = policy
        self._fail_on = fail_on
        self._tables = tables
        self._as_json = as_json
        self._state = MemoryState()
        self._earlier = EarlierRuns()
        self._failed = False
        self._unjudged = False

    def run(self, found: list[Trace], *, single: bool) -> int:
        judged = self._judged(found)
        if single:
            # One trace with one run is one object; only OTLP files can hold several.
            first, second = next(judged, None), next(judged, None)
            if first is not None:
                self._print(*first, line=second is not None)
            if second is not None:
                self._print(*second, line=True)
        for item in judged:
            self._print(*item, line=True)
        if self._unjudged:
            return 2
        return 1 if self._failed else 0

    def _judged(self, found: list[Trace]) -> Iterator[tuple[Run, Verdict, str]]:
        from spanwarden.model.finding import severity_at_least
        from spanwarden.transcripts.json_text import TranscriptError
        from spanwarden.transcripts.reading import read_runs

        for trace in found:
            try:
                for run, contents in read_runs(trace.path, trace.format, self._tables):
                    verdict = self._policy.evaluate(
                        run, contents, earlier=self._earlier.before(run), state=self._state, table=self._tables.metadata
                    )
                    self._failed |= any(
                        finding.mode == "enforce" and severity_at_least(finding.severity, self._fail_on)
                        for finding in verdict.findings
                    )
                    for error in verdict.rule_errors:
                        # A rule that broke is no match and no pass: the run could not be judged in full.
                        self._complain(f"{trace.path}: run {run.id}: rule {error.rule}: {error.error}")
                    yield run, verdict, str(trace.path)
            except TranscriptError as error:
                self._complain(str(error))
            except OSError as error:
                self._complain(f"{error.filename or trace.path}: {error.strerror or error}")

    def _complain(self, message: str) -> None:
        self._unjudged = True
        line = " ".join(message.split()).encode("utf-8", "backslashreplace").decode()
        print(f"spanwarden: {line}", file=sys.stderr)

    def _print(self, run: Run, verdict: Verdict, source: str, *, line: bool) -> None:
        from spanwarden.reports.verdicts import verdict_json, verdict_text

        if self._as_json:
            print_json(verdict_json(run, verdict, source), line=line)
        else:
            for text in verdict_text(run, verdict, source):
                click.echo(text)
