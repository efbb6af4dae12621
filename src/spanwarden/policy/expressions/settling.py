"""Which conditions can only become true as a run goes on, so that what they say may be told before its end.

While a run goes on it holds only calls that surely happened, and more of them may come, before and between those that
are there. What a condition says of them may be told at once where more telemetry can only make it true:

* the tool of an event stays once it is told; a kind stays; effects are only added to; what succeeded may prove to
  have failed
* `any(... for t in effects.targets)` and `any_prev(lambda e: ...)` stay true, and nothing in them may fail: what fails
  on a target or step that comes later would take the finding back
* nothing of this may stand behind `not`

All else (content, metadata, cost, positions, later steps, other runs, who the agent was) waits for the end.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from spanwarden.policy.expressions.scopes import EVENT

_SETS = frozenset(["kinds", "targets", "details"])
_PURE = frozenset(["len", "str", "int", "float", "domain", "path_in", "matches", "minutes", "hours", "days"])
_TOTAL = frozenset(["domain", "path_in", "matches", "str"])
"""Functions that cannot fail, given texts."""
_TO_TEXT = frozenset(["lower", "upper", "casefold", "strip", "lstrip", "rstrip", "removeprefix", "removesuffix"])
_TO_TRUTH = frozenset(["startswith", "endswith"])
_STEP_TEXTS = frozenset(["tool", "kind", "type"])
_STILL_OPEN = frozenset(["ok", "error"])


class Loop:
    """What the loop around a part runs over: nothing, texts, effects or earlier steps."""

    def __init__(self, variable: str | None = None, over: str = "") -> None:
        self.variable = variable
        self.over = over

    def is_variable(self, node: ast.expr) -> bool:
        """Tell whether a part is the loop's variable."""
        return isinstance(node, ast.Name) and node.id == self.variable


