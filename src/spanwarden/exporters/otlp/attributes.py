"""OTLP attributes from Python values, and the ones that log records and spans share.

Names follow the OpenTelemetry GenAI and `security_rule` conventions where these have one; all others start with
`spanwarden.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanwarden.exporters.base import Notice, RunSummary, Subject
from spanwarden.model.finding import Evidence, Finding

Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value | None] | None"

MAX_TEXT = 4096
MAX_ITEMS = 128
_LAST = 2**63 - 1


def key_values(attributes: Mapping[str, Value]) -> list[KeyValue]:
    """Return the attributes that have a value; empty text, empty lists and None count as none."""
    present = ((key, value) for key, value in attributes.items() if value is not None and value not in ("", (), []))
    return [KeyValue(key=key, value=any_value(value)) for key, value in present]


def any_value(value: Value) -> AnyValue:
    """Return a value as AnyValue; text is cut at MAX_TEXT characters and lists at MAX_ITEMS."""
    if value is None:
        return AnyValue()
    if isinstance(value, str):
        return AnyValue(string_value=clean(value))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=max(-_LAST, min(value, _LAST)))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value[:MAX_ITEMS]]))


def clean(text: str) -> str:
    """Return text that protobuf takes: half surrogate pairs become question marks, the rest beyond MAX_TEXT goes."""
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def finding_attributes(notice: Notice, finding: Finding) -> dict[str, Value]:
    """Return what the evaluation and `security_rule` conventions, and we, say of a finding."""
    return {
        "gen_ai.evaluation.name": finding.rule,
        "gen_ai.evaluation.score.value": 0.0,  # the evaluation asks whether the run kept the rule: it did not
        "gen_ai.evaluation.score.label": "fail",
        "gen_ai.evaluation.explanation": finding.message,
        "security_rule.name": finding.rule,
        "security_rule.description": finding.title,
        "security_rule.ruleset.name": finding.policy,
        "spanwarden.finding.id": finding.finding_id,
        "spanwarden.finding.delivery_id": finding.delivery_id,
        "spanwarden.finding.severity": finding.severity,
        "spanwarden.finding.action": "alert",
        "spanwarden.finding.status": notice.status,
        "spanwarden.finding.mode": finding.mode if finding.mode != "enforce" else None,
        "spanwarden.finding.weight": finding.weight,
        "spanwarden.finding.code": finding.code,
        "spanwarden.finding.turn": finding.turn,
        "spanwarden.finding.tags": finding.tags,
        "spanwarden.finding.evidence.span_ids": distinct(item.span_id for item in finding.evidence),
        "spanwarden.finding.evidence.items": [_evidence(item) for item in finding.evidence[:MAX_ITEMS]],
    }


def run_attributes(notice: Notice) -> dict[str, Value]:
    """Return what is known of the run, its sender and the policy."""
    run: RunSummary = notice.run
    return {
        "gen_ai.conversation.id": run.conversation,
        "gen_ai.agent.name": run.agent,
        "spanwarden.run.id": run.id,
        "spanwarden.run.revision": notice.revision,
        "spanwarden.run.completeness": run.completeness,
        "spanwarden.run.risk_score": notice.risk_score,
        "spanwarden.run.cost_usd": run.cost_usd,
        "spanwarden.run.cost_source": run.cost_source,
        "spanwarden.run.runtime_seconds": run.runtime_seconds,
        "spanwarden.run.event_count": run.event_count,
        "spanwarden.run.dialects": run.dialects,
        "spanwarden.policy.name": notice.policy,
        "spanwarden.policy.version": notice.policy_version,
        "spanwarden.subject.service.name": run.service,
    }


def subject_attributes(subject: Subject | None) -> dict[str, Value]:
    """Return copies of the offending event's own attributes, for receivers that do not join."""
    if subject is None:
        return {}
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": subject.operation,
        "gen_ai.tool.name": subject.tool,
        "gen_ai.tool.call.id": subject.call_id,
        "gen_ai.request.model": subject.model,
    }
    if subject.agent:
        attributes["gen_ai.agent.name"] = subject.agent
    return attributes


def distinct(items: Iterable[str | None]) -> list[str]:
    """Return the non-empty items in order of first appearance, at most MAX_ITEMS."""
    return list(dict.fromkeys(item for item in items if item))[:MAX_ITEMS]


def _evidence(item: Evidence) -> dict[str, Value]:
    return {
        "event": item.event,
        "role": item.role,
        "span_id": item.span_id,
        "field": item.field,
        "text": item.text,
    }
