"""Counting the events of a run that a rule is about."""

from __future__ import annotations

from collections.abc import Callable

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence
from spanwarden.policy.rules.base import RunView

MAX_EVIDENCE = 50
"""Events that one counting finding points at; the message carries the full count."""


def counted(view: RunView, wanted: Callable[[Event], bool]) -> tuple[int, tuple[Evidence, ...]]:
    """Return how many events are wanted, and the first of them as evidence."""
    count = 0
    evidence: list[Evidence] = []
    for index, event in enumerate(view.events):
        if wanted(event):
            count += 1
            if len(evidence) < MAX_EVIDENCE:
                evidence.append(Evidence(index))
    return count, tuple(evidence)
