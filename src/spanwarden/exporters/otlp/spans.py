"""Evaluated runs as OTLP spans, beside the spans of the run itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanwarden.exporters.base import Notice
from spanwarden.exporters.otlp import correlation
from spanwarden.exporters.otlp.attributes import Value, clean, distinct, finding_attributes, key_values, run_attributes
from spanwarden.exporters.otlp.records import EVENT_NAME, nanoseconds
from spanwarden.model.finding import SEVERITIES, Finding

MAX_EVENTS = 128
MAX_LINKS = 128


def evaluation_span(notice: Notice) -> Span:
    """Return the span of one evaluation: a moment at the time of the verdict, child of the run's root span.

    A run without a trace, or spread over several, gets a trace of its own whose id follows from the run id. The ids
    follow from run, policy version and revision, so a repeated delivery repeats them. Findings are span events and
    their evidence links, the worst findings first, at most MAX_EVENTS and MAX_LINKS; the rest is counted as dropped.
    """
    root = correlation.root_of(notice)
    identity = (notice.run.id, notice.policy, notice.policy_version, str(notice.revision))
    time = nanoseconds(notice.observed)
    span = Span(
        trace_id=root.trace_id or correlation.made_up(16, notice.run.id),
        span_id=correlation.made_up(8, *identity),
        parent_span_id=root.span_id,
        name=f"evaluate_policy {clean(notice.policy)}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=time,
        end_time_unix_nano=time,
        attributes=key_values({**run_attributes(notice), **_attributes(notice)}),
    )
    if notice.rule_errors:
        count = len(notice.rule_errors)
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = f"{count} {'rule' if count == 1 else 'rules'} could not be evaluated"
    worst_first = sorted(notice.findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    _add_events(span, notice, worst_first)
    _add_links(span, notice, worst_first)
    return span


def _attributes(notice: Notice) -> dict[str, Value]:
    counts = Counter(finding.severity for finding in notice.findings)
    undecided = bool(notice.not_evaluable or notice.rule_errors)
    passed = "not_evaluable" if undecided else "pass"
    return {
        "openinference.span.kind": "GUARDRAIL",
        "security_rule.ruleset.name": notice.policy,
        "gen_ai.evaluation.score.label": "fail" if notice.findings else passed,
        "error.type": "rule_error" if notice.rule_errors else None,
        "spanwarden.findings.total": len(notice.findings),
        **{f"spanwarden.findings.{severity}": counts[severity] for severity in SEVERITIES},
        "spanwarden.policy.not_evaluable": distinct(item.rule for item in notice.not_evaluable),
        "spanwarden.policy.rule_errors": distinct(item.rule for item in notice.rule_errors),
    }


def _add_events(span: Span, notice: Notice, findings: Sequence[Finding]) -> None:
    for finding in findings[:MAX_EVENTS]:
        span.events.add(
            time_unix_nano=nanoseconds(notice.observed),
            name=EVENT_NAME,
            attributes=key_values(finding_attributes(notice, finding)),
        )
    span.dropped_events_count = max(0, len(findings) - MAX_EVENTS)


def _add_links(span: Span, notice: Notice, findings: Sequence[Finding]) -> None:
    known = correlation.subjects(notice)
    links = dict.fromkeys(
        (correlation.context_of(known, item), item.role) for finding in findings for item in finding.evidence
    )
    complete = [(context, role) for context, role in links if context.span_id]
    for context, role in complete[:MAX_LINKS]:
        span.links.add(
            trace_id=context.trace_id,
            span_id=context.span_id,
            attributes=key_values({"spanwarden.evidence.role": role}),
        )
    span.dropped_links_count = max(0, len(complete) - MAX_LINKS)
