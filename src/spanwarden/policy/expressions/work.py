"""The steps that one condition may take on one run, so that no condition and no trace can hold up the rest."""

from __future__ import annotations

from typing import Any

from spanwarden.policy.expressions.errors import WorkExceededError

MAX_WORK = 1_000_000
"""Steps of one condition on one run: each turn of a loop is one, long values that it handles are more."""


class Work:
    """What is left of a condition's steps."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_WORK) -> None:
        self.left = left

    def take(self, steps: int) -> None:
        """Take steps. Raises WorkExceededError where there are too few left."""
        self.left -= steps
        if self.left < 0:
            raise WorkExceededError(f"needs more than {MAX_WORK} steps on one run")


def paid(work: Work, value: Any) -> Any:
    """Return a value that something inside a loop is about to go through, and take the steps that its size asks for."""
    work.take(1 + (len(value) >> 6 if isinstance(value, str) else len(value) >> 2 if _is_sized(value) else 0))
    return value


def _is_sized(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | frozenset | set)
