"""`spanwarden audit` and `audit-batch` from arguments to reports and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanwarden.cli.main import main

Run = Callable[..., tuple[int, str, str]]
TRACE = {
    "trace_id": "tr",
    "agent_name": "a | b",
    "steps": [
        {"step_id": "s1", "type": "tool_call", "description": "bash", "input": {"q": 1}, "parent_step_id": "s0"},
        {"step_id": "s2", "type": "tool_call", "description": "bash"},
    ],
}
RULES: list[dict[str, Any]] = [
    {"rule_id": "second", "description": "D", "condition": "step_index == 1", "weight": 7},
    {"rule_id": "shell", "description": "No <b>shell</b>", "condition": "step['description'] == 'bash'"},
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("p.json").write_text(json.dumps({"rules": RULES}))
    Path("t.json").write_text(json.dumps(TRACE))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_both_reports_are_written_where_they_are_asked_for(run: Run) -> None:
    code, out, err = run("audit", "t.json", "p.json", "--no-explain", "-o", "x/r.md", "-j", "y/a.json")
    assert (code, err) == (0, "")
    assert "3 violations, risk score 17 of 100" in out
    found = json.loads(Path("y/a.json").read_text())
    assert [(v["step_id"], v["rule_id"]) for v in found["violations"]] == [
        ("s1", "shell"),
        ("s2", "second"),
        ("s2", "shell"),
    ]
    assert found["trace"]["steps"][0] == {
        "step_id": "s1",
        "type": "tool_call",
        "description": "bash",
        "input": {"q": 1},
        "output": {},
        "metadata": {},
        "timestamp": None,
        "parent_step_id": "s0",
    }
    assert (found["explanations"], found["summary"], found["risk_score"]) == ([], None, 17)
    report = Path("x/r.md").read_text()
    assert report.startswith("# Audit report: a \\| b\n")
    assert "<b>" not in report


def test_without_places_reports_go_to_a_folder_by_the_traces_name(run: Run) -> None:
    assert run("audit", "t.json", "p.json", "--no-explain")[0] == 0
    assert sorted(path.name for path in Path("audits/t").iterdir()) == ["audit.json", "report.md"]


def test_explanations_are_refused_in_one_line(run: Run) -> None:
    code, _, err = run("audit", "t.json", "p.json")
    assert code == 2
    assert "--no-explain" in err
    assert not Path("audits").exists()


def test_a_rule_that_cannot_be_used_is_told_of(run: Run) -> None:
    Path("p.json").write_text(json.dumps({"rules": [*RULES, {**RULES[0], "rule_id": "bad", "condition": "x = 1"}]}))
    code, _, err = run("audit", "t.json", "p.json", "--no-explain")
    assert code == 2
    assert "t.json: rule bad: " in err
    assert len(json.loads(Path("audits/t/audit.json").read_text())["violations"]) == 3
    assert "## Not judged" in Path("audits/t/report.md").read_text()


def test_any_recorded_run_can_be_audited(run: Run) -> None:
    events = [{"type": "message", "role": "user", "text": "x"}, {"type": "shell", "command": "ls", "tool": "bash"}]
    Path("n.json").write_text(json.dumps({"id": "n", "agent": "a", "events": events}))
    code, _, _ = run("audit", "n.json", "p.json", "--no-explain")
    found = json.loads(Path("audits/n/audit.json").read_text())
    assert code == 0
    assert [step["type"] for step in found["trace"]["steps"]] == ["observation", "tool_call"]
    assert [v["rule_id"] for v in found["violations"]] == ["second", "shell"]


@pytest.mark.parametrize("trace", ["none.json", "empty.json", "idle.json", "stepless.json"])
def test_a_trace_that_cannot_be_read_is_2(run: Run, trace: str) -> None:
    Path("empty.json").write_text("")
    Path("idle.json").write_text("[]")
    Path("stepless.json").write_text(json.dumps({"trace_id": "t", "agent_name": "a"}))
    code, _, err = run("audit", trace, "p.json", "--no-explain")
    assert code == 2
    assert trace in err


def test_a_folder_is_audited_and_what_cannot_be_read_is_told(run: Run) -> None:
    Path("traces").mkdir()
    for name in ("b.json", "a.json"):
        Path("traces", name).write_text(json.dumps(TRACE))
    Path("traces/p.json").write_text(json.dumps({"rules": RULES}))
    assert run("audit-batch", "traces", "traces/p.json", "--no-explain")[0] == 0
    assert [r["risk_score"] for r in json.loads(Path("audits/batch.json").read_text())["results"]] == [17, 17]
    summary = Path("audits/summary.md").read_text()
    assert "| a\\.json | a \\| b | 2 | 3 | 17 |" in summary
    Path("traces/c.json").write_text("{")
    Path("traces/d.json").write_text("{}")
    code, _, err = run("audit-batch", "traces", "traces/p.json", "--no-explain", "-o", "other")
    assert code == 0
    assert [line.rpartition("/")[2][:7] for line in err.splitlines()] == ["c.json:", "d.json:"]
    skipped = json.loads(Path("other/batch.json").read_text())["skipped"]
    assert [item["file"] for item in skipped] == ["c.json", "d.json"]
    assert Path("other/a.json/report.md").exists()
