"""What `inspect` shows of a run, as JSON and as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from spanwarden.exporters.plain_text import one_line
from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Verdict
from spanwarden.model.finding_json import as_json
from spanwarden.model.run import Contents, Run
from spanwarden.policy.rules.categories import main_category
from spanwarden.reports.overview import Overview, command_of, overview, path_of, url_of
from spanwarden.reports.verdicts import evidence_text

REDACTED = "[redacted]"


def inspection_json(run: Run, contents: Contents, verdict: Verdict, *, include_raw: bool) -> dict[str, Any]:
    """Return the object that `inspect --json` prints.

    Commands, and the user and query parts of addresses, are withheld unless `include_raw`, which also adds each
    event's record as it was.
    """
    counts = overview(run)
    raw: Iterator[Content] = iter(contents) if include_raw else iter(())
    return {
        "run": {
            "id": run.id,
            "agent": run.agent,
            "conversation": run.conversation,
            "cost_usd": run.cost_usd,
            "cost_source": run.cost_source,
            "price_table": run.price_table,
            "runtime_seconds": run.runtime_seconds,
            "events": [_event(event, next(raw, None)) for event in run.events],
        },
        "tool_counts": dict(counts.tool_counts),
        "action_counts": dict(counts.action_counts),
        "files_read": counts.files_read,
        "files_written": counts.files_written,
        "shell_commands": counts.shell_commands,
        "network_fetches": counts.network_fetches,
        "github_actions": counts.github_actions,
        "risk_posture": counts.posture(verdict.findings),
        "findings": [as_json(finding) for finding in verdict.findings],
    }


def inspection_text(run: Run, verdict: Verdict, *, verbose: bool) -> Iterator[str]:
    """Yield the lines that `inspect` prints; `verbose` adds every event, with its command in clear."""
    counts = overview(run)
    yield f"Agent     {one_line(run.agent or 'unknown', 80)}"
    yield f"Run       {one_line(run.id, 100)}"
    yield f"Cost      {_cost(run)}"
    yield f"Duration  {'unknown' if run.runtime_seconds is None else f'{run.runtime_seconds:g} s'}"
    yield f"Posture   {counts.posture(verdict.findings)}"
    yield ""
    yield "What it did"
    yield from _counts(counts)
    yield ""
    yield "What stands out"
    for finding in verdict.findings:
        turn = f" at turn {finding.turn}" if finding.turn is not None else ""
        yield f"  {finding.severity.upper():<8} {finding.rule}{turn}: {one_line(finding.message)}"
        if verbose:
            yield from (f"           {evidence_text(run, item)}" for item in finding.evidence)
    for error in verdict.rule_errors:
        yield f"  RULE ERROR {error.rule}: {one_line(error.error)}"
    if not verdict.findings:
        yield "  nothing"
    if verbose:
        yield ""
        yield "Events"
        for index, event in enumerate(run.events):
            yield f"  {index:>4}  {_line(event)}"


def _cost(run: Run) -> str:
    if run.cost_usd is None:
        return "unknown"
    return f"${run.cost_usd:.4g}" + (f", estimated ({run.price_table})" if run.cost_source == "estimated" else "")


def _counts(counts: Overview) -> Iterator[str]:
    named = {
        "files read": counts.files_read,
        "files written": counts.files_written,
        "shell commands": counts.shell_commands,
        "network fetches": counts.network_fetches,
        "GitHub actions": counts.github_actions,
    }
    for name, count in named.items():
        yield f"  {count:>5}  {name}"
    for category, count in sorted(counts.tool_counts.items()):
        yield f"  {count:>5}  events of {one_line(category, 80)}"


def _line(event: Event) -> str:
    shown = command_of(event) or path_of(event) or url_of(event) or ""
    status = f" ({event.status})" if event.status not in {"ok", "unknown"} else ""
    tool = event.tool or (event.written.type if event.written is not None else event.kind)
    return f"{one_line(main_category(event), 40):<15} {one_line(tool, 60)}{status}  {one_line(shown, 200)}".rstrip()


def _event(event: Event, content: Content | None) -> dict[str, Any]:
    command, url = command_of(event), url_of(event)
    include_raw = content is not None
    value = {
        "type": event.written.type if event.written is not None else event.kind,
        "category": main_category(event),
        "tool": event.tool,
        "action": event.written.action if event.written is not None else None,
        "path": path_of(event),
        "url": url if include_raw or url is None else bare_url(url),
        "command": command if include_raw or not command else REDACTED,
        "status": event.written.status if event.written is not None else event.status,
        "turn": event.turn,
        "span_id": event.span_id.hex() or None,
    }
    if content is not None:
        value["raw"] = _finite(content.raw if content.raw is not None else _told(content))
    return value


def bare_url(url: str) -> str:
    """Return an address without its user, its query and its fragment, which may carry secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return REDACTED
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, REDACTED if parts.query else "", ""))


def _told(content: Content) -> dict[str, Any]:
    told = {
        "arguments": content.arguments,
        "result": content.result,
        "text": content.text,
        "error": content.error,
    }
    return {key: value for key, value in told.items() if value is not None}


def _finite(value: Any) -> Any:
    """Return a value with the numbers that JSON does not have as null; nesting is bounded where it was read."""
    if isinstance(value, dict):
        return {key: _finite(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
