"""`spanwarden check` from arguments to exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanwarden.cli.main import main

Run = Callable[..., tuple[int, str, str]]
BAD = {"id": "bad", "agent": "Bot", "events": [{"type": "webfetch"}, {"type": "shell", "command": "ls\u001b[2J"}]}
GOOD = {"id": "good", "agent": "Bot", "events": [{"type": "file_read", "path": "a"}]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text("forbidden_flows: [WebFetch->Shell]\nlimits: {max_cost_usd: 1}\n")
    Path("flow.yaml").write_text("forbidden_flows: [WebFetch->Shell]\n")
    Path("bad.json").write_text(json.dumps(BAD))
    Path("good.json").write_text(json.dumps(GOOD))
    Path("folder").mkdir()
    for name, trace in {"2.json": GOOD, "1.json": BAD}.items():
        (Path("folder") / name).write_text(json.dumps(trace))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def objects(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_flow_that_can_never_match_is_told_and_passed_over(run: Run) -> None:
    Path("arrow.yaml").write_text("forbidden_flows: ['WebFetch=>Shell']\n")
    code, out, err = run("check", "--json", "bad.json", "arrow.yaml")
    assert (code, json.loads(out)["findings"]) == (0, [])
    told = "forbidden_flows[0]: 'WebFetch=>Shell' can never match: write it as \"WebFetch->Shell\"; passed over"
    assert err == f"spanwarden: arrow.yaml:1: {told}\n"
    assert run("lint", "arrow.yaml")[0] == 2


def test_one_trace_is_one_object(run: Run) -> None:
    code, out, _ = run("check", "--json", "bad.json", "flow.yaml")
    found = json.loads(out)
    assert (code, found["run"], found["agent"], found["source"], found["risk_score"]) == (
        1,
        "bad",
        "Bot",
        "bad.json",
        40,
    )
    (finding,) = found["findings"]
    assert (finding["rule"], finding["code"], finding["severity"]) == ("flow-forbidden", "FORBIDDEN_FLOW", "high")
    assert (finding["turn"], finding["policy"]) == (2, "flow")
    assert [(e["event"], e["role"]) for e in finding["evidence"]] == [(0, "source"), (1, "sink")]
    assert (found["not_evaluable"], found["rule_errors"]) == ([], [])


def test_exit_codes_follow_the_severity_asked_for(run: Run) -> None:
    assert run("check", "good.json", "flow.yaml")[0] == 0
    assert run("check", "good.json", "p.yaml")[0] == 1
    assert run("check", "--fail-on", "high", "good.json", "p.yaml")[0] == 0
    assert run("check", "--fail-on", "high", "bad.json", "p.yaml")[0] == 1
    assert run("check", "--fail-on", "critical", "bad.json", "p.yaml")[0] == 0


def test_what_is_only_monitored_fails_no_check(run: Run) -> None:
    Path("watch.yaml").write_text("extends: flow.yaml\noverrides: {flow-forbidden: {mode: monitor}}\n")
    code, out, _ = run("check", "--json", "bad.json", "watch.yaml")
    found = json.loads(out)
    assert (code, found["risk_score"]) == (0, 0)
    assert [finding["mode"] for finding in found["findings"]] == ["monitor"]
    first, second, *_ = run("check", "bad.json", "watch.yaml")[1].splitlines()
    assert first.startswith("PASS  Bot/bad")
    assert second.startswith("  HIGH     flow-forbidden at turn 2 (monitor): ")


def test_traces_of_one_check_are_known_to_each_other(run: Run) -> None:
    Path("seen.yaml").write_text("rules: [{id: r, aggregate: {op: count, over: 1h, gt: 1}}]\n")
    for name, start in {"1.json": 10, "2.json": 20}.items():
        event = {"type": "tool_call", "tool": "get", "start": start * 10**9}
        Path(name).write_text(json.dumps({"id": name, "events": [event]}))
    code, out, _ = run("check", "--json", "1.json", "2.json", "seen.yaml")
    assert (code, [len(found["findings"]) for found in objects(out)]) == (1, [0, 1])


def test_several_traces_and_folders_are_one_object_a_line(run: Run) -> None:
    code, out, _ = run("check", "--json", "folder", "flow.yaml")
    assert code == 1
    assert [(o["source"], len(o["findings"])) for o in objects(out)] == [("folder/1.json", 1), ("folder/2.json", 0)]
    code, out, _ = run("check", "--json", "good.json", "bad.json", "flow.yaml")
    assert [o["source"] for o in objects(out)] == ["good.json", "bad.json"]


def test_text_shows_verdict_findings_and_evidence_without_control_characters(run: Run) -> None:
    code, out, _ = run("guard", "bad.json", "p.yaml")
    assert code == 1
    assert out.startswith("FAIL  Bot/bad  (bad.json, policy p)\n")
    assert "MEDIUM   cost-unknown: " in out
    assert "HIGH     flow-forbidden at turn 2: WebFetch -> Shell is forbidden" in out
    assert "sink   event 1 shell" in out
    assert "\u001b" not in out
    assert run("policy", "good.json", "flow.yaml")[1] == "PASS  Bot/good  (good.json, policy flow)\n"


def test_an_unreadable_trace_is_named_and_the_others_are_judged(run: Run) -> None:
    (Path("folder") / "0.json").write_text("{")
    code, out, err = run("check", "--json", "folder", "flow.yaml")
    assert code == 2
    assert [o["run"] for o in objects(out)] == ["bad", "good"]
    assert err.startswith("spanwarden: folder/0.json: not JSON")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("check", "good.json"), "needs at least one TRACE and a POLICY"),
        (("check",), "Missing argument"),
        (("check", "none.json", "p.yaml"), "spanwarden: none.json: No such file or directory"),
        (("check", "good.json", "none.yaml"), "spanwarden: none.yaml: No such file or directory"),
        (("check", "good.json", "typo.yaml"), "typo.yaml:2: alow_network: unknown key (did you mean allow_network?)"),
        (("check", "--format", "otel", "good.json", "p.yaml"), "'otel' is not one of"),
        (("check", "--fail-on", "worst", "good.json", "p.yaml"), "'worst' is not one of"),
        (("check", "empty", "p.yaml"), "empty: no trace"),
    ],
)
def test_bad_usage_and_input_are_one_line_and_exit_2(run: Run, arguments: tuple[str, ...], expected: str) -> None:
    Path("typo.yaml").write_text("# a policy\nalow_network: false\n")
    Path("empty").mkdir()
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1


def test_a_rule_that_fails_is_no_pass(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from spanwarden.policy.rules.category_flows import ForbiddenFlows

    def broken(*_: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(ForbiddenFlows, "evaluate", broken)
    code, out, err = run("check", "--json", "good.json", "flow.yaml")
    assert code == 2
    assert json.loads(out)["rule_errors"] == [{"rule": "flow-forbidden", "error": "RuntimeError: out of luck"}]
    assert "run good: rule flow-forbidden: RuntimeError: out of luck" in err
