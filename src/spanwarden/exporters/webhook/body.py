"""The JSON that a webhook receives for one finding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from spanwarden.exporters.base import Notice, RunSummary
from spanwarden.model.finding import Finding
from spanwarden.model.finding_json import as_json

_LAST = 253_402_300_799 * 10**9  # the end of the year 9999


def encode(notice: Notice, finding: Finding) -> bytes:
    """Return the body for a finding of this notice. The same notice always gives the same bytes."""
    value = {
        "type": "spanwarden.finding",
        "timestamp": rfc3339(notice.observed),
        "delivery_id": finding.delivery_id,
        "revision": notice.finding_revision,
        "status": notice.status,
        "policy_version": notice.policy_version,
        "risk_score": notice.risk_score,
        "run": _run(notice.run),
        "finding": as_json(finding),
    }
    return msgspec.json.encode(_clean(value))


def rfc3339(nanoseconds: int) -> str | None:
    """Return a time in ns since the epoch as UTC with milliseconds; None where it is unknown or beyond year 9999."""
    if not 0 < nanoseconds <= _LAST:
        return None
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 10**6:03d}Z"


def _run(run: RunSummary) -> dict[str, Any]:
    return {
        "id": run.id,
        "conversation": run.conversation,
        "agent": run.agent,
        "service": run.service,
        "trace_ids": list(run.trace_ids),
        "completeness": run.completeness,
        "cost_usd": run.cost_usd,
        "cost_source": run.cost_source,
        "runtime_seconds": run.runtime_seconds,
        "start": rfc3339(run.start),
        "end": rfc3339(run.end),
        "event_count": run.event_count,
        "dialects": list(run.dialects),
    }


def _clean(value: Any) -> Any:
    """Return the value with half surrogate pairs, which JSON text cannot carry, replaced."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return value
