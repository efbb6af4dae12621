"""What it costs to decide runs durably and to deliver from the outbox, beside a bare append and fsync.

usage: python tests/bench/ledger.py [DIRECTORY]

Each run has two findings with two pieces of evidence, and three exporters want both findings and evaluation.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import time

from spanwarden.exporters.base import ExporterSettings, RunSummary
from spanwarden.model.finding import Evidence, Finding, Verdict, identified
from spanwarden.service.recording import Judged, Recorder
from spanwarden.service.routing import Mailing, Route
from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.outbox import Outbox, Outcome

RUNS = 2_000
ROUTES = tuple(
    Route(
        name,
        frozenset({"finding", "evaluation"}),
        ExporterSettings.model_validate({"sending_queue": {"queue_size": 10**9}}),
    )
    for name in ("console", "webhook", "otlp")
)


def judged(number: int) -> Judged:
    """Return a run as the judge hands it on."""
    run = f"{number:032x}"
    evidence = tuple(
        Evidence(i, "sink", f"{number:012x}{i:04x}", run, "arguments.command", "rm -rf /tmp/x" * 3) for i in (3, 7)
    )
    findings = tuple(
        identified(Finding(rule, "high", "A title", "What happened, in a sentence.", "baseline", evidence), run)
        for rule in ("one-rule", "other-rule")
    )
    summary = RunSummary(
        run, "agent", f"conversation-{number}", "service", 1, 2, "root_ended", 0.1, "reported", 3.0, 26, (run,)
    )
    return Judged(summary, (Verdict("baseline", "1", findings),), ("hash",), {}, time.time_ns())


def decide(ledger: Ledger, batch: list[Judged]) -> None:
    """Write down a batch as the service does."""
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        recorder = Recorder(decisions, Mailing(decisions, ROUTES, 0.0), "redacted")
        for each in batch:
            recorder.record(each)


def deciding(folder: pathlib.Path | None, size: int, start: int) -> float:
    """Return microseconds per run for batches of a size."""
    ledger = Ledger(folder)
    ledger.open(1)
    count = min(RUNS, size * 200)
    batches = [[judged(start + at + i) for i in range(size)] for at in range(0, count, size)]
    began = time.perf_counter()
    for batch in batches:
        decide(ledger, batch)
    spent = time.perf_counter() - began
    ledger.close()
    return spent / count * 1e6


def delivering(folder: pathlib.Path, size: int) -> float:
    """Return microseconds per notice taken from the outbox and noted as delivered, in batches of a size."""
    ledger = Ledger(folder)
    ledger.open(1)
    outbox = Outbox(ledger)
    began, done = time.perf_counter(), 0
    while done < 100 * size and (rows := outbox.waiting("otlp", (), size)):
        outbox.settle([Outcome(row.id, delivered=True) for row in rows], 1)
        done += len(rows)
    ledger.close()
    return (time.perf_counter() - began) / max(done, 1) * 1e6


def floor(folder: pathlib.Path) -> float:
    """Return microseconds of one append of 4 KiB and fsync."""
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    began = time.perf_counter()
    for _ in range(200):
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
    os.close(descriptor)
    return (time.perf_counter() - began) / 200 * 1e6


def main() -> None:
    """Run the command line."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = pathlib.Path(name)
        print(f"append 4 KiB and fdatasync: {floor(folder):8.0f} µs")
        for number, size in enumerate((1, 10, 100)):
            memory, disk = deciding(None, size, 0), deciding(folder, size, number * 10**6)
            print(f"decide in batches of {size:3}: {disk:8.0f} µs a run on disk, {memory:8.0f} in memory")
        for size in (1, 128):
            print(f"deliver in batches of {size:3}: {delivering(folder, size):8.0f} µs a notice")


if __name__ == "__main__":
    main()
