"""What was found: one rule, broken once, with the evidence."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
Mode = Literal["enforce", "monitor"]
Mark = Literal[Mode, "shadow"]
Role = Literal["sink", "source", "cause"]


def severity_at_least(severity: Severity, floor: Severity) -> bool:
    """Tell whether `severity` is `floor` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(floor)


class Evidence(msgspec.Struct, frozen=True):
    """One event that a finding rests on.

    event: position (from 0) in the run's events. role: "sink" is where it became harm, "source" where it came from,
    "cause" anything else the rule counted. field: which part of the event ("arguments.recipient", "result").
    text: the matched words, cut to a short excerpt; secrets are masked by the detector that found them.
    call_id: the id of a tool call that no span tells of, or told of when it was first found; it names the event then.
    """

    event: int
    role: Role = "cause"
    span_id: str | None = None
    trace_id: str | None = None
    field: str | None = None
    text: str | None = None
    call_id: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """One rule, broken once.

    `finding_id` stays the same when a late span revises the finding; `delivery_id` is repeated by a replay and changed
    by a revision. `code` is tracegate's spelling of the rule where the rule came from one of its keys. `subject` tells
    apart several findings of one rule on one event (a path, a pattern, a flow). `mode` is "monitor" where the policy
    only watches: such a finding adds nothing to the risk score and should wake nobody; "shadow" where the whole policy
    is only tried. Findings with the same `dedup_key` are one for `dedup_for` seconds; "" where the rule says nothing of
    it.
    """

    rule: str
    severity: Severity
    title: str
    message: str
    policy: str
    evidence: tuple[Evidence, ...] = ()
    turn: int | None = None
    code: str | None = None
    subject: str = ""
    tags: tuple[str, ...] = ()
    weight: int = 0
    policy_version: str = ""
    finding_id: str = ""
    delivery_id: str = ""
    mode: Mark = "enforce"
    dedup_key: str = ""
    dedup_for: float = 0.0


def identified(finding: Finding, run_key: str) -> Finding:
    """Return the finding with its two ids filled in.

    finding_id = hash(policy, rule, run key, first sink, else first source, subject); a finding without either (a limit,
    a count) is one per run and subject. delivery_id = hash(finding_id, policy version, all evidence). Evidence is named
    by its call id where it has one, else by span id, else by event position.
    """
    sinks = [e for e in finding.evidence if e.role == "sink"] or [e for e in finding.evidence if e.role == "source"]
    anchor = _name(min(sinks, key=lambda e: e.event)) if sinks else "run"
    finding_id = _digest(finding.policy, finding.rule, run_key, anchor, finding.subject)
    delivery_id = _digest(finding_id, finding.policy_version, *sorted(map(_name, finding.evidence)))
    return msgspec.structs.replace(finding, finding_id=finding_id, delivery_id=delivery_id)


def _name(evidence: Evidence) -> str:
    return evidence.call_id or evidence.span_id or f"event-{evidence.event}"


def _digest(*parts: str) -> str:
    joined = "\x1f".join(parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class NotEvaluable(msgspec.Struct, frozen=True):
    """A rule that could not be judged on a run, and what it needed that the telemetry did not carry."""

    rule: str
    needs: tuple[str, ...]


class RuleError(msgspec.Struct, frozen=True):
    """A rule that failed while it was evaluated."""

    rule: str
    error: str


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of one policy on one run. `seconds` is what each rule took, where a clock was given."""

    policy: str
    policy_version: str
    findings: tuple[Finding, ...] = ()
    not_evaluable: tuple[NotEvaluable, ...] = ()
    rule_errors: tuple[RuleError, ...] = ()
    risk_score: int = 0
    seconds: tuple[tuple[str, float], ...] = ()
