"""Two runs side by side: what the later one could do, and let follow from what, that the earlier one did not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from spanwarden.exporters.plain_text import one_line
from spanwarden.model.event import Event
from spanwarden.model.finding import Verdict
from spanwarden.model.run import Run
from spanwarden.policy.rules.touched import is_sensitive, touched_paths
from spanwarden.reports.overview import overview

CAPABILITIES = {
    "file_read": "read files",
    "file_write": "write files",
    "file_search": "search files",
    "shell": "run commands",
    "network_fetch": "fetch from the network",
    "network_send": "send to the network",
    "message_send": "send messages",
    "vcs_read": "read repositories",
    "vcs_write": "change repositories",
    "db_query": "query databases",
    "memory_read": "read memory",
    "memory_write": "write memory",
    "agent_spawn": "start agents",
    "approval": "ask for approval",
}
DETAILS = {
    "delete": "delete",
    "privilege": "raise privileges",
    "permissions": "change permissions",
    "install": "install software",
    "payment": "move money",
}
SENSITIVE = "touch sensitive files"
_INCOMING = ("network_fetch",)
_ACTING = (
    "shell",
    "file_write",
    "vcs_write",
    "network_send",
    "message_send",
    "db_query",
    "memory_write",
    "agent_spawn",
)
_LEAVING = ("network_send", "message_send", "vcs_write")


class Profile(msgspec.Struct, frozen=True):
    """What one run did: its capabilities, what came after what, its tools, findings and posture."""

    capabilities: frozenset[str]
    flows: frozenset[str]
    tools: frozenset[str]
    findings: frozenset[str]
    posture: str


class Comparison(msgspec.Struct, frozen=True):
    """For each part of a profile what was added and what is gone, in order of name."""

    added: dict[str, list[str]]
    removed: dict[str, list[str]]
    before: str
    after: str


def profile(run: Run, verdict: Verdict) -> Profile:
    """Return what a run did, in one pass over its events."""
    capabilities: set[str] = set()
    flows: set[str] = set()
    earlier: set[str] = set()
    for event in run.events:
        now = _sources(event)
        kinds = {effect.kind for effect in event.effects}
        capabilities.update(CAPABILITIES[kind] for kind in kinds)
        details = {part for effect in event.effects for part in (effect.detail or "").split(",")}
        capabilities.update(DETAILS[detail] for detail in details & DETAILS.keys())
        if SENSITIVE in now:
            capabilities.add(SENSITIVE)
        flows.update(
            f"{CAPABILITIES[source]} -> {CAPABILITIES[kind]}"
            for source in earlier & set(_INCOMING)
            for kind in kinds & set(_ACTING)
        )
        if SENSITIVE in earlier:
            flows.update(f"{SENSITIVE} -> {CAPABILITIES[kind]}" for kind in kinds & set(_LEAVING))
        earlier |= now
    return Profile(
        frozenset(capabilities),
        frozenset(flows),
        frozenset(event.tool for event in run.events if event.tool),
        frozenset(f"{finding.severity}: {finding.rule}" for finding in verdict.findings),
        overview(run).posture(verdict.findings),
    )


def _sources(event: Event) -> set[str]:
    found = {effect.kind for effect in event.effects if effect.kind in _INCOMING}
    sensitive = any(is_sensitive(path) for path in touched_paths(event))
    return found | ({SENSITIVE} if sensitive else set())


PARTS = ("capabilities", "flows", "tools", "findings")


def compared(before: Profile, after: Profile) -> Comparison:
    """Return the differences of two profiles."""
    pairs = {part: (getattr(before, part), getattr(after, part)) for part in PARTS}
    return Comparison(
        added={part: sorted(new - old) for part, (old, new) in pairs.items()},
        removed={part: sorted(old - new) for part, (old, new) in pairs.items()},
        before=before.posture,
        after=after.posture,
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the object that `diff --json` prints."""
    posture = {"before": comparison.before, "after": comparison.after}
    return {"posture": posture, "added": comparison.added, "removed": comparison.removed}


def comparison_text(comparison: Comparison) -> Iterator[str]:
    """Yield the lines that `diff` prints."""
    yield f"Posture: {comparison.before} -> {comparison.after}"
    for part in PARTS:
        yield f"{part.capitalize()}:"
        yield from (f"  + {one_line(name, 160)}" for name in comparison.added[part])
        yield from (f"  - {one_line(name, 160)}" for name in comparison.removed[part])
        if not comparison.added[part] and not comparison.removed[part]:
            yield "  no change"