class Reading:
    """Decides whether a condition can only become true. `used` are the names that it does so with."""

    def __init__(self, lists: Collection[str]) -> None:
        self._lists = lists
        self.used: set[str] = set()

    def grows(self, node: ast.expr, loop: Loop) -> bool:
        """Tell whether a part, once it is true, stays true."""
        if self._settled(node, loop):
            return True
        if isinstance(node, ast.BoolOp):
            return all(self.grows(value, loop) for value in node.values)
        if isinstance(node, ast.Compare):
            return len(node.ops) == 1 and self._comparison(node.left, node.ops[0], node.comparators[0], loop)
        return isinstance(node, ast.Call) and self._call(node, loop)

    def _comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr, loop: Loop) -> bool:
        if isinstance(sign, ast.Eq):
            return any(self._telling(a) and self._told(b, loop) for a, b in ((left, right), (right, left)))
        if not isinstance(sign, ast.In):
            return False
        if self._growing_set(right, loop):
            return self._settled(left, loop)
        if not self._told(left, loop):
            return False
        if isinstance(right, ast.Name):
            return self._is_list(right)
        return isinstance(right, ast.Tuple | ast.List | ast.Set) and all(map(self._telling, right.elts))

    def _call(self, node: ast.Call, loop: Loop) -> bool:
        if node.keywords:
            return False
        if isinstance(node.func, ast.Attribute):
            given = node.func.attr in _TO_TRUTH and len(node.args) == 1 and self._telling(node.args[0])
            return given and self._told(node.func.value, loop)
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called == "matches":
            return self._told(node.args[0], loop)
        if called == "path_in" and isinstance(node.args[0], ast.Name) and node.args[0].id == "step":
            self.used.add("effects")
            return loop.over != "steps" and not loop.is_variable(node.args[0]) and self._settled(node.args[1], loop)
        if loop.variable is not None:
            return False
        if called == "any":
            return isinstance(node.args[0], ast.GeneratorExp | ast.ListComp) and self._any(node.args[0])
        if called == "any_prev" and isinstance(node.args[0], ast.Lambda):
            variable = node.args[0].args.args[0].arg
            return self._is_new(variable) and self.grows(node.args[0].body, Loop(variable, "steps"))
        return False

    def _any(self, loop: ast.GeneratorExp | ast.ListComp) -> bool:
        (clause,) = loop.generators if len(loop.generators) == 1 else (None,)
        if clause is None or not isinstance(clause.target, ast.Name) or not self._is_new(clause.target.id):
            return False
        if isinstance(clause.iter, ast.Name) and clause.iter.id == "effects":
            self.used.add("effects")
            inner = Loop(clause.target.id, "effects")
        elif self._growing_set(clause.iter, Loop()):
            inner = Loop(clause.target.id, "texts")
        else:
            return False
        return all(self.grows(part, inner) for part in (loop.elt, *clause.ifs))

    def _growing_set(self, node: ast.expr, loop: Loop) -> bool:
        """Tell whether a part is `effects.kinds` or the like, of this event or of an earlier step."""
        if not (isinstance(node, ast.Attribute) and node.attr in _SETS):
            return False
        holder = node.value
        if loop.over == "steps":
            found = isinstance(holder, ast.Attribute) and holder.attr == "effects" and loop.is_variable(holder.value)
        else:
            found = isinstance(holder, ast.Name) and holder.id == "effects" and not loop.is_variable(holder)
        if found:
            self.used.add("effects")
        return found

    def _told(self, node: ast.expr, loop: Loop) -> bool:
        """Tell whether a part is a text that stays once it is told, and until then is unknown."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            plain = node.func.attr in _TO_TEXT and not node.args and not node.keywords
            return plain and self._told(node.func.value, loop)
        if isinstance(node, ast.Name):
            return node.id in ("kind", "type", "tool") and loop.over != "steps" and not loop.is_variable(node)
        if isinstance(node, ast.Attribute) and loop.is_variable(node.value):
            fields = {"steps": _STEP_TEXTS, "effects": ("kind", "target", "detail")}.get(loop.over, ())
            return node.attr in fields
        return False

    def _settled(self, node: ast.expr, loop: Loop) -> bool:
        """Tell whether what a part comes to stays as it is; inside of loops also that it cannot fail."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            return self._settled_name(node, loop)
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return all(self._settled(item, loop) for item in node.elts)
        if isinstance(node, ast.BoolOp):
            return all(self._settled(value, loop) for value in node.values)
        if isinstance(node, ast.UnaryOp):
            safe = isinstance(node.op, ast.Not) or loop.variable is None
            return safe and self._settled(node.operand, loop)
        if isinstance(node, ast.Compare):
            return self._settled_comparison(node, loop)
        if isinstance(node, ast.Call):
            return self._settled_call(node, loop)
        if isinstance(node, ast.IfExp):
            return all(self._settled(part, loop) for part in (node.test, node.body, node.orelse))
        if loop.variable is None and isinstance(node, ast.BinOp):
            return self._settled(node.left, loop) and self._settled(node.right, loop)
        return False

    def _settled_name(self, node: ast.Name, loop: Loop) -> bool:
        if loop.is_variable(node):
            return loop.over == "texts"
        # A step before this one may be without a name so far; events without one are not told of early.
        return self._is_list(node) or (node.id == "tool" and loop.over != "steps")

    def _settled_comparison(self, node: ast.Compare, loop: Loop) -> bool:
        if isinstance(node.left, ast.Name) and node.left.id == "status" and loop.over != "steps":
            return len(node.ops) == 1 and _unmoved(node.ops[0], node.comparators[0])
        if loop.variable is not None and not all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            right = node.comparators[0]
            listed = isinstance(right, ast.Tuple | ast.List | ast.Set) or self._is_list(right)
            searched = listed or self._text(right, loop)
            if not (len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn) and searched):
                return False
            if not listed and not self._text(node.left, loop):
                return False
        return all(self._settled(side, loop) for side in (node.left, *node.comparators))

    def _text(self, node: ast.expr, loop: Loop) -> bool:
        """Tell whether a part is a text, whatever comes."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr in _TO_TEXT and self._text(node.func.value, loop)
        return loop.over == "texts" and loop.is_variable(node)

    def _settled_call(self, node: ast.Call, loop: Loop) -> bool:
        if node.keywords or not all(self._settled(item, loop) for item in node.args):
            return False
        if isinstance(node.func, ast.Attribute):
            if node.func.attr not in _TO_TEXT | _TO_TRUTH or not self._settled(node.func.value, loop):
                return False
            return loop.variable is None or (self._text(node.func.value, loop) and all(map(self._telling, node.args)))
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        if called == "path_in" and loop.variable is not None:
            return isinstance(node.args[1], ast.Constant) or self._is_list(node.args[1])
        return called in (_PURE if loop.variable is None else _TOTAL)

    def _is_list(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self._lists

    def _is_new(self, variable: str) -> bool:
        return variable not in self._lists and variable not in EVENT.names

    @staticmethod
    def _telling(node: ast.expr) -> bool:
        """Tell whether a part is a literal text that nothing unknown is equal to."""
        return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)


def _unmoved(sign: ast.cmpop, right: ast.expr) -> bool:
    """Tell whether a test of `status` is the same for a call that succeeded and one that proves to have failed."""
    items = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else [right]
    if not isinstance(sign, ast.Eq | ast.NotEq | ast.In | ast.NotIn) or not all(
        isinstance(item, ast.Constant) for item in items
    ):
        return False
    if isinstance(sign, ast.In | ast.NotIn) and items == [right]:
        return False
    named = {item.value for item in items if isinstance(item, ast.Constant)}
    return len(named & _STILL_OPEN) != 1
