"""Every rule family: the key of its body in a policy file, and what compiles it. A new family is one entry here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.spec import RuleSpec


def _family(module: str, function: str) -> Callable[[RuleSpec], Rule]:
    """Return what compiles a body. Its module is imported on first use: few policies need every family."""

    def compile_body(spec: RuleSpec) -> Rule:
        compiled: Rule = getattr(importlib.import_module(f"spanwarden.policy.rules.{module}"), function)(spec)
        return compiled

    return compile_body


BODIES: Mapping[str, Callable[[RuleSpec], Rule]] = {
    "when": _family("when", "compile_when"),
    "flow": _family("flow", "compile_flow"),
    "detect": _family("detect", "compile_detect"),
    "sequence": _family("sequence", "compile_sequence"),
    "aggregate": _family("aggregate", "compile_aggregate"),
    "loop": _family("loop", "compile_loop"),
    "all_of": _family("conjunction", "compile_all_of"),
    "any_of": _family("conjunction", "compile_any_of"),
}
