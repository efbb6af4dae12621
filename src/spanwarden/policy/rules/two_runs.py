"""Conditions that compare two runs: `from.run.user != to.run.user` in a flow that goes through a memory.

Of the other run only digests are known, so all that can be asked is whether a fact of it is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import NamedTuple

from spanwarden.policy.document import Field, Node, nearest
from spanwarden.policy.expressions.syntax import FROM, parse, refuse
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.conditions import Test, compile_test
from spanwarden.policy.rules.fields import Path, path_of
from spanwarden.policy.rules.kept_values import Taken
from spanwarden.policy.vocabulary import Vocabulary

COMPARED = ("user", "tenant", "agent", "service", "conversation")


class Comparison(NamedTuple):
    """A condition over two runs and events of the later one. `facts` are those of the runs that it compares."""

    test: Test
    facts: tuple[Path, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of those facts."""
        return tuple(fact.name for fact in self.facts)

    def holds(self, view: RunView, found: Taken, own: str) -> bool | None:
        """Tell whether it holds for this run and any of those that had kept a value; None where that is not known.

        own: digests of the facts of this run, as the owners of what was found have them.
        """
        value = found.value
        bound = {"from": value.source, "to": value.sink}
        unknown = False
        for owner in sorted(found.owners):
            given = self._given(owner, own)
            if given is None:
                unknown = True
            elif self.test.holds(view, value.sink, bound, {"value": value.value, **given}):
                return True
        return None if unknown else False

    def _given(self, owner: str, own: str) -> Mapping[str, bool] | None:
        parts = list(zip(self.facts, owner.split(" "), own.split(" "), strict=False))
        if any("-" in (theirs, ours) for _, theirs, ours in parts) or len(parts) < len(self.facts):
            return None
        return {_name(fact.name): theirs == ours for fact, theirs, ours in parts}


def compile_comparison(place: Field, vocabulary: Vocabulary) -> Comparison:
    """Compile the `where` of such a flow, over `from`, `to` and `value`. Raises PolicyError with line and column."""
    compile_test(place, vocabulary, ("from", "to", "value"))  # as it is written, for its errors
    tree = parse(place, place.text(), rename_from=True)
    reader = _Reader(place)
    changed = ast.unparse(ast.fix_missing_locations(reader.visit(tree)))
    bound = ("from", "to", "value", *map(_name, reader.found))
    test = compile_test(Field(place.source, place.key, Node(changed, place.line)), vocabulary, bound)
    return Comparison(test, tuple(path_of(place, name) for name in reader.found))


class _Reader(ast.NodeTransformer):
    """Puts a name in place of every comparison of the two runs, and refuses all else that is asked of them."""

    def __init__(self, place: Field) -> None:
        self.found: dict[str, None] = {}
        self._place = place

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [_of_run(side) for side in (node.left, *node.comparators)]
        if not any(sides):
            return self.generic_visit(node)
        names = {side[1] for side in sides if side}
        plain = len(sides) == 2 and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        if not plain or {side[0] for side in sides if side} != {FROM, "to"} or len(names) != 1 or None in sides:
            refuse(self._place, node, "runs are compared as in from.run.user != to.run.user")
        name = names.pop()
        if name not in COMPARED:
            refuse(self._place, node, f"runs have no {name[:40]!r} to compare{nearest(name, COMPARED)}")
        self.found[name] = None
        same = ast.Name(_name(name), ast.Load())
        return same if isinstance(node.ops[0], ast.Eq) else ast.UnaryOp(ast.Not(), same)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr == "run" and isinstance(node.value, ast.Name) and node.value.id in (FROM, "to"):
            refuse(self._place, node, "runs are compared as in from.run.user != to.run.user")
        return self.generic_visit(node)


def _of_run(node: ast.expr) -> tuple[str, str] | None:
    """Return `from` or `to` and a fact, of `from.run.fact`."""
    match node:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="to" | "fr0m" as side), attr="run"), attr=fact):
            return side, fact
    return None


def _name(fact: str) -> str:
    return f"same_{fact}_in_both_runs"
