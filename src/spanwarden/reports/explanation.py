"""Why there is a finding: the rule, the events it rests on in order, and what did not take it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanwarden.exporters.plain_text import one_line
from spanwarden.exporters.redaction import redacted
from spanwarden.exporters.webhook.body import rfc3339
from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding
from spanwarden.model.finding_json import as_json
from spanwarden.model.run import Run
from spanwarden.policy.policy import Explanation, Policy
from spanwarden.policy.rule_list import NativeRule


def explained(run: Run, policy: Policy, explanation: Explanation, source: str, *, raw: bool) -> dict[str, Any]:
    """Return why a run has a finding, as `explain --json` prints it. Texts of the run are left out unless `raw`."""
    finding = explanation.finding if raw else redacted(explanation.finding)
    native = next((each for each in policy.rule_list if each.rule.id == finding.rule), None)
    return {
        "run": run.id,
        "agent": run.agent,
        "source": source,
        "finding": _shown(finding, raw=raw),
        "rule": _rule(native) if native is not None else {"id": finding.rule, "place": None},
        "chain": [_link(run, item, raw=raw) for item in sorted(finding.evidence, key=lambda each: each.event)],
        "unless": [
            {"unless": each.text, "place": f"{each.source}:{each.line}", "why": each.why} for each in explanation.unless
        ],
        "exceptions": [
            {"reason": each.reason, "place": f"{each.source}:{each.line}", "why": each.why}
            for each in explanation.refused
        ],
        "excepted_by": explanation.excepted_by,
    }


def stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ledger knows of a finding, in the form of `explained`; of events it keeps only the evidence."""
    finding = row["finding"]
    return {
        "run": row["run"],
        "agent": row["agent"],
        "source": "ledger",
        "finding": finding,
        "rule": {"id": finding["rule"], "place": None},
        "chain": sorted(finding["evidence"], key=lambda item: item["event"]),
        "unless": None,
        "exceptions": None,
        "excepted_by": None,
        "status": row["status"],
        "told": row["told"],
        "evaluations": row["evaluations"],
        "deliveries": row["deliveries"],
    }


def stored_redacted(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same without the words of the run, which a ledger holds with `storage.content: full`."""
    finding = dict(row["finding"])
    finding["evidence"] = [{**item, "text": _length(item.get("text"))} for item in finding["evidence"]]
    finding["message"] = finding["title"]
    return stored({**row, "finding": finding})


def explanation_text(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that `explain` prints."""
    finding, rule = told["finding"], told["rule"]
    yield f"{finding['severity'].upper()} {one_line(finding['rule'], 100)}: {one_line(finding['title'], 200)}"
    if finding["message"] != finding["title"]:
        yield f"  {one_line(finding['message'])}"
    if rule.get("description"):
        yield f"  rule: {one_line(rule['description'], 600)}"
    place = f" ({one_line(rule['place'], 200)})" if rule["place"] else ""
    yield f"  policy {one_line(finding['policy'], 80)}{place}, run {one_line(told['run'], 100)} of {_agent(told)}"
    yield "  because of"
    for link in told["chain"]:
        yield f"    {_line(link)}"
    if told["exceptions"] is None:
        yield from _story(told)
        yield "  the ledger keeps no events: name a recording and the policy to see what did not take it back"
        return
    for item in told["unless"]:
        yield f"  not taken back by `unless: {one_line(item['unless'], 200)}`: {one_line(item['why'], 200)}"
    for item in told["exceptions"]:
        yield f"  not excepted by {one_line(item['reason'], 200)!r} ({one_line(item['place'], 200)}): {item['why']}"
    if told["excepted_by"]:
        yield f"  EXCEPTED by {one_line(told['excepted_by'], 200)!r}: it is no finding"


def _story(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a ledger knows of how a finding came about and what became of it."""
    yield f"  it is {told['status']}"
    for each in told["told"]:
        version = one_line(each["policy_version"], 40)
        yield f"    revision {each['revision']} at {rfc3339(each['seen'])}, by version {version} of the policy"
    yield "  its policy on the run"
    for each in told["evaluations"]:
        rules = {"not evaluable": each["not_evaluable"], "failed": each["rule_errors"]}
        rest = [f"{name}: {one_line(', '.join(i['rule'] for i in items))}" for name, items in rules.items() if items]
        version = f"version {one_line(each['version'], 40)}, risk score {each['risk_score']}"
        yield f"    decision {each['revision']} at {rfc3339(each['evaluated'])}: " + "; ".join([version, *rest])
    for each in told["deliveries"]:
        trouble = f": {one_line(each['error'], 200)}" if each["error"] else ""
        what = f"{one_line(each['exporter'], 80)}, revision {each['revision']}"
        yield f"  {each['state']} for {what}, after {each['attempts']} attempts{trouble}"
    if not told["deliveries"]:
        yield "  nothing of it waits in the outbox"


def _agent(told: Mapping[str, Any]) -> str:
    return one_line(told["agent"] or "an unnamed agent", 80)


def _line(link: Mapping[str, Any]) -> str:
    parts = [f"{link['role']:<6} event {link['event']}"]
    parts += [one_line(str(link[key]), 80) for key in ("tool", "kind") if link.get(key)][:1]
    parts += [", ".join(link["effects"])] if link.get("effects") else []
    parts += [one_line(str(link[key]), 200) for key in ("field", "text") if link.get(key)]
    parts += [f"span {link['span_id']}"] if link.get("span_id") else []
    return "  ".join(parts)


def _shown(finding: Finding, *, raw: bool) -> dict[str, Any]:
    told = as_json(finding)
    if not raw:
        # A rule's own words may quote the run.
        told["message"] = finding.title
    return told


def _rule(native: NativeRule) -> dict[str, Any]:
    return {
        "id": native.rule.id,
        "place": f"{native.where.source}:{native.where.line}",
        "description": " ".join((native.description or "").split()) or None,
        "status": native.status,
        "tags": list(native.tags),
    }


def _link(run: Run, item: Evidence, *, raw: bool) -> dict[str, Any]:
    event = run.events[item.event] if 0 <= item.event < len(run.events) else None
    told: dict[str, Any] = {
        "role": item.role,
        "event": item.event,
        "span_id": item.span_id,
        "field": item.field,
        "text": item.text,
    }
    return told | (_event(event, raw=raw) if event is not None else {})


def _event(event: Event, *, raw: bool) -> dict[str, Any]:
    effects = [f"{e.kind} {e.target}" if raw and e.target else e.kind for e in event.effects]
    return {
        "kind": event.kind,
        "tool": event.tool,
        "agent": event.agent,
        "status": event.status,
        "start": event.start,
        "effects": list(dict.fromkeys(effects)),
    }


def _length(text: str | None) -> str | None:
    return text if text is None or text.startswith("[") else f"[{len(text)} characters]"
