"""What generated conditions can reach: our functions under names of our own, and nothing else."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from typing import Any

from spanwarden.policy.expressions import operations as op
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.steps import field_of
from spanwarden.policy.expressions.work import paid

UNSET: Any = type("Unset", (), {"__slots__": ()})()
"""Stands in a variable for what is not loaded yet."""


def given(value: Any) -> Any:
    """Return what a condition named with `:=`. Raises ConditionError where it did not come to that."""
    if value is UNSET:
        raise ConditionError("a name that ':=' has not given yet")
    return value


HELPERS: Mapping[str, Any] = {
    "h_unset": UNSET,
    "h_field": field_of,
    "h_paid": paid,
    "h_add": op.add,
    "h_add_paid": op.add_paid,
    "h_sub": op.arithmetic("-"),
    "h_mul": op.arithmetic("*"),
    "h_div": op.arithmetic("/"),
    "h_floordiv": op.arithmetic("//"),
    "h_mod": op.arithmetic("%"),
    "h_negative": op.negative,
    "h_lt": op.ordering("<"),
    "h_lte": op.ordering("<="),
    "h_gt": op.ordering(">"),
    "h_gte": op.ordering(">="),
    "h_equal_paid": op.equal_paid,
    "h_in": op.contains,
    "h_listed": op.listed,
    "h_item": op.item_of,
    "h_each": op.each,
    "h_turns": op.turns,
    "h_filled": op.filled,
    "h_replace": op.replace,
    "h_join": op.join,
    "h_str": op.text_of,
    "h_str_paid": op.text_of_paid,
    "h_or_text": op.or_text,
    "h_or_object": op.or_object,
    "h_get": op.get,
    "h_given": given,
    "h_bool": bool,
}


_numbers = itertools.count(1)


def fresh() -> int:
    """Return a number that no other condition has: for constants, variables and searches that must not meet."""
    return next(_numbers)


def name(identifier: str) -> ast.Name:
    """Return the use of one of our own names."""
    return ast.Name(identifier, ast.Load())


def call(function: str | ast.expr, *given: ast.expr) -> ast.Call:
    """Return a call of one of our own functions."""
    return ast.Call(name(function) if isinstance(function, str) else function, list(given), [])
