"""A ledger with two runs, as a service leaves it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from typing import Any

from spanwarden.exporters.base import ExporterSettings, RunSummary
from spanwarden.model.finding import Evidence, Finding, NotEvaluable, Severity, Verdict, identified
from spanwarden.service.recording import Judged, Recorder
from spanwarden.service.routing import Mailing, Route
from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.ledger import Ledger

HOUR = 3600 * 10**9


def judged(name: str, agent: str, rule: str, severity: Severity, ago: int = 0) -> Judged:
    evidence = (Evidence(3, "sink", span_id=name * 2, text="the secret words"),)
    found = identified(
        Finding(rule, severity, "A title", f"{rule} \x1b[31mwas broken", "tight", evidence, policy_version="7"), name
    )
    verdict = Verdict("tight", "7", (found,), (NotEvaluable("other-rule", ("cost",)),), (), 40)
    summary = RunSummary(
        name, agent, f"conv-{agent}", "shop", 10**9, 2 * 10**9, "root_ended", 0.5, "reported", 1.0, 4, ("ab" * 16,)
    )
    return Judged(summary, (verdict,), ("hash",), {}, time.time_ns() - ago)


def fill(directory: pathlib.Path) -> Ledger:
    """Return the open ledger: two runs, one three hours old; the notices for `hook` wait, those for `mail` are dead."""
    ledger = Ledger(directory)
    ledger.open(time.time_ns())
    routes = (
        Route("hook", frozenset({"finding"}), ExporterSettings()),
        Route("mail", frozenset({"finding"}), ExporterSettings(min_severity="critical")),
    )
    with ledger.writing() as connection:
        recorder = Recorder(Decisions(connection), Mailing(Decisions(connection), routes, 0.0), "redacted")
        recorder.record(judged("old", "alice", "drop-table", "critical", ago=3 * HOUR))
        recorder.record(judged("new", "bob", "too-slow", "low"))
        connection.execute("UPDATE outbox SET state = 'dead', error = 'refused: 400' WHERE exporter = 'mail'")
    return ledger


def run(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanwarden.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rows(*arguments: str | pathlib.Path) -> list[dict[str, Any]]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
