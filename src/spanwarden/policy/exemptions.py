"""Exceptions of a rule: findings that somebody looked at and let pass, with a reason and, mostly, a last day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from spanwarden.model.finding import Finding
from spanwarden.model.run import Run
from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.conditions import Test, compile_test
from spanwarden.policy.rules.selectors import globs
from spanwarden.policy.shapes import EXCEPTION, MAX_REASON
from spanwarden.policy.vocabulary import Vocabulary

ROLES = {"source": "from", "sink": "to"}
"""What conditions and messages call the events of a finding."""
_DAY_NS = 86_400 * 10**9


class Exemption(msgspec.Struct, frozen=True):
    """One exception. It counts for a finding where all that it says holds.

    `until` is the first nanosecond (since the epoch) at which it no longer counts, None where it has no end.
    """

    reason: str
    where: Field
    agents: tuple[Any, ...] = ()
    tools: tuple[Any, ...] = ()
    test: Test | None = None
    until: int | None = None

    def refusal(self, view: RunView, finding: Finding) -> str | None:
        """Return why it does not count for a finding, None where it does."""
        bound = bound_by(finding)
        index = bound.get("to", finding.evidence[0].event if finding.evidence else None)
        event = view.events[index] if index is not None and index < len(view.events) else None
        agent = (event.agent if event is not None else None) or view.run.agent or ""
        if self.until is not None:
            ended = _end(view.run)
            if ended is None:
                return "it ends on a day, and nothing says when the run was"
            if ended >= self.until:
                return "it had ended before the run did"
        if self.agents and not any(pattern.fullmatch(agent[:256]) for pattern in self.agents):
            return f"it is for other agents than {agent[:80] or 'an unknown one'}"
        if self.tools and (event is None or not any(p.fullmatch((event.tool or "")[:256]) for p in self.tools)):
            return "it is for other tools"
        if self.test is not None and (index is None or not self.test.holds(view, index, bound)):
            return "its condition does not hold"
        return None


def bound_by(finding: Finding) -> Mapping[str, int]:
    """Return the events of a finding by the names that conditions have for them: the first source and sink."""
    found: dict[str, int] = {}
    for item in finding.evidence:
        if item.role in ROLES:
            found.setdefault(ROLES[item.role], item.event)
    return found


def read_exemption(entry: Field, vocabulary: Vocabulary) -> Exemption:
    """Compile one exception. Raises PolicyError: it must say why, and what it is about."""
    keys = EXCEPTION.fields(entry)
    reason = keys["reason"].text()
    if len(reason) > MAX_REASON:
        keys["reason"].fail(f"more than {MAX_REASON} characters")
    if not keys.keys() & {"agent", "tool", "expr"}:
        entry.fail("an exception needs at least one of agent, tool, expr; to switch a rule off, say 'enabled: false'")
    return Exemption(
        reason=reason,
        where=entry,
        agents=globs(keys.get("agent")),
        tools=globs(keys.get("tool")),
        test=compile_test(keys["expr"], vocabulary, ROLES.values()) if "expr" in keys else None,
        until=_after(keys["until"]) if "until" in keys else None,
    )


def _after(place: Field) -> int:
    """Return when a day (UTC) is over."""
    try:
        day = dt.date.fromisoformat(place.text())
    except ValueError:
        place.fail(f"there is no day {place.text()[:20]}")
    return (day.toordinal() - dt.date(1970, 1, 1).toordinal() + 1) * _DAY_NS


def _end(run: Run) -> int | None:
    """Return when a run ended, by its own account."""
    return run.end or run.start or max((event.end or event.start for event in run.events), default=0) or None
