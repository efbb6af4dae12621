"""Changes one thing in a rule: an operator, an operand, a constant, a key of its body."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

CONDITIONS = ("when", "where", "condition")
DROPPED_FROM = ("outcome", "unless", "finds", "same", "carries")
"""Lists of which each entry matters on its own; patterns of targets are left out, one test each would teach nothing."""
REMOVED = (
    "effect",
    "target",
    "detail",
    "outcome",
    "unless",
    "carries",
    "finds",
    "no_progress",
    "same",
    "of",
    "dedup",
    "mode",
)
_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
}


Path = tuple[str | int, ...]
"""Keys and positions from a rule down to a value."""


class Mutant(NamedTuple):
    """A changed rule or condition, and what was changed."""

    what: str
    changed: Any


def of_condition(text: str) -> Iterator[Mutant]:
    """Yield every mutant of a condition."""
    tree = ast.parse(text.strip(), mode="eval")
    count = sum(1 for _ in ast.walk(tree))
    for place in range(count):
        for change in range(12):
            again = copy.deepcopy(tree)
            node = list(ast.walk(again))[place]
            said = _change(again, node, change)
            if said is None:
                break
            yield Mutant(said, ast.unparse(ast.fix_missing_locations(again)))


def _change(tree: ast.Expression, node: ast.AST, change: int) -> str | None:
    """Make the change of this number to a node; return what it was, None where there are no more."""
    if isinstance(node, ast.BoolOp):
        return _bool_op(tree, node, change)
    if isinstance(node, ast.Compare):
        return _compare(node, change)
    if change:
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        said = ast.unparse(node)
        _replace(tree, node, node.operand)
        return f"without not: {said}"
    if isinstance(node, ast.Tuple) and all(isinstance(item, ast.Constant) for item in node.elts):
        said = ast.unparse(node)
        node.elts = []
        return f"emptied: {said}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "matches":
        said = ast.unparse(node.args[1])
        node.args[1] = ast.Constant("no text is like this")
        return f"another pattern: {said}"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
        return f"now {node.value}"
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += 1
        return f"now {node.value}"
    return None


def _bool_op(tree: ast.Expression, node: ast.BoolOp, change: int) -> str | None:
    if change == len(node.values):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return f"flipped to {ast.unparse(node)}"
    if change > len(node.values):
        return None
    said = ast.unparse(node.values[change])
    rest = [value for place, value in enumerate(node.values) if place != change]
    if len(rest) == 1:
        _replace(tree, node, rest[0])
    else:
        node.values = rest
    return f"dropped {said}"


def _compare(node: ast.Compare, change: int) -> str | None:
    if change == 0:
        said = ast.unparse(node)
        node.ops = [_FLIPPED[type(node.ops[0])](), *node.ops[1:]]
        return f"flipped {said}"
    other = node.comparators[0]
    if change == 1 and isinstance(other, ast.Constant) and isinstance(other.value, str):
        said = ast.unparse(node)
        other.value += "x"
        return f"another word in {said}"
    return None


def _replace(tree: ast.Expression, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return
            if isinstance(value, list) and any(item is old for item in value):
                setattr(parent, field, [new if item is old else item for item in value])
                return


def of_rule(rule: dict[str, Any]) -> Iterator[Mutant]:
    """Yield every mutant of a rule as written."""
    for path in list(_paths(rule)):
        key = path[-1]
        value = _at(rule, path)
        if key in CONDITIONS and isinstance(value, str):
            for mutant in of_condition(value):
                yield Mutant(f"{_dotted(path)}: {mutant.what}", _with(rule, path, mutant.changed))
        elif key in REMOVED and (len(path) > 1 or key in ("dedup", "mode")):
            yield Mutant(f"without {_dotted(path)}", _without(rule, path))
        if key in DROPPED_FROM and isinstance(value, list) and len(value) > 1:
            for place, item in enumerate(value):
                rest = [other for index, other in enumerate(value) if index != place]
                yield Mutant(f"{_dotted(path)} without {item}", _with(rule, path, rest))
        if isinstance(value, int) and not isinstance(value, bool) and key in ("gt", "times"):
            for other in (value - 1, value + 1):
                yield Mutant(f"{_dotted(path)} {other}", _with(rule, path, other))


def _paths(value: Any, above: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (*above, key)
            yield from _paths(child, (*above, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _paths(child, (*above, place))


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _at(rule: Any, path: Path) -> Any:
    for key in path:
        rule = rule[key]
    return rule


def _with(rule: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(rule)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _without(rule: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(rule)
    del _at(changed, path[:-1])[path[-1]]
    return changed
