"""`spanwarden audit`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options

if TYPE_CHECKING:
    from spanwarden.policy.policy import Policy
    from spanwarden.reports.audit import Audit
    from spanwarden.transcripts.tables import Tables

FOLDER = Path("audits")
"""Where reports go, in a folder by the trace's name, unless other places are named."""
NO_EXPLANATIONS = "explanations need a language model, which this build does not use: add --no-explain"


@click.command("audit")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the Markdown report goes.")
@click.option(
    "-j", "--json-output", type=click.Path(path_type=Path), metavar="FILE", help="Where the JSON report goes."
)
@click.option("--no-explain", is_flag=True, help="Do without explanations of a language model; must be given.")
@tables_options
@click.argument("trace", type=click.Path(path_type=Path), metavar="TRACE")
@click.argument("policy", metavar="POLICY")
def command(
    tables: Tables, output: Path | None, json_output: Path | None, no_explain: bool, trace: Path, policy: str
) -> int:
    """Write a report on one recorded run: what it broke, step by step, as Markdown and JSON.

    Exit code 0: written, whatever was found; 2: bad usage or bad input, or a rule that could not be worked out.
    """
    from spanwarden.transcripts.json_text import TranscriptError

    if not no_explain:
        raise UsageError(NO_EXPLANATIONS)
    loaded = load_policy(policy)
    try:
        audit = audited(trace, loaded, tables)
    except TranscriptError as error:
        raise UsageError(str(error)) from None
    folder = FOLDER / trace.stem
    write_audit(audit, output or folder / "report.md", json_output or folder / "audit.json")
    click.echo(f"{len(audit.violations)} violations, risk score {audit.risk_score} of 100")
    return told_errors(str(trace), audit)


def load_policy(source: str) -> Policy:
    """Return a policy as troy would load it: rules that cannot be used are errors of the run, not of the file."""
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load

    try:
        return load(source, broken="keep")
    except PolicyError as error:
        raise UsageError(str(error)) from None


def audited(path: Path, policy: Policy, tables: Tables) -> Audit:
    """Return the audit of the one run in a file. Raises TranscriptError."""
    from spanwarden.policy.rules.base import RunView
    from spanwarden.reports.audit import audit_of
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    runs = list(zip(range(2), read_runs(path, None, tables), strict=False))
    if len(runs) != 1:
        raise TranscriptError(str(path), "no run in it" if not runs else "more than one run in it")
    run, contents = runs[0][1]
    if not run.events:
        raise TranscriptError(str(path), "nothing was done in it")
    verdict = policy.evaluate(run, contents, table=tables.metadata)
    return audit_of(policy, RunView(run, contents, table=tables.metadata), verdict)


def write_audit(audit: Audit, markdown: Path, as_json: Path) -> None:
    """Write both reports, UTF-8 whatever the locale, making folders as needed."""
    from spanwarden.reports.audit import audit_markdown

    write(markdown, "\n".join(audit_markdown(audit)))
    write(as_json, json.dumps(msgspec.to_builtins(audit), indent=2))


def write(path: Path, text: str) -> None:
    """Write a text file and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    click.echo(f"written: {path}")


def told_errors(source: str, audit: Audit) -> int:
    """Tell of rules that could not be worked out; return the exit code."""
    for error in audit.rule_errors:
        line = " ".join(f"{source}: rule {error['rule']}: {error['error']}".split())
        print(f"spanwarden: {line.encode('utf-8', 'backslashreplace').decode()}", file=sys.stderr)
    return 2 if audit.rule_errors else 0
