"""`spanwarden check POLICY --action NAME` from arguments to exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanwarden.cli.main import main

Run = Callable[..., tuple[int, str, str]]
RULE: dict[str, Any] = {
    "rule_id": "shell",
    "description": "No shell.",
    "condition": "matches(step['description'], '^bash$') and get(step, 'input.n', 1) + 1 > 0",
    "severity": "High!",
    "weight": 40,
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("p.json").write_text(json.dumps({"rules": [RULE]}))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["check", *arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_an_allowed_action_is_0(run: Run) -> None:
    code, out, err = run("p.json", "--action", "ls", "--input", "{}")
    assert (code, err) == (0, "")
    assert json.loads(out)["allowed"] is True


def test_a_blocked_action_is_2_and_says_why(run: Run) -> None:
    code, out, err = run("p.json", "-a", "bash", "-t", "decision")
    assert (code, err) == (2, "")
    found = json.loads(out)
    assert {key: found[key] for key in ("allowed", "risk_score", "mode")} == {
        "allowed": False,
        "risk_score": 40,
        "mode": "enforce",
    }
    assert found["violations"] == [
        {
            "rule_id": "shell",
            "rule_description": "No shell.",
            "step_id": "step-0",
            "severity": "High!",
            "details": "Rule 'No shell.' violated at step step-0",
        }
    ]


@pytest.mark.parametrize("mode", ["monitor", "dry-run"])
def test_the_other_modes_only_tell(run: Run, mode: str) -> None:
    code, out, _ = run("p.json", "-a", "bash", "--mode", mode)
    assert code == 0
    assert json.loads(out)["violations"]


def test_what_cannot_be_judged_is_2_with_a_line(run: Run) -> None:
    code, out, err = run("p.json", "-a", "bash", "-i", '{"n": "hunter2"}')
    assert code == 2
    assert json.loads(out)["allowed"] is False
    assert err.startswith("spanwarden: rule shell: ")
    assert "hunter2" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.json", "-a", "x"), "none.json: No such file or directory"),
        (("p.json", "-a", "x", "-i", "{bad"), "--input: not JSON"),
        (("p.json", "-a", "x", "-i", "[" * 100_000), "--input: not JSON"),
        (("p.json", "-a", "x", "--metadata", "[1]"), "--metadata: expected a JSON object"),
        (("p.json", "-a", "x", "--agent-metadata", "1"), "--agent-metadata: expected a JSON object"),
        (("t.json", "p.json", "-a", "x"), "check --action needs a POLICY and no TRACE"),
        (("p.json", "-a", "x", "--mode", "block"), "'block' is not one of"),
    ],
)
def test_bad_usage_is_2_in_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
