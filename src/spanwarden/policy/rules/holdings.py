"""Which events hold what the detectors look for; worked out once a run, and only if a rule asks."""

from __future__ import annotations

from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.content_index import provenance, sensitive_in


def carrying(view: RunView) -> frozenset[int]:
    """Return the events whose result carries text that gives orders."""
    return view.once(
        "holdings.instruction",
        lambda: frozenset(block.event for block in provenance(view).blocks if block.strong),
    )


def holds(view: RunView, index: int, categories: frozenset[str]) -> bool:
    """Tell whether the result of a call holds something of one of these categories: a secret, a password, pii."""
    return bool(sensitive_in(view, "result", index, categories))
