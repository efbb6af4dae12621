"""One action held against a policy before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from spanwarden.model.finding import Finding, NotEvaluable, RuleError
from spanwarden.policy.policy import Policy
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.violations import Violation, violations_of
from spanwarden.transcripts.entries import Header, run_of
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables
from spanwarden.transcripts.troy import StepType, entry_of

GuardMode = Literal["enforce", "monitor", "dry-run"]
MODES: tuple[GuardMode, ...] = get_args(GuardMode)
_NOT_YET = frozenset(["cost-unknown", "runtime-unknown"])
"""Findings about what an action that is yet to be done cannot have."""
_EMPTY: Mapping[str, Any] = {}


class Decision(msgspec.Struct, frozen=True):
    """Whether an action may be done, and why not.

    In mode enforce it is not allowed if it breaks a rule, or if a rule could not be worked out on it; in the other
    modes it always is. Findings of rules in mode monitor are listed and block nothing.
    """

    allowed: bool
    step_id: str
    risk_score: int
    mode: GuardMode
    violations: tuple[Violation, ...] = ()
    rule_errors: tuple[RuleError, ...] = ()
    not_evaluable: tuple[NotEvaluable, ...] = ()


def decide(
    policy: Policy,
    action: str,
    *,
    arguments: Mapping[str, Any] = _EMPTY,
    metadata: Mapping[str, Any] = _EMPTY,
    agent_name: str = "agent",
    agent_metadata: Mapping[str, Any] = _EMPTY,
    step_type: StepType = "tool_call",
    mode: GuardMode = "enforce",
    tables: Tables = DEFAULT_TABLES,
) -> Decision:
    """Return what a policy says to one action, the first of its run.

    action: the tool's name. metadata: what the caller knows of it; troy's conditions read nothing else. agent_metadata:
    what is known of the agent and its run.
    """
    step = {
        "step_id": "step-0",
        "type": step_type,
        "description": action,
        "input": dict(arguments),
        "output": {},
        "metadata": dict(metadata),
    }
    run, contents = run_of(Header("", agent_name), [entry_of(step, 1)], tables)
    run = msgspec.structs.replace(run, metadata=dict(agent_metadata))
    verdict = policy.evaluate(run, contents, table=tables.metadata)
    findings = [finding for finding in verdict.findings if finding.rule not in _NOT_YET]
    blocked = any(finding.mode == "enforce" for finding in findings) or bool(verdict.rule_errors)
    return Decision(
        allowed=mode != "enforce" or not blocked,
        step_id=str(step["step_id"]),
        risk_score=_score(findings),
        mode=mode,
        violations=violations_of(policy, RunView(run, contents), findings),
        rule_errors=verdict.rule_errors,
        not_evaluable=verdict.not_evaluable,
    )


def _score(findings: Sequence[Finding]) -> int:
    weights = {finding.rule: finding.weight for finding in findings if finding.mode == "enforce"}
    return min(100, sum(weights.values()))
