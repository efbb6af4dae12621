"""Conditions that are judged while their run goes on: which events each of them waits for.

What such a condition may say is in `settling`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from spanwarden.model.event import Content, Event
from spanwarden.model.run import Run
from spanwarden.policy.document import Field
from spanwarden.policy.expressions.calls import Generator
from spanwarden.policy.expressions.condition import Condition, Generated, opened
from spanwarden.policy.expressions.scopes import EVENT
from spanwarden.policy.expressions.settling import Loop, Reading
from spanwarden.policy.expressions.syntax import parse
from spanwarden.policy.rules.base import RunView

MAX_OPENED = 2_000
"""Nodes of a condition, macros opened, beyond which it waits for the end."""
MAX_ANSWERS = 4_096


class _NothingKnown:
    """The content of events whose content nobody asks for."""

    def __getitem__(self, index: int, /) -> Content:
        return Content()

    body = __getitem__

    def __iter__(self) -> Any:
        return iter(())


class Watch:
    """Tells which events may make a condition hold on a run that goes on: by tool and kind, then by effects."""

    def __init__(self, named: Condition, whole: Condition | None) -> None:
        self._named = named
        self._whole = whole
        self._answers: dict[tuple[str, str | None], bool] = {}

    def waits_for(self, event: Event) -> bool:
        """Tell whether a condition should be worked out anew because of an event."""
        key = (event.kind, event.tool)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            answer = self._answers[key] = _holds(self._named, event)
        return answer and (self._whole is None or _holds(self._whole, event))


def watch(field: Field, macros: Mapping[str, str], lists: Mapping[str, tuple[Any, ...]]) -> Watch | None:
    """Return what a condition waits for while its run goes on, None where it must wait for the end.

    It must have been compiled before: mistakes in it are not told here.
    """
    tree = parse(field, field.text())
    expanded = _Expanding(opened(field, tree, macros, frozenset())).opened(tree)
    if expanded is None:
        return None
    reading = Reading(lists)
    if not reading.grows(expanded, Loop()):
        return None
    named = _condition(field, _Watching(effects=False).of(expanded), lists)
    whole = _condition(field, _Watching(effects=True).of(expanded), lists) if "effects" in reading.used else None
    return Watch(named, whole)


def _condition(field: Field, tree: ast.expr, lists: Mapping[str, tuple[Any, ...]]) -> Condition:
    generator = Generator(field, EVENT, {}, lists, frozenset())
    return Condition(Generated(generator.expression(tree), generator))


def _holds(condition: Condition, event: Event) -> bool:
    try:
        return condition.test(RunView(Run("", (event,)), _NothingKnown()), 0)
    except Exception:  # noqa: BLE001 - what fails does not hold, as everywhere
        return False


class _Expanding:
    """Puts macros in place of their names, up to a size."""

    def __init__(self, macros: Mapping[str, ast.expr]) -> None:
        self._macros = macros
        self._left = MAX_OPENED

    def opened(self, tree: ast.expr) -> ast.expr | None:
        """Return a tree without macros, None for one that is too large or whose variables hide a name."""
        done = self._copy(tree)
        return done if self._left > 0 else None

    def _copy(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._copy(item) for item in node]
        if not isinstance(node, ast.AST):
            return node
        self._left -= 1
        if self._left <= 0:
            return node
        if isinstance(node, ast.Name) and node.id in self._macros and isinstance(node.ctx, ast.Load):
            return self._copy(self._macros[node.id])
        fields = {name: self._copy(value) for name, value in ast.iter_fields(node)}
        return ast.copy_location(type(node)(**fields), node)


class _Watching:
    """Writes what must hold of one event for a condition to be worth another look.

    The event may be the one that the condition speaks of or an earlier step: records come in any order. effects:
    whether effects are looked at; without, what says something of them is taken to be true.
    """

    def __init__(self, *, effects: bool) -> None:
        self._effects = effects
        self._steps: list[ast.expr] = []

    def of(self, tree: ast.expr) -> ast.expr:
        """Return the condition on the event."""
        whole = self._part(tree, None)
        return ast.BoolOp(ast.Or(), [whole, *self._steps]) if self._steps else whole

    def _part(self, node: Any, variable: str | None) -> Any:
        if isinstance(node, list):
            return [self._part(item, variable) for item in node]
        if not isinstance(node, ast.AST):
            return node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "any_prev":
            search = node.args[0]
            assert isinstance(search, ast.Lambda)
            self._steps.append(self._part(search.body, search.args.args[0].arg))
            return ast.Constant(True)
        if not self._effects and isinstance(node, ast.Call | ast.Compare) and _reads_effects(node):
            return ast.Constant(True)
        if (
            variable is not None
            and isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == variable
        ):
            return ast.copy_location(ast.Name(node.attr, ast.Load()), node)
        fields = {name: self._part(value, variable) for name, value in ast.iter_fields(node)}
        return ast.copy_location(type(node)(**fields), node)


def _reads_effects(node: ast.AST) -> bool:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    fields = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    calls = {part.func.id for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    if "any_prev" in calls:
        return False
    return "effects" in names | fields or "step" in names
