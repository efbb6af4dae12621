"""`spanwarden events`: what agents did, one normalised event a line."""

from __future__ import annotations

import difflib
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.model.event import Content, Event, Usage
from spanwarden.model.run import Contents, Run

if TYPE_CHECKING:
    from spanwarden.policy.metadata_table import MetadataTable
    from spanwarden.transcripts.tables import Tables


@click.command("events")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=pathlib.Path))
@click.option("--format", "form", metavar="F", default=None, help="How to read PATH; told from the file if left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--metadata", is_flag=True, help="With --json: what conditions read of each event, as `metadata`.")
@tables_options
def command(tables: Tables, paths: tuple[pathlib.Path, ...], form: str | None, as_json: bool, metadata: bool) -> None:
    """Print what agents did.

    PATH is an OTLP file (*.binpb, OTLP/JSON, the Collector's file exporter), a folder of them, or a transcript.
    """
    runs = _runs(paths, form, tables)
    try:
        if as_json:
            _print_json(runs, tables.metadata if metadata else None)
        else:
            _print_table(runs)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _runs(paths: tuple[pathlib.Path, ...], form: str | None, tables: Tables) -> Iterator[tuple[Run, Contents]]:
    from spanwarden.otlp.files import is_otlp

    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
    if form == "otlp" or (form is None and all(is_otlp(path) for path in paths)):
        from spanwarden.transcripts.otlp_runs import read_otlp

        yield from read_otlp(paths, tables)
        return
    from spanwarden.transcripts.reading import FORMATS, read_runs

    known = next((name for name in FORMATS if name == form), None)
    if form is not None and known is None:
        near = difflib.get_close_matches(form, FORMATS, 1)
        hint = f"; did you mean {near[0]}?" if near else f" (known: {', '.join(FORMATS)})"
        raise UsageError(f"--format {form}: unknown format{hint}")
    for path in paths:
        yield from read_runs(path, known, tables)


def _print_json(runs: Iterator[tuple[Run, Contents]], table: MetadataTable | None) -> None:
    encode = msgspec.json.Encoder().encode
    write = sys.stdout.buffer.write
    for run, contents in runs:
        derive = _deriving(run, contents, table) if table is not None else None
        for index, event in enumerate(run.events):
            told = event_json(run, index, event, contents[index])
            if derive is not None:
                told["metadata"] = derive(index)
            write(encode(told) + b"\n")
    sys.stdout.buffer.flush()


def _deriving(run: Run, contents: Contents, table: MetadataTable) -> Callable[[int], dict[str, Any]]:
    from spanwarden.policy.metadata import metadata_of
    from spanwarden.policy.rules.base import RunView

    view = RunView(run, contents, table=table)
    return lambda index: metadata_of(view, index)


def event_json(run: Run, index: int, event: Event, content: Content) -> dict[str, Any]:
    """Return the JSON form of one event, as the contract of `spanwarden events` says."""
    return {
        "run": run.id,
        "conversation": run.conversation,
        "index": index,
        "kind": event.kind,
        "agent": event.agent,
        "tool": event.tool,
        "model": event.model,
        "role": event.role,
        "status": event.status,
        "start": event.start,
        "end": event.end,
        "effects": [_effect(effect) for effect in event.effects],
        "usage": None
        if event.usage is None
        else {name: getattr(event.usage, name) for name in Usage.__struct_fields__},
        "cost_usd": event.cost_usd,
        "cost_source": event.cost_source,
        "arguments": content.arguments,
        "result": content.result,
        "text": content.text,
        "error": content.error,
        "call_id": event.call_id,
        "trace_id": event.trace_id.hex() or None,
        "span_id": event.span_id.hex() or None,
        "dialect": event.dialect,
    }


def _effect(effect: Any) -> dict[str, str]:
    told = {"kind": effect.kind, "target": effect.target, "detail": effect.detail}
    return {key: value for key, value in told.items() if value is not None or key == "target"}


def _print_table(runs: Iterator[tuple[Run, Contents]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for run, contents in runs:
        seconds = "" if run.runtime_seconds is None else f", {run.runtime_seconds:.1f} s"
        about = "about " if run.cost_source == "estimated" else ""
        cost = "" if run.cost_usd is None else f", {about}${run.cost_usd:.4f}"
        title = f"run {run.id}, agent {run.agent or 'unnamed'}{seconds}{cost}, {run.completeness}"
        table = Table(
            title=Text(_line(title, 200)), title_justify="left", box=None, pad_edge=False, header_style="bold"
        )
        for column in ("#", "kind", "agent", "what", "status", "effects and text"):
            table.add_column(column, overflow="fold")
        for index, event in enumerate(run.events):
            effects = ", ".join(f"{e.kind} {e.target or ''}".rstrip() for e in event.effects)
            what = event.tool or event.model or event.role or ""
            said = effects or contents[index].text or ""
            cells = (str(index), event.kind, event.agent or "", what, event.status, said)
            table.add_row(*(Text(_line(cell, 120)) for cell in cells))
        console.print(table)
        console.print()


def _line(text: str, width: int) -> str:
    """Return one line without control characters: what agents wrote must not drive the terminal."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * width]).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
