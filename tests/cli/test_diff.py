"""`spanwarden diff` from arguments to output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spanwarden.cli.main import main

Run = Callable[..., tuple[int, str, str]]
SAFE = {"id": "a", "events": [{"type": "file_read", "path": "README.md"}]}
RISKY = {
    "id": "b",
    "events": [
        {"type": "network_fetch", "url": "https://x.example"},
        {"type": "file_read", "path": "conf/.env"},
        {"type": "shell", "command": "sudo rm -rf /var/x"},
        {"type": "tool_call", "tool": "send_email\u001b[2J", "input": {"to": "a@b.example"}},
    ],
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("safe.json").write_text(json.dumps(SAFE))
    Path("risky.json").write_text(json.dumps(RISKY))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["diff", *arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_what_was_added_is_told(run: Run) -> None:
    code, out, err = run("safe.json", "risky.json", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["posture"] == {"before": "LOW", "after": "HIGH"}
    assert {"run commands", "fetch from the network", "touch sensitive files"} <= set(found["added"]["capabilities"])
    assert "read files" not in found["added"]["capabilities"]
    assert "fetch from the network -> run commands" in found["added"]["flows"]
    assert "touch sensitive files -> send messages" in found["added"]["flows"]
    assert not any(found["removed"].values())


def test_what_is_gone_is_told_as_well(run: Run) -> None:
    code, out, _ = run("risky.json", "safe.json")
    assert code == 0
    assert out.startswith("Posture: HIGH -> LOW\n")
    assert "  - fetch from the network -> run commands\n" in out
    assert "\x1b" not in out


def test_two_equal_runs_have_no_differences(run: Run) -> None:
    _, out, _ = run("risky.json", "risky.json")
    assert out.count("  no change\n") == 4


def test_a_trace_that_cannot_be_read_is_2(run: Run) -> None:
    code, out, err = run("safe.json", "none.json")
    assert (code, out) == (2, "")
    assert "none.json" in err
