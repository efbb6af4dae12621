"""A native rule as written, before its family compiles it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from spanwarden.model.finding import Evidence, Finding, Severity
from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.templates import Template
from spanwarden.policy.vocabulary import Vocabulary

__all__ = ["WEIGHTS", "PolicyError", "RuleSpec"]

WEIGHTS: dict[Severity, int] = {"info": 0, "low": 5, "medium": 20, "high": 40, "critical": 60}
"""What a violated rule adds to the risk score (0 to 100) where it does not say so itself."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """What every native rule has, and its body for the family to compile.

    `body` is the value under the family's key (`flow:` …); its fields know their lines. `message` is None where the
    rule leaves the wording to its family. `where` is the rule itself, for errors that are not about one key.
    `vocabulary` holds the lists, macros and classes that the body may speak of.
    """

    id: str
    title: str
    severity: Severity
    body: Field
    where: Field
    tags: tuple[str, ...] = ()
    message: Template | None = None
    description: str | None = None
    weight: int = 0
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def fail(self, path: str | Sequence[str | int], message: str) -> NoReturn:
        """Raise PolicyError for a place in the body, given as a dotted key path or its parts; "" is the body itself."""
        parts = [part for part in path.split(".") if part] if isinstance(path, str) else list(path)
        field = self.body
        for part in parts:
            if isinstance(part, int) and field.is_list:
                field = field.entries()[part]
            elif isinstance(part, str) and field.is_mapping and part in field.mapping():
                field = field.mapping()[part]
            else:
                break
        field.fail(message)

    def companion(self, key: str) -> Field | None:
        """Return what is written beside the body under a key of the family's."""
        return self.where.mapping().get(key)

    def quotes(self, events: Collection[str], facts: Collection[str] = ()) -> None:
        """Check the rule's message: it may name these events and plain facts. Raises PolicyError."""
        if self.message is not None:
            self.message.check(events, facts)

    def finding(
        self,
        view: RunView,
        message: str,
        evidence: tuple[Evidence, ...],
        *,
        bound: Mapping[str, int] | None = None,
        facts: Mapping[str, object] | None = None,
        subject: str = "",
    ) -> Finding:
        """Return a finding of this rule.

        message: what it says where the rule has no words of its own. bound and facts: the events and plain facts that
        the rule's own words may name. subject: what tells apart several findings on one event.
        """
        if self.message is not None:
            message = self.message.render(view, bound or {}, {"rule": self.id, **(facts or {})})
        sink = next((item.event for item in evidence if item.role == "sink"), None)
        return Finding(
            self.id,
            self.severity,
            self.title,
            message,
            "",
            evidence=evidence,
            turn=view.events[sink].turn if sink is not None else None,
            subject=subject,
            tags=self.tags,
            weight=self.weight,
        )
