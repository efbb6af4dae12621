"""`spanwarden test`: policies run their own tests."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cli.commands import call

POLICY = """
name: ours
rules:
  - id: no-shell
    severity: high
    when: "'shell' in effects.kinds"
  - id: no-mail
    severity: low
    when: "'message_send' in effects.kinds"
tests:
  - rule: no-shell
    name: <a shell>
    run: [{call: Bash, args: {command: ls}}]
    expect: EXPECTED
  - trace: recorded.json
    expect: [no-shell]
"""
TRACE = {"id": "r", "events": [{"type": "tool_call", "tool": "Bash", "input": {"command": "ls"}}]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recorded.json").write_text(json.dumps(TRACE))
    for name, expected in {
        "good": "{at: 0, severity: high, times: 1}",
        "silent": "none",
        "elsewhere": "{at: 1}",
        "twice": "{at: 0, times: 2}",
        "worse": "{at: 0, severity: critical}",
        "words": "{value: rm}",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(POLICY.replace("EXPECTED", expected))
    return tmp_path


def test_all_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "test", "good.yaml") == (0, "PASS  good.yaml: 2 of 2 tests passed\n", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("silent", "expected no finding, got no-shell at sink 0 (high, enforce)"),
        ("elsewhere", "expected at 1; got no-shell at sink 0 (high, enforce)"),
        ("twice", "expected 2 findings, got no-shell at sink 0 (high, enforce)"),
        ("worse", "expected at 0, severity 'critical'; got no-shell at sink 0 (high, enforce)"),
        ("words", "expected value 'rm'; got no-shell at sink 0 (high, enforce)"),
    ],
)
def test_a_failure_says_where_and_what(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "test", f"{name}.yaml")
    assert code == 1
    first, failure = out.splitlines()
    assert first == f"FAIL  {name}.yaml: 1 of 2 tests passed"
    assert failure == f"  {name}.yaml:11: no-shell: <a shell>: {said}"


def test_a_recorded_run_names_the_rules_that_fire(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "good.yaml").read_text().replace("expect: [no-shell]", "expect: [no-mail]")
    (folder / "good.yaml").write_text(text)
    code, out, _ = call(capsys, "test", "good.yaml")
    assert code == 1
    assert "expected a finding of no-mail; expected no finding of no-shell" in out


def test_json_has_every_test(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "test", "--json", "good.yaml", "silent.yaml")
    found = json.loads(out)
    assert (code, found["passed"]) == (1, False)
    assert [(p["source"], p["passed"], p["failed"]) for p in found["policies"]] == [
        ("good.yaml", 2, 0),
        ("silent.yaml", 1, 1),
    ]
    assert found["policies"][1]["tests"][0]["place"] == "silent.yaml:11"


def test_junit_is_xml_with_a_case_for_each_test(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "test", "--junit", "out.xml", "good.yaml", "silent.yaml")[0] == 1
    suites = ET.parse(folder / "out.xml").getroot().findall("testsuite")
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in suites] == [
        ("good.yaml", "2", "0"),
        ("silent.yaml", "2", "1"),
    ]
    (failure,) = suites[1].iter("failure")
    assert "expected no finding" in (failure.get("message") or "")
    assert suites[1].findall("testcase")[0].get("name") == "no-shell: <a shell> (silent.yaml:11)"


def test_a_condition_that_fails_is_no_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "silent.yaml").read_text().replace("'shell' in effects.kinds", "int(tool) > 1")
    (folder / "silent.yaml").write_text(text)
    code, out, _ = call(capsys, "test", "silent.yaml")
    assert code == 1
    assert "no-shell failed" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n", "has no tests"),
        ("rules: [{id: a, when: 'tool ==', severity: low}]\n", "bad.yaml:1"),
        (POLICY.replace("EXPECTED", "none").replace("recorded.json", "missing.json"), "missing.json"),
    ],
)
def test_what_cannot_be_run_is_exit_2(text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(text)
    code, out, err = call(capsys, "test", "bad.yaml")
    assert (code, out) == (2, "")
    assert said in err


def test_packs_are_tested_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "test", "pack:minimal", "pack:hipaa")[0] == 0


def test_the_settings_table_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "table.yaml").write_text(
        'rules: [{id: a, severity: low, when: "metadata.baa_on_file is True"}]\n'
        "tests: [{rule: a, run: [{call: get_chart}], expect: finding}]\n"
    )
    (folder / "settings.yaml").write_text("processors: {metadata: {tools: {get_chart: {baa_on_file: true}}}}\n")
    assert call(capsys, "test", "table.yaml")[0] == 1
    assert call(capsys, "test", "--config", "settings.yaml", "table.yaml")[0] == 0
