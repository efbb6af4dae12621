"""Tools that frameworks invent so that a model can say that it is done: nothing is executed."""

from __future__ import annotations

from typing import Any

_NAMES = frozenset({"final_answer", "finalanswertool", "finalanswer"})
_SAID = frozenset({"answer", "result", "response", "output", "final_answer", "text", "message", "content"})


def may_be_final_answer(name: str) -> bool:
    """Tell whether some calls of a tool of this name only hand over the answer."""
    lowered = name.lower()
    return lowered in _NAMES or lowered == "final_result" or lowered.startswith("final_result_")


def is_final_answer(name: str, arguments: Any) -> bool:
    """Tell whether a call of a tool of this name only hands over the answer."""
    lowered = name.lower()
    if lowered == "final_result" or lowered.startswith("final_result_"):
        return True
    if lowered not in _NAMES:
        return False
    return not isinstance(arguments, dict) or _SAID.issuperset(arguments)
