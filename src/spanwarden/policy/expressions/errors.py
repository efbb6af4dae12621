"""What a condition raises while it runs."""

from __future__ import annotations


class ConditionError(Exception):
    """A condition could not be worked out on an event. The text is ours and holds nothing of the trace."""


class WorkExceededError(ConditionError):
    """A condition needed more steps on one run than it may take."""


class UnknownError(Exception):
    """A condition asks for what nothing here can tell. `needs` names it, as a rule's needs are named."""

    def __init__(self, *needs: str) -> None:
        super().__init__(", ".join(needs))
        self.needs = needs


def described(error: Exception) -> str:
    """Return one line about an error that holds nothing of the trace: Python's own texts quote values."""
    if isinstance(error, ConditionError):
        return str(error)
    return _MEANINGS.get(type(error).__name__, "could not be worked out")


_MEANINGS = {
    "KeyError": "a key is missing",
    "IndexError": "a list is too short",
    "TypeError": "values of the wrong type",
    "ValueError": "a value of the wrong form",
    "ZeroDivisionError": "division by zero",
    "OverflowError": "a number out of range",
    "AttributeError": "a method that the value does not have",
    "RecursionError": "a value nested too deeply",
    "MemoryError": "a value too large",
}
