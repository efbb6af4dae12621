"""One action held against a policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanwarden.guard.decision import MODES, decide
from spanwarden.policy.loading import load
from spanwarden.policy.policy import Policy

RULES = [
    {"rule_id": "shell", "description": "No shell.", "condition": "step['description'] == 'bash'", "weight": 40},
    {"rule_id": "sql", "description": "No SQL.", "condition": "'drop' in get(step, 'input.query', '').lower()"},
    {"rule_id": "root", "description": "No root.", "condition": "get(agent, 'metadata.role') == 'root'"},
    {"rule_id": "later", "description": "Never.", "condition": "any_next(lambda s: True) or 'trace_id' in trace"},
]


def policy(folder: Path, *rules: dict[str, Any], **top: Any) -> Policy:
    path = folder / "p.json"
    path.write_text(json.dumps({"rules": list(rules) or RULES, **top}))
    return load(str(path), broken="keep")


def test_an_action_that_breaks_no_rule_is_allowed(tmp_path: Path) -> None:
    decision = decide(policy(tmp_path), "search", arguments={"query": "weather"})
    assert (decision.allowed, decision.risk_score, decision.violations) == (True, 0, ())


@pytest.mark.parametrize("mode", MODES)
def test_an_action_that_breaks_a_rule_is_blocked_in_mode_enforce_only(tmp_path: Path, mode: Any) -> None:
    decision = decide(policy(tmp_path), "bash", agent_metadata={"role": "root"}, mode=mode)
    assert decision.allowed is (mode != "enforce")
    assert decision.risk_score == 50
    assert [(v.rule_id, v.step_id) for v in decision.violations] == [("shell", "step-0"), ("root", "step-0")]
    assert decision.violations[0].details == "Rule 'No shell.' violated at step step-0"


def test_what_cannot_be_judged_is_blocked(tmp_path: Path) -> None:
    decision = decide(policy(tmp_path), "search", arguments={"query": 5})
    assert not decision.allowed
    assert [error.rule for error in decision.rule_errors] == ["sql"]
    assert not decide(policy(tmp_path, {**RULES[0], "condition": "not python"}), "search").allowed


def test_native_rules_and_forbidden_tools_count_as_well(tmp_path: Path) -> None:
    rules = [{"id": "ours", "title": "Ours", "severity": "high", "when": "'egress' in effects.kinds"}]
    found = policy(tmp_path, *rules, forbidden_tools=["rm"], limits={"max_cost_usd": 1})
    assert decide(found, "read_file", arguments={"path": "a"}).allowed
    assert [v.rule_id for v in decide(found, "http_post", arguments={"url": "https://x.example"}).violations] == [
        "ours"
    ]
    assert [v.rule_id for v in decide(found, "rm").violations] == ["tool-forbidden"]


def test_rules_in_mode_monitor_block_nothing(tmp_path: Path) -> None:
    rules = [{"id": "ours", "title": "Ours", "severity": "high", "mode": "monitor", "when": "tool == 'bash'"}]
    decision = decide(policy(tmp_path, *rules), "bash")
    assert decision.allowed
    assert decision.risk_score == 0
    assert len(decision.violations) == 1
