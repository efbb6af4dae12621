"""One line of styled text for a finding or an evaluated run."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from spanwarden.exporters.base import Notice, RunSummary
from spanwarden.exporters.plain_text import one_line
from spanwarden.model.finding import SEVERITIES, Evidence, Finding, Severity

_STYLES: dict[Severity, str] = {
    "info": "cyan",
    "low": "green",
    "medium": "yellow",
    "high": "bold red",
    "critical": "bold white on red",
}
_SHOWN_EVIDENCE = 3


def finding_line(notice: Notice, finding: Finding) -> Text:
    """Return severity, rule, agent and run, what happened, and the first pieces of evidence."""
    line = Text()
    line.append(finding.severity.upper().ljust(8), _STYLES[finding.severity])
    line.append(" ")
    line.append(one_line(finding.rule, 80), "bold")
    line.append(f"  {_who(notice.run)}  ")
    line.append(one_line(finding.message or finding.title))
    if finding.mode != "enforce":
        line.append(f" ({finding.mode})", "dim")
    if notice.status == "updated":
        line.append(" (updated)", "dim")
    if finding.evidence:
        line.append("  [" + "; ".join(_evidence(item) for item in finding.evidence[:_SHOWN_EVIDENCE]), "dim")
        more = len(finding.evidence) - _SHOWN_EVIDENCE
        line.append(f"; {more} more]" if more > 0 else "]", "dim")
    return line


def run_line(notice: Notice) -> Text:
    """Return how the evaluation of a run by one policy went."""
    run = notice.run
    line = Text()
    line.append("RUN      ", "dim")
    line.append(f"{_who(run)}  {run.event_count} events, {run.completeness}, policy {one_line(notice.policy, 80)}: ")
    counts = Counter(finding.severity for finding in notice.findings)
    if counts:
        line.append(", ".join(f"{counts[level]} {level}" for level in reversed(SEVERITIES) if counts[level]), "bold")
        line.append(f", risk score {notice.risk_score}")
    else:
        line.append("no findings", "green")
    if notice.not_evaluable:
        line.append(f"; not evaluable: {one_line(', '.join(item.rule for item in notice.not_evaluable))}", "yellow")
    if notice.rule_errors:
        line.append(f"; failed rules: {one_line(', '.join(item.rule for item in notice.rule_errors))}", "red")
    return line


def _who(run: RunSummary) -> str:
    return f"{one_line(run.agent or run.service or 'agent', 60)}/{one_line(run.id, 80)}"


def _evidence(item: Evidence) -> str:
    parts = [f"{item.role} event {item.event}"]
    if item.field:
        parts.append(one_line(item.field, 60))
    if item.span_id:
        parts.append(f"span {one_line(item.span_id, 16)}")
    words = " ".join(parts)
    return f"{words}: {one_line(item.text, 120)}" if item.text else words
