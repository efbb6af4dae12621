"""The simple conditions of a policy as one function, so that an event costs each of them tens of nanoseconds.

What several conditions read of an event is read once; none of them is called. Conditions that loop, and those with
bound names, stay functions of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from spanwarden.policy.expressions.condition import Condition, define, event_prologue, prologue
from spanwarden.policy.expressions.errors import UnknownError, described
from spanwarden.policy.expressions.namespace import call, name
from spanwarden.policy.expressions.running import Running, running
from spanwarden.policy.rules.base import RunView


class Outcome:
    """What one condition came to on a run.

    hits: the events that it holds for. failures: on how many it could not be worked out; `failure` says why on the
    first of them, `failed_at`. unknown: what it asked for and nothing told.
    """

    __slots__ = ("failed_at", "failure", "failures", "hits", "unknown")

    def __init__(self) -> None:
        self.hits: list[int] = []
        self.failures = 0
        self.failure = ""
        self.failed_at = -1
        self.unknown: set[str] = set()

    def fail(self, index: int, error: Exception) -> None:
        """Take note of an error."""
        if isinstance(error, UnknownError):
            self.unknown.update(error.needs)
            return
        if not self.failures:
            self.failure, self.failed_at = described(error), index
        self.failures += 1


class Fused:
    """Conditions that are worked out together on every event of a run, those that look ahead included."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = tuple(conditions)
        self._simple = [at for at, condition in enumerate(conditions) if is_simple(condition)]
        self._function = _fused([self._conditions[at] for at in self._simple]) if self._simple else None

    def outcomes(self, view: RunView) -> list[Outcome]:
        """Return what each condition came to, in their order. Worked out once a view."""
        return view.once(("expressions.fused", id(self)), lambda: self._worked_out(view))

    def _worked_out(self, view: RunView) -> list[Outcome]:
        found = [Outcome() for _ in self._conditions]
        if self._function is not None:
            simple = [found[at] for at in self._simple]
            self._function(running(view), [outcome.hits.append for outcome in simple], [o.fail for o in simple])
        for condition, outcome in zip(self._conditions, found, strict=True):
            if not is_simple(condition):
                each(condition, view, outcome)
            elif condition.needs and not outcome.hits:
                outcome.unknown |= _asked_in_vain(condition, running(view))
        return found


def is_simple(condition: Condition) -> bool:
    """Tell whether a condition can share a function with others."""
    return not (condition.quantified or condition.generated.uses_bound)


def each(condition: Condition, view: RunView, outcome: Outcome) -> None:
    """Work a condition out on every event of a run."""
    run = running(view)
    run.asked.clear()
    value = condition.on(view)
    for index in range(len(view.events)):
        try:
            if value(index):
                outcome.hits.append(index)
        except Exception as error:  # noqa: BLE001 - one event that fails must not hide the next
            outcome.fail(index, error)
    if condition.needs and not outcome.hits:
        outcome.unknown |= run.asked & condition.needs


def _asked_in_vain(condition: Condition, run: Running) -> set[str]:
    """Return what a condition asked for on events that do not carry it."""
    run.asked.clear()
    for index in sorted(run.lacking):
        try:
            condition.value(run.view, index)
        except Exception:  # noqa: BLE001, S112 - told of already
            continue
        if run.asked & condition.needs:
            break
    return run.asked & condition.needs


def _fused(conditions: Sequence[Condition]) -> Callable[[Running, Any, Any], None]:
    constants: dict[str, Any] = {"h_enumerate": enumerate, "h_exception": Exception}
    eager: set[str] = set()
    lazy: set[str] = set()
    cached: set[str] = set()
    set_up: list[ast.stmt] = []
    tests: list[ast.stmt] = []
    for at, condition in enumerate(conditions):
        generated = condition.generated
        constants |= generated.constants
        eager |= generated.eager
        lazy |= generated.lazy
        cached |= generated.cached
        for place, which in (("hit", "hits"), ("fail", "fails")):
            taken = ast.Subscript(name(which), ast.Constant(at), ast.Load())
            set_up.append(ast.Assign([ast.Name(f"{place}_{at}", ast.Store())], taken))
        hit = ast.If(generated.tree, [ast.Expr(call(f"hit_{at}", name("i")))], [])
        failed = ast.Expr(call(f"fail_{at}", name("i"), name("error")))
        tests.append(ast.Try([hit], [ast.ExceptHandler(name("h_exception"), "error", [failed])], [], []))
    target = ast.Tuple([ast.Name("i", ast.Store()), ast.Name("e", ast.Store())], ast.Store())
    events = call("h_enumerate", ast.Attribute(name("c"), "events", ast.Load()))
    loop = ast.For(target, events, [*event_prologue(eager, cached), *tests], [])
    return define([*prologue(lazy), *set_up, loop], ("c", "hits", "fails"), constants)
