"""Every rule family: the key of its body in a policy file, and what compiles it. A new family is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.spec import RuleSpec


def _flow(spec: RuleSpec) -> Rule:
    # Imported on first use: policies without native rules need not load the detectors.
    from spanwarden.policy.rules.flow import compile_flow

    return compile_flow(spec)


BODIES: Mapping[str, Callable[[RuleSpec], Rule]] = {"flow": _flow}
