"""troy's rules: read as they are, with that tool's semantics, beside the other two layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanwarden.model.finding import Verdict
from spanwarden.policy.loading import PolicyError, load
from spanwarden.transcripts.troy import read_troy

STEPS: list[dict[str, Any]] = [
    {"step_id": "s1", "type": "tool_call", "description": "read", "metadata": {"c": "pii"}},
    {"step_id": "s2", "type": "llm_call", "description": "think", "input": {"prompt": "x"}},
    {"step_id": "s3", "type": "tool_call", "description": "mail", "input": {"q": "DROP"}, "metadata": {"z": "ext"}},
]


def rule(condition: str, rule_id: str = "r", **more: Any) -> dict[str, Any]:
    return {"rule_id": rule_id, "description": f"rule {rule_id}", "condition": condition, **more}


def policy_file(folder: Path, *rules: dict[str, Any], **top: Any) -> str:
    path = folder / "p.json"
    path.write_text(json.dumps({"policy_id": "mine", "rules": list(rules), **top}))
    return str(path)


def judged(source: str, broken: Any = "refuse") -> Verdict:
    value = {"trace_id": "tr", "agent_name": "a", "steps": STEPS, "metadata": {"env": "prod"}}
    return load(source, broken=broken).evaluate(*read_troy(value, Path("t.json")))


def hits(source: str) -> list[int]:
    return [finding.evidence[0].event for finding in judged(source).findings]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("any_prev(lambda s: get(s,'metadata.c') == 'pii') and get(step,'metadata.z') == 'ext'", [2]),
        ("get(step,'metadata.c') == 'pii' and any_next(lambda s: get(s,'metadata.z') == 'ext')", [0]),
        ("any_step(lambda s: s['description'] == 'mail')", [0, 1, 2]),
        ("step_index == 2", [2]),
        ("[s for s in prev_steps[-1:] if s['type'] != step['type']]", [1, 2]),
        ("next_steps == []", [2]),
        ("prev_steps == [] and steps[0]['step_id'] == 's1'", [0]),
        ("trace['trace_id'] == 'tr' and agent['metadata'] == trace['metadata'] and step_index == 0", [0]),
        ("matches(step['input'], \"'q': 'drop\")", [2]),
        ("matches(get(step, 'input.q', ''), r'^(drop|x)$')", [2]),
        ("'timestamp' in step", []),
        ("prev_steps + [step] + next_steps == steps", [0, 1, 2]),
        ("(n := step_index) and f'{n}' == '2'", [2]),
        ("'text' if step_index else 0", [1, 2]),
        ("len(prev_steps) == 1", [1]),
        ("all(s['type'] == 'tool_call' for s in prev_steps)", [0, 1]),
    ],
)
def test_a_condition_means_what_it_means_in_troy(tmp_path: Path, condition: str, expected: list[int]) -> None:
    assert hits(policy_file(tmp_path, rule(condition))) == expected


def test_a_name_that_a_condition_gives_is_its_own_and_its_events(tmp_path: Path) -> None:
    source = policy_file(
        tmp_path,
        rule("step_index == 0 and (n := 'x') == 'x' or n == 'x'", "first"),
        rule("(n := step_index) == 1 and n == 1", "second"),
    )
    verdict = judged(source)
    assert [(f.rule, f.evidence[0].event) for f in verdict.findings] == [("first", 0), ("second", 1)]
    (error,) = verdict.rule_errors
    assert error.error == "ConditionError: a name that ':=' has not given yet (on 2 of 3 events, first on event 1)"


def test_nothing_is_derived_for_steps_that_carry_their_own_metadata(tmp_path: Path) -> None:
    assert hits(policy_file(tmp_path, rule("get(step, 'metadata.network_zone') is None"))) == [0, 1, 2]


def test_findings_say_what_troys_violations_say_and_weigh_once(tmp_path: Path) -> None:
    verdict = judged(policy_file(tmp_path, rule("True", "w", severity="Weird", weight=30), rule("step_index", "x")))
    assert next(f.message for f in verdict.findings) == "Rule 'rule w' violated at step s1"
    assert {(f.rule, f.severity, f.weight) for f in verdict.findings} == {("w", "medium", 30), ("x", "medium", 10)}
    assert verdict.risk_score == 40
    assert verdict.policy == "mine"


def test_a_weight_of_nothing_adds_nothing(tmp_path: Path) -> None:
    assert judged(policy_file(tmp_path, rule("True", weight=0, severity="critical"))).risk_score == 0


def test_a_condition_that_fails_is_no_match_and_not_silent(tmp_path: Path) -> None:
    verdict = judged(policy_file(tmp_path, rule("get(step, 'input.q', 0) + 1 == 1")))
    assert [f.evidence[0].event for f in verdict.findings] == [0, 1]
    (error,) = verdict.rule_errors
    assert "on 1 of 3 events, first on event 2" in error.error


def test_a_condition_that_cannot_be_used_is_refused_or_kept_as_an_error(tmp_path: Path) -> None:
    source = policy_file(tmp_path, rule("step.__class__", "bad"), rule("step_index == 0", "good"))
    with pytest.raises(PolicyError, match="'__class__' is not part of conditions"):
        load(source)
    verdict = judged(source, "keep")
    assert [f.rule for f in verdict.findings] == ["good"]
    assert [e.rule for e in verdict.rule_errors] == ["bad"]


def test_three_layers_stand_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "mixed.yaml"
    path.write_text(
        "forbidden_tools: [mail]\n"
        "lists: {readers: [read]}\n"
        "rules:\n"
        "- {rule_id: theirs, description: D, condition: \"step['description'] == 'read'\"}\n"
        '- {id: ours, when: "tool in readers", message: "{event.tool} again"}\n'
    )
    verdict = judged(str(path))
    assert [(f.rule, f.evidence[0].event) for f in verdict.findings] == [
        ("tool-forbidden", 2),
        ("theirs", 0),
        ("ours", 0),
    ]
    assert verdict.findings[2].message == "read again"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weigth": 3}, "unknown key (did you mean weight?)"),
        ({"weight": -1}, "expected a whole number from 0"),
        ({"weight": "a"}, "expected a number"),
        ({"description": 3}, "expected text"),
        ({"condition": 3}, "expected text"),
        ({"rule_id": ""}, "must not be empty"),
    ],
)
def test_a_rule_that_is_not_one_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(policy_file(tmp_path, {**rule("True"), **change}))
    assert said in str(caught.value)


def test_a_rule_without_a_condition_and_an_id_used_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="needs 'condition'"):
        load(policy_file(tmp_path, {"rule_id": "r", "description": "d"}))
    with pytest.raises(PolicyError, match="'r' is the id of an earlier rule"):
        load(policy_file(tmp_path, rule("True"), rule("False")))
