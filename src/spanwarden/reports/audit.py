"""A run held against a policy as a report for people and for programs, in the form that troy writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from spanwarden.exporters.plain_text import one_line
from spanwarden.model.finding import Verdict
from spanwarden.policy.expressions.running import running
from spanwarden.policy.policy import Policy
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.violations import Violation, violations_of

_STEP_EXTRAS = ("timestamp", "parent_step_id")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")


class Audit(msgspec.Struct, frozen=True):
    """What an audit found: the trace in troy's form, the violations, and what could not be judged."""

    trace: dict[str, Any]
    violations: tuple[Violation, ...]
    risk_score: int
    rule_errors: tuple[dict[str, str], ...] = ()
    not_evaluable: tuple[dict[str, Any], ...] = ()
    explanations: tuple[Any, ...] = ()
    summary: None = None


def audit_of(policy: Policy, view: RunView, verdict: Verdict) -> Audit:
    """Return the audit of a run from the verdict on it."""
    return Audit(
        trace=_trace(view),
        violations=violations_of(policy, view, verdict.findings),
        risk_score=verdict.risk_score,
        rule_errors=tuple({"rule": item.rule, "error": item.error} for item in verdict.rule_errors),
        not_evaluable=tuple({"rule": item.rule, "needs": list(item.needs)} for item in verdict.not_evaluable),
    )


def _trace(view: RunView) -> dict[str, Any]:
    run = running(view)
    return {
        "trace_id": view.run.id,
        "agent_name": view.run.agent,
        "steps": [{**run.step(index), **_extras(view, index)} for index in range(len(view.events))],
        "metadata": view.run.metadata or {},
    }


def _extras(view: RunView, index: int) -> dict[str, Any]:
    raw = view.content(index).raw
    event = view.events[index]
    if isinstance(raw, dict) and "step_id" in raw:
        return {key: raw.get(key) for key in _STEP_EXTRAS}
    return {"timestamp": None, "parent_step_id": event.parent_id.hex() or None}


def audit_markdown(audit: Audit) -> Iterator[str]:
    """Yield the lines of the report. Whatever comes from the trace or the policy is escaped."""
    yield f"# Audit report: {escaped(audit.trace['agent_name'] or 'unknown agent')}"
    yield ""
    yield f"- **Trace:** {escaped(audit.trace['trace_id'])}"
    yield f"- **Risk score:** {audit.risk_score} of 100"
    yield f"- **Steps:** {len(audit.trace['steps'])}"
    yield f"- **Violations:** {len(audit.violations)}"
    yield ""
    yield "## Policy violations"
    yield ""
    if not audit.violations:
        yield "No policy violations."
    for violation in audit.violations:
        yield f"### [{escaped(violation.severity.upper())}] {escaped(violation.rule_description)}"
        yield ""
        yield f"- **Rule:** {escaped(violation.rule_id)}"
        yield f"- **Step:** {escaped(violation.step_id or 'the whole run')}"
        yield f"- **Details:** {escaped(violation.details)}"
        yield ""
    yield from _unjudged(audit)


def _unjudged(audit: Audit) -> Iterator[str]:
    if not audit.rule_errors and not audit.not_evaluable:
        return
    yield ""
    yield "## Not judged"
    yield ""
    for error in audit.rule_errors:
        yield f"- {escaped(error['rule'])}: {escaped(error['error'])}"
    for lacking in audit.not_evaluable:
        yield f"- {escaped(lacking['rule'])}: the trace carries no {escaped(', '.join(lacking['needs']))}"


def batch_markdown(rows: Sequence[tuple[str, Audit]], skipped: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of the overview of several audits, each with the name of its file."""
    yield "# Audit summary"
    yield ""
    yield f"- **Traces audited:** {len(rows)}"
    yield f"- **Traces skipped:** {len(skipped)}"
    yield ""
    yield "| Trace | Agent | Steps | Violations | Risk score |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for name, audit in rows:
        agent = escaped(audit.trace["agent_name"] or "")
        counts = f"{len(audit.trace['steps'])} | {len(audit.violations)} | {audit.risk_score}"
        yield f"| {escaped(name)} | {agent} | {counts} |"
    if skipped:
        yield ""
        yield "## Skipped files"
        yield ""
        for name, reason in skipped:
            yield f"- {escaped(name)}: {escaped(reason)}"


def escaped(text: Any) -> str:
    """Return text for Markdown: on one line, cut, with nothing in it that Markdown or HTML would take for its own."""
    return _SPECIAL.sub(r"\\\1", one_line(str(text)))
