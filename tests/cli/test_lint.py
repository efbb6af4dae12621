"""`spanwarden lint`: what compiles and is still wrong."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from cli.commands import call
from spanwarden.policy.lint import Problem, lint
from spanwarden.policy.loading import load

TODAY = dt.date(2026, 11, 21)
GOOD = """
rules:
  - id: a
    severity: low
    tags: [owasp-llm:LLM01]
    description: Something.
    when: "CONDITION"
tests:
  - {rule: a, run: [{call: Bash, args: {command: ls}}], expect: finding}
  - {rule: a, run: [{call: get_information}], expect: none}
"""


def problems(folder: Path, text: str) -> list[Problem]:
    path = folder / "p.yaml"
    path.write_text(text)
    return [problem for problem in lint(load(str(path)), str(path), TODAY) if problem.level == "warning"]


def about(folder: Path, condition: str) -> list[str]:
    return [problem.message for problem in problems(folder, GOOD.replace("CONDITION", condition))]


@pytest.mark.parametrize(
    "condition",
    [
        "'shell' in effects.kinds",
        "type == 'tool_call' and status != 'denied' and metadata.category == 'shell'",
        "any(e.kind == 'shell' for e in effects)",
        "matches(tool, r'^bash$')",
        "matches(tool, r'(^|_)rm(_|$)|^bash$')",
        "get(step, 'metadata.data_classification') is not None",
    ],
)
def test_a_sound_rule_gives_nothing(condition: str, tmp_path: Path) -> None:
    assert about(tmp_path, condition) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("1 < 2", "the condition is the same for every event"),
        ("type == 'toolcall'", "type is never 'toolcall' (did you mean tool_call?)"),
        ("status in ('ok', 'failed')", "status is never 'failed'"),
        ("'shel' in effects.kinds", "kinds is never 'shel' (did you mean shell?)"),
        ("matches(tool, r'bash|rm')", "also fits 'confirm_order'"),
        ("matches(step['description'], r'kill')", "also fits 'upskill_lookup'"),
        ("matches(str(args), r'a|')", "fits every text"),
        ("metadata.data_clasification == 'pii'", "(did you mean data_classification?)"),
    ],
)
def test_suspicious_conditions(condition: str, said: str, tmp_path: Path) -> None:
    (found,) = about(tmp_path, condition)
    assert said in found


def test_macros_are_looked_into(tmp_path: Path) -> None:
    text = GOOD.replace("CONDITION", "m").replace("rules:", "macros: {m: \"type == 'toolcall'\"}\nrules:", 1)
    (found,) = problems(tmp_path, text)
    assert "never" in found.message
    assert found.rule == "a"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, "rules: [{id: a, when: \"tool == 'x'\"}]\n")
    assert [problem.message for problem in found] == [
        "has no description",
        "has no tags",
        "has no severity",
        "no test shows that it fires",
        "no test shows where it stays silent",
    ]
    assert {problem.place for problem in found} == {f"{tmp_path}/p.yaml:1"}


def test_tags_and_ended_exceptions(tmp_path: Path) -> None:
    text = GOOD.replace("LLM01", "LLM11").replace("CONDITION", "tool == 'Bash'")
    exceptions = '    exceptions: [{reason: old, tool: Bash, until: DAY}]\n    when: "tool'
    ended = text.replace('    when: "tool', exceptions)
    found = problems(tmp_path, ended.replace("DAY", "2026-11-20"))
    assert len(found) == 2
    assert "LLM11" in found[0].message
    assert found[1].message == "the exception ended on 2026-11-20"
    assert len(problems(tmp_path, ended.replace("DAY", "2026-11-21"))) == 1


def test_exit_codes_and_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD.replace("CONDITION", "tool == 'Bash'"))
    bad.write_text(GOOD.replace("CONDITION", "1 < 2"))
    assert call(capsys, "lint", str(good)) == (0, "", "")
    code, out, _ = call(capsys, "lint", "--verbose", str(good))
    assert code == 0
    assert out.startswith(f"{good}:3: info: a: is judged ")
    code, out, _ = call(capsys, "lint", str(good), str(bad))
    assert (code, out) == (1, f"{bad}:7: warning: a: the condition is the same for every event\n")
    assert json.loads(call(capsys, "lint", "--json", str(bad))[1])["rule"] == "a"
    code, _, err = call(capsys, "lint", str(tmp_path / "none.yaml"))
    assert code == 2
    assert "none.yaml" in err


def test_troys_rules_are_looked_into_as_well(tmp_path: Path) -> None:
    path = tmp_path / "troy.json"
    condition = "step['type'] == 'tool_call' and matches(step['description'], r'(delete|rm)')"
    rule = {"rule_id": "a", "description": "Deletes.", "condition": condition, "severity": "high", "weight": 40}
    path.write_text(json.dumps({"policy_id": "p", "rules": [rule]}))
    found = [problem.message for problem in lint(load(str(path)), str(path), TODAY)]
    assert any("also fits 'confirm_order'" in message for message in found)
