"""The JSON form of a finding: what `check --json` prints, webhooks post and reports build on."""

from __future__ import annotations

from typing import Any

from spanwarden.model.finding import Evidence, Finding


def as_json(finding: Finding) -> dict[str, Any]:
    """Return the finding as JSON-ready values, keys in the order of the contract.

    `tags` and `code` are there only where set, `mode` only where it is "monitor" or "shadow".
    """
    value: dict[str, Any] = {
        "finding_id": finding.finding_id,
        "rule": finding.rule,
        "severity": finding.severity,
        "title": finding.title,
        "message": finding.message,
        "policy": finding.policy,
        "turn": finding.turn,
        "evidence": [_evidence(item) for item in finding.evidence],
    }
    if finding.tags:
        value["tags"] = list(finding.tags)
    if finding.code is not None:
        value["code"] = finding.code
    if finding.mode != "enforce":
        value["mode"] = finding.mode
    return value


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "event": item.event,
        "role": item.role,
        "span_id": item.span_id,
        "field": item.field,
        "text": item.text,
    }
