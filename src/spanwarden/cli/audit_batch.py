"""`spanwarden audit-batch`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from spanwarden.cli.audit import FOLDER, NO_EXPLANATIONS, audited, load_policy, told_errors, write, write_audit
from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options

if TYPE_CHECKING:
    from spanwarden.reports.audit import Audit
    from spanwarden.transcripts.tables import Tables


@click.command("audit-batch")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=FOLDER, help="The folder that reports go to.")
@click.option("--no-explain", is_flag=True, help="Do without explanations of a language model; must be given.")
@tables_options
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER")
@click.argument("policy", metavar="POLICY")
def command(tables: Tables, output: Path, no_explain: bool, folder: Path, policy: str) -> int:
    """Write a report on every trace (*.json, *.jsonl) in a folder, and an overview.

    A file that is no trace is told of, here and in the overview, and skipped. Exit code 0: written, whatever was found;
    2: bad usage, a policy that cannot be read, or a rule that could not be worked out.
    """
    from spanwarden.reports.audit import batch_markdown
    from spanwarden.transcripts.json_text import TranscriptError

    if not no_explain:
        raise UsageError(NO_EXPLANATIONS)
    loaded = load_policy(policy)
    done: list[tuple[str, Audit]] = []
    skipped: list[tuple[str, str]] = []
    code = 0
    for path in _traces(folder, policy):
        try:
            audit = audited(path, loaded, tables)
        except (TranscriptError, OSError) as error:
            skipped.append((path.name, " ".join(str(error).split())))
            click.echo(f"spanwarden: {skipped[-1][1]}".encode("utf-8", "backslashreplace").decode(), err=True)
            continue
        done.append((path.name, audit))
        write_audit(audit, output / path.name / "report.md", output / path.name / "audit.json")
        code = max(code, told_errors(str(path), audit))
    write(output / "summary.md", "\n".join(batch_markdown(done, skipped)))
    results = [msgspec.to_builtins(audit) for _, audit in done]
    told = [{"file": name, "error": error} for name, error in skipped]
    write(output / "batch.json", json.dumps({"results": results, "skipped": told}, indent=2))
    return code


def _traces(folder: Path, policy: str) -> list[Path]:
    own = Path(policy).resolve()
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in {".json", ".jsonl"} and p.is_file()]
    return [path for path in found if path.resolve() != own]
