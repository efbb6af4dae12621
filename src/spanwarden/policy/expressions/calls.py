"""Calls in conditions: functions by name, methods from a list, lambdas where one is expected."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from spanwarden.policy.document import nearest
from spanwarden.policy.expressions import scopes
from spanwarden.policy.expressions.namespace import call, fresh, name
from spanwarden.policy.expressions.patterns import PatternError, compiled
from spanwarden.policy.expressions.shorthand import Shorthand
from spanwarden.policy.expressions.syntax import refuse


class Generator(Shorthand):
    """Writes the tree of one condition, and takes note of what it uses."""

    def _call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if not isinstance(node.func, ast.Name):
            refuse(self._field, node, "only functions and methods can be called")
        called = node.func.id
        if called in self._open or called in self._bound:
            refuse(self._field, node, f"{called!r} is no function")
        if called in scopes.SEARCHES:
            return self._search(node, called)
        if called == "matches":
            return self._matches(node)
        if called == "str":
            return self._str(node)
        function = self._scope.functions.get(called)
        if function is None:
            known = {*self._scope.functions, *scopes.APART}
            refuse(self._field, node, f"unknown function {called[:60]!r}{nearest(called, known)}")
        if called == "get":
            known_key = self._get(node)
            if known_key is not None:
                return known_key
        self._count(node, called, function.least, function.most, function.keywords)
        if function.needs is not None:
            self.needs.add(function.needs)
        given = [self._charged(self.expression(item)) for item in node.args]
        named = [ast.keyword(k.arg, self._keyword(k)) for k in node.keywords]
        if function.in_run:
            self.in_run = True
            self._outer_uses += 1
            given = [name("c"), name("i"), *given]
        if called in ("any", "all", "min", "max", "sorted", "sum") and len(node.args) == 1:
            self.quantified = True
            given = [call("h_turns", name("w"), given[0] if self._scope.troy else call("h_each", given[0]))]
        return ast.Call(self._kept(function.does), list(given), named)

    def _keyword(self, keyword: ast.keyword) -> ast.expr:
        if keyword.arg == "key":
            if not isinstance(keyword.value, ast.Lambda):
                refuse(self._field, keyword.value, "key= needs a lambda")
            return self.predicate(keyword.value)[0]
        return self.expression(keyword.value)

    def _count(self, node: ast.Call, called: str, least: int, most: int, keywords: tuple[str, ...] = ()) -> None:
        for keyword in node.keywords:
            if keyword.arg not in keywords:
                refuse(self._field, node, f"{called}() takes no {str(keyword.arg)[:60]!r}")
        count = len(node.args) + sum(keyword.arg != "key" for keyword in node.keywords)
        if not least <= count <= max(most, least + len(keywords)) or len(node.args) > most:
            wanted = str(least) if least == most else f"{least} to {most}"
            refuse(self._field, node, f"{called}() takes {wanted} arguments")

    def _get(self, node: ast.Call) -> ast.expr | None:
        """Return `get(step, 'metadata.key')` without making the whole step; take note of what others need."""
        path = node.args[1] if len(node.args) > 1 else None
        if not (isinstance(path, ast.Constant) and isinstance(path.value, str)):
            return None
        first, dot, rest = path.value.partition(".")
        if first in scopes.STEP_KEYS and scopes.STEP_KEYS[first].needs is not None:
            self.needs.add(str(scopes.STEP_KEYS[first].needs))
        held = self._step_key(node.args[0], ast.Constant(first)) if dot and not node.keywords else None
        if held is None or len(node.args) > 3:
            return None
        if first == "metadata" and "." not in rest and len(node.args) == 2:
            found = ast.Call(ast.Attribute(held, "get", ast.Load()), [ast.Constant(rest)], [])
            return found if self._loops or not rest.isidentifier() else self._once(f"g_{rest}", found)
        return call("h_get", held, ast.Constant(rest), *[self.expression(item) for item in node.args[2:]])

    def _search(self, node: ast.Call, called: str) -> ast.expr:
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Lambda):
            refuse(self._field, node, f"{called}() takes a lambda")
        self.ahead = self.ahead or scopes.SEARCHES[called]
        self._outer_uses += 1
        predicate, closed = self.predicate(node.args[0])
        at = name("l_step" if self._scope.troy else "l_event")
        if closed:
            search = call("l_search", ast.Constant(fresh()), predicate, at, name("w"))
            method, place = {
                "any_prev": ("before", name("i")),
                "any_next": ("after", name("i")),
                "any_step": ("after", ast.UnaryOp(ast.USub(), ast.Constant(1))),
            }[called]
            return call(ast.Attribute(search, method, ast.Load()), place)
        low: ast.expr = ast.BinOp(name("i"), ast.Add(), ast.Constant(1)) if called == "any_next" else ast.Constant(0)
        return call("l_any", predicate, at, low, name("i" if called == "any_prev" else "n"), name("w"))

    def _matches(self, node: ast.Call) -> ast.expr:
        self._count(node, "matches", 2, 2)
        pattern = node.args[1]
        if isinstance(pattern, ast.Name):
            # A macro may hold a pattern that several conditions share.
            pattern = self._macros.get(pattern.id, pattern)
        if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            refuse(self._field, node.args[1], "the pattern of matches() must be a literal text, or a macro that is one")
        try:
            found = compiled(pattern.value)
        except PatternError as error:
            refuse(self._field, pattern, str(error))
        search = found.search if self._scope.troy else _known(found.search)
        value = self.expression(node.args[0])
        if self._loops or not self._is_text(node.args[0]):
            return call(self._kept(search), self._charged(value))
        # The name of a tool is nearly always one that was searched before: its answer is looked up in place.
        text, answer = f"t_{fresh()}", f"t_{fresh()}"
        known = call(self._kept(found.answers.get), ast.NamedExpr(ast.Name(text, ast.Store()), value))
        looked_up = ast.NamedExpr(ast.Name(answer, ast.Store()), known)
        unknown = ast.Compare(looked_up, [ast.Is()], [ast.Constant(None)])
        return ast.IfExp(unknown, call(self._kept(search), name(text)), name(answer))

    def _str(self, node: ast.Call) -> ast.expr:
        self._count(node, "str", 1, 1)
        value = self.expression(node.args[0])
        return call("h_str_paid", name("w"), value) if self._paying() else call("h_str", value)

    def _method(self, node: ast.Call, func: ast.Attribute) -> ast.expr:
        if func.attr in scopes.GROWING:
            return self._growing(node, func)
        if func.attr not in scopes.TEXT_METHODS | scopes.OBJECT_METHODS:
            hint = nearest(func.attr, scopes.TEXT_METHODS | scopes.OBJECT_METHODS)
            refuse(self._field, func, f"the method {func.attr[:60]!r} is not part of conditions{hint}")
        if node.keywords or len(node.args) > 3:
            refuse(self._field, node, f"{func.attr}() takes no such arguments")
        if func.attr == "get" and 1 <= len(node.args) <= 2:
            held = self._step_key(func.value, node.args[0])
            if held is not None:
                return held
        receiver = self.expression(func.value)
        if not self._scope.troy:
            receiver = call("h_or_object" if func.attr in scopes.OBJECT_METHODS else "h_or_text", receiver)
        receiver = self._charged(receiver)
        if func.attr in scopes.SPLITTING and self._paying():
            receiver = call("h_turns", name("w"), receiver)
        given = [self._charged(self.expression(item)) for item in node.args]
        return ast.Call(ast.Attribute(receiver, func.attr, ast.Load()), given, [])

    def _growing(self, node: ast.Call, func: ast.Attribute) -> ast.expr:
        self._count(node, func.attr, *scopes.GROWING[func.attr])
        self.quantified = True  # so that there is a budget to pay from
        receiver = self.expression(func.value)
        if not self._scope.troy:
            receiver = call("h_or_text", receiver)
        return call(f"h_{func.attr}", name("w"), receiver, *map(self.expression, node.args))


def _known(search: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a search that finds nothing in what is unknown."""
    return lambda value: value is not None and search(value)
