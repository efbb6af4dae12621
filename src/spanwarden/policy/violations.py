"""Findings in troy's words."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spanwarden.model.finding import Finding
from spanwarden.policy.expressions.running import running
from spanwarden.policy.policy import Policy
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.troy import TroyRule


class Violation(msgspec.Struct, frozen=True):
    """A rule broken at a step. `severity` is as the policy spells it; `step_id` is None for the run as a whole."""

    rule_id: str
    rule_description: str
    step_id: str | None
    severity: str
    details: str


def violations_of(policy: Policy, view: RunView, findings: Sequence[Finding]) -> tuple[Violation, ...]:
    """Return findings on a run as violations, in the order of the steps, then of the rules; the run's own come last."""
    rules = {rule.id: rule for rule in policy.rules if isinstance(rule, TroyRule)}
    placed = sorted(((_sink(finding), finding) for finding in findings), key=lambda pair: _order(pair[0], view))
    return tuple(_violation(rules.get(finding.rule), finding, place, view) for place, finding in placed)


def _violation(rule: TroyRule | None, finding: Finding, place: int | None, view: RunView) -> Violation:
    step = None if place is None else running(view).step_id(place)
    if rule is None:
        return Violation(finding.rule, finding.title, step, finding.severity, finding.message)
    return Violation(rule.id, rule.description, step, rule.severity_text, finding.message)


def _sink(finding: Finding) -> int | None:
    sinks = [item.event for item in finding.evidence if item.role == "sink"]
    return max(sinks, default=max((item.event for item in finding.evidence), default=None))


def _order(place: int | None, view: RunView) -> int:
    return len(view.events) if place is None else place
