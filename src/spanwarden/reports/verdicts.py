"""A run and the verdict on it, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spanwarden.exporters.plain_text import one_line
from spanwarden.model.finding import Evidence, Finding, Verdict
from spanwarden.model.finding_json import as_json
from spanwarden.model.run import Run

_SHOWN_EVIDENCE = 6


def verdict_json(run: Run, verdict: Verdict, source: str) -> dict[str, Any]:
    """Return the object that `check --json` prints for a run; `source` is where the run was read from."""
    return {
        "run": run.id,
        "agent": run.agent,
        "source": source,
        "risk_score": verdict.risk_score,
        "findings": [as_json(finding) for finding in verdict.findings],
        "not_evaluable": [{"rule": item.rule, "needs": list(item.needs)} for item in verdict.not_evaluable],
        "rule_errors": [{"rule": item.rule, "error": item.error} for item in verdict.rule_errors],
    }


def verdict_text(run: Run, verdict: Verdict, source: str) -> Iterator[str]:
    """Yield the lines that `check` prints for a run: PASS or FAIL, then each finding with its evidence.

    Findings that are not enforced are marked, and fail nothing.
    """
    word = "FAIL" if any(finding.mode == "enforce" for finding in verdict.findings) else "PASS"
    who = f"{one_line(run.agent or 'agent', 60)}/{one_line(run.id, 80)}"
    yield f"{word}  {who}  ({one_line(source, 200)}, policy {one_line(verdict.policy, 80)})"
    for finding in verdict.findings:
        rule = (
            one_line(finding.rule, 100) + _turn(finding) + ("" if finding.mode == "enforce" else f" ({finding.mode})")
        )
        yield f"  {finding.severity.upper():<8} {rule}: {one_line(finding.message)}"
        for item in finding.evidence[:_SHOWN_EVIDENCE]:
            yield f"           {evidence_text(run, item)}"
        if len(finding.evidence) > _SHOWN_EVIDENCE:
            yield f"           and {len(finding.evidence) - _SHOWN_EVIDENCE} more events"
    for lacking in verdict.not_evaluable:
        yield f"  NOT EVALUABLE {one_line(lacking.rule, 100)}: the trace carries no {', '.join(lacking.needs)}"
    for error in verdict.rule_errors:
        yield f"  RULE ERROR {one_line(error.rule, 100)}: {one_line(error.error)}"
    if verdict.findings:
        yield f"  risk score {verdict.risk_score}"


def evidence_text(run: Run, item: Evidence) -> str:
    """Return one line for a piece of evidence: its role, the event, what was matched."""
    event = run.events[item.event] if 0 <= item.event < len(run.events) else None
    what = event.tool or (event.written.type if event.written else event.kind) if event is not None else "?"
    parts = [f"{item.role:<6} event {item.event} {one_line(what, 80)}"]
    if item.field:
        parts.append(one_line(item.field, 80))
    if item.text:
        parts.append(one_line(item.text, 160))
    if item.span_id:
        parts.append(f"span {item.span_id}")
    return "  ".join(parts)


def _turn(finding: Finding) -> str:
    return f" at turn {finding.turn}" if finding.turn is not None else ""
