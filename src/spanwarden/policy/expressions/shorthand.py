"""What a condition may write shorter: texts with values in them (f-strings) and names for values (`:=`)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from spanwarden.policy.expressions import scopes
from spanwarden.policy.expressions.generation import Expressions
from spanwarden.policy.expressions.namespace import call, fresh, name
from spanwarden.policy.expressions.syntax import refuse


class Shorthand(Expressions):
    """Writes f-strings and the names that a condition gives itself."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._given: dict[str, str] = {}

    def _filled(self, node: ast.JoinedStr) -> ast.expr:
        self.quantified = True  # so that there is a budget to pay from
        return call("h_filled", name("w"), *map(self._filling, node.values))

    def _filling(self, node: ast.expr) -> ast.expr:
        if not isinstance(node, ast.FormattedValue):
            return self.expression(node)
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            refuse(self._field, node, "values stand in an f-string as they are, without ':' or '!'")
        return self.expression(node.value)

    def _naming(self, node: ast.NamedExpr) -> ast.expr:
        identifier = node.target.id
        if self._loops:
            refuse(self._field, node, "':=' stands outside of loops")
        taken = (self._bound, self._macros, self._lists, self._scope.names, self._scope.functions, scopes.APART)
        if identifier.startswith("_") or any(identifier in names for names in taken):
            refuse(self._field, node, f"{identifier[:60]!r} cannot be the name of a variable")
        value = self.expression(node.value)
        variable = self._given.setdefault(identifier, f"n_{fresh()}")
        # Unset again for every event, as what is kept: `a or (x := b)` may pass it by.
        self.cached.add(variable)
        return ast.NamedExpr(ast.Name(variable, ast.Store()), value)

    def _own_name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._given or node.id in self._open:
            return super()._name(node)
        self._outer_uses += 1
        return call("h_given", name(self._given[node.id]))

    PARTS: Mapping[type[ast.expr], Callable[[Any, Any], ast.expr]] = {
        **Expressions.PARTS,
        ast.JoinedStr: _filled,
        ast.NamedExpr: _naming,
        ast.Name: _own_name,
    }
