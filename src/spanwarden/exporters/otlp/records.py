"""Findings as OTLP log records: the GenAI event `gen_ai.evaluation.result`."""

from __future__ import annotations

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from spanwarden.exporters.base import Notice
from spanwarden.exporters.otlp import correlation
from spanwarden.exporters.otlp.attributes import (
    any_value,
    finding_attributes,
    key_values,
    run_attributes,
    subject_attributes,
)
from spanwarden.exporters.plain_text import one_line
from spanwarden.model.finding import Finding, Severity

EVENT_NAME = "gen_ai.evaluation.result"

_SEVERITIES: dict[Severity, tuple[SeverityNumber.ValueType, str]] = {
    "info": (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
    "low": (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
    "medium": (SeverityNumber.SEVERITY_NUMBER_WARN, "WARN"),
    "high": (SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"),
    "critical": (SeverityNumber.SEVERITY_NUMBER_FATAL, "FATAL"),
}
_LAST = 2**64 - 1


def log_record(notice: Notice, finding: Finding) -> LogRecord:
    """Return the record of one finding, in the context of the offending span or, without one, of the run's root."""
    evidence = correlation.offending(finding)
    known = correlation.subjects(notice)
    subject = known.get(evidence.event) if evidence is not None else None
    context = correlation.context_of(known, evidence) if evidence is not None else correlation.SpanContext()
    if not context.span_id:
        root = correlation.root_of(notice)
        # A root in another trace would be the wrong context for a record whose trace is known.
        context = root if not context.trace_id or context.trace_id == root.trace_id else context
    number, text = _SEVERITIES[finding.severity]
    attributes = {**run_attributes(notice), **finding_attributes(notice, finding), **subject_attributes(subject)}
    return LogRecord(
        time_unix_nano=nanoseconds((subject.end if subject else 0) or notice.run.end or notice.observed),
        observed_time_unix_nano=nanoseconds(notice.observed),
        severity_number=number,
        severity_text=text,
        event_name=EVENT_NAME,
        body=any_value(one_line(finding.title or finding.message)),
        attributes=key_values(attributes),
        trace_id=context.trace_id,
        span_id=context.span_id,
    )


def nanoseconds(time: int) -> int:
    """Return a time that fits the field."""
    return max(0, min(time, _LAST))
