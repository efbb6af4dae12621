"""Every rule family: the key of its body in a policy file, and what compiles it. A new family is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.spec import RuleSpec

# Families are imported on first use: policies without native rules need not load the detectors.


def _flow(spec: RuleSpec) -> Rule:
    from spanwarden.policy.rules.flow import compile_flow

    return compile_flow(spec)


def _detect(spec: RuleSpec) -> Rule:
    from spanwarden.policy.rules.detect import compile_detect

    return compile_detect(spec)


BODIES: Mapping[str, Callable[[RuleSpec], Rule]] = {"flow": _flow, "detect": _detect}
