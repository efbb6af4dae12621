from __future__ import annotations

import pathlib
import re
import subprocess
import sys

from spanwarden.service import replay
from spanwarden.service.demonstration import recordings


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanwarden.cli.main", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_three_runs_give_nothing_an_injection_and_a_leak() -> None:
    done = demo("--once")
    assert done.returncode == 0, done.stderr
    replayed = done.stdout.split("Point a real agent")[0]
    _, clean, injected, leaked = re.split(r"^\d-[a-z-]+$", replayed, flags=re.MULTILINE)
    assert "no finding" in clean
    assert re.search(r"CRITICAL injected-instruction", injected)
    assert "source: event" in injected
    assert re.search(r"CRITICAL secret-leaves", leaked)
    assert "injected-instruction" not in leaked
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_without_recordings_is_an_error(tmp_path: pathlib.Path) -> None:
    done = demo("--once", "--runs", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "spanwarden: no recordings (*.jsonl) to replay\n"


def test_a_replay_keeps_order_and_moves_times_to_now() -> None:
    recorded = replay.load(recordings()[1])
    assert [item.sent for item in recorded] == sorted(item.sent for item in recorded)
    assert {item.signal for item in recorded} == {"traces", "logs"}
