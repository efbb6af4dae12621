"""`spanwarden demo`."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from spanwarden.cli.main import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from spanwarden.exporters.base import Notice
    from spanwarden.service.demonstration import Demonstration
    from spanwarden.service.replay import Recorded

PATIENCE = 30.0
"""Longest wait for a verdict, in seconds."""


@click.command("demo")
@click.option("--once", is_flag=True, help="Exit after the last finding instead of staying up for your own agent.")
@click.option(
    "--runs",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    help="Replay the OTLP recordings in this folder instead of the built-in ones.",
)
def command(once: bool, folder: pathlib.Path | None) -> None:
    """Start the service on free ports, replay recorded agent runs through OTLP, print what was found."""
    from rich.console import Console

    from spanwarden.otlp.files import FileError
    from spanwarden.service import replay
    from spanwarden.service.app import StartError
    from spanwarden.service.demonstration import Demonstration, recordings

    console = Console(highlight=False)
    try:
        paths = recordings(folder)
        loaded = [(path.stem, replay.load(path)) for path in paths]
    except FileError as error:
        raise UsageError(str(error)) from None
    if not loaded:
        raise UsageError("no recordings (*.jsonl) to replay")
    try:
        with Demonstration() as demonstration:
            ports = demonstration.endpoints
            console.print(f"spanwarden is up: OTLP/gRPC on localhost:{ports.grpc}, OTLP/HTTP on localhost:{ports.http}")
            judged = sum(_replay(console, demonstration, name, recorded) for name, recorded in loaded)
            _point(console, demonstration)
            if not once:
                console.print("\nThe service stays up; findings of your agent's runs appear here. Ctrl-C ends it.")
                _follow(console, demonstration)
    except (StartError, replay.ReplayError) as error:
        raise UsageError(str(error)) from None
    if judged < len(loaded):
        raise UsageError("a run got no verdict in time")


def _replay(console: Console, demonstration: Demonstration, name: str, recorded: list[Recorded]) -> bool:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("  {task.description}"), BarColumn(24), TextColumn("{task.completed}/{task.total} requests"))
    console.print(f"\n[bold]{name}[/bold]")
    verdict = None
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("replaying", total=len(recorded))
        for _ in demonstration.replay(recorded):
            progress.advance(task)
        progress.update(task, description="waiting for the run to settle")
        verdict = demonstration.verdict(PATIENCE)
    if verdict is None:
        console.print("  no verdict")
        return False
    _print(console, verdict)
    return True


def _print(console: Console, notice: Notice) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from spanwarden.exporters.plain_text import one_line

    def show(indent: int, *parts: str | tuple[str, str]) -> None:
        console.print(Padding(Text.assemble(*parts), (0, 0, 0, indent)))

    run = notice.run
    facts = [f"run {run.id}", f"agent {run.agent or 'unknown'}", f"{run.event_count} events", run.completeness]
    if run.cost_usd is not None:
        facts.append(f"${run.cost_usd:.4f}")
    show(2, (one_line(", ".join(facts)), "dim"))
    if not notice.findings:
        show(2, ("no finding", "green"))
    for finding in notice.findings:
        colour = {"critical": "bold red", "high": "red", "medium": "yellow"}.get(finding.severity, "cyan")
        show(2, (finding.severity.upper(), colour), f" {finding.rule}: {one_line(finding.message)}")
        for item in finding.evidence:
            subject = next((s for s in notice.subjects if s.event == item.event), None)
            where = [f"event {item.event}", subject.tool if subject else None, item.field]
            place = f"{item.role}: {', '.join(part for part in where if part)}"
            show(6, (one_line(place), "dim"), f" {one_line(item.text)}" if item.text else "")
    if notice.not_evaluable:
        rules = ", ".join(f"{n.rule} (needs {', '.join(n.needs)})" for n in notice.not_evaluable)
        show(2, (f"not evaluable: {one_line(rules)}", "dim"))


def _point(console: Console, demonstration: Demonstration) -> None:
    from rich.text import Text

    from spanwarden.cli.pointing import hints

    ports = demonstration.endpoints
    console.print("\n[bold]Point a real agent at it[/bold] (`spanwarden serve` listens on 4317 and 4318):")
    for who, lines in hints(ports.grpc or 4317, ports.http or 4318):
        console.print(f"  {who}")
        for line in lines:
            console.print(Text("    " + line, style="dim"), soft_wrap=True)


def _follow(console: Console, demonstration: Demonstration) -> None:
    try:
        while True:
            verdict = demonstration.verdict(3600.0)
            if verdict is not None:
                console.print(f"\n[bold]{verdict.run.service or 'agent'}[/bold]")
                _print(console, verdict)
    except KeyboardInterrupt:
        console.print("\nstopping")
