"""From a checked tree to the tree that is compiled: every part of it is made here, nothing of the policy's is kept.

Why this is safe though it ends in Python's own compiler:

* The tree that is compiled holds only nodes made here, in `shorthand` and in `calls`. Their names are ours: `h_…`
  (functions, see `namespace`), `k_…` (constants), `l_…`, `e_…`, `x_…`, `t_…`, `n_…` and a few single letters. A name
  of the policy's text stands behind a prefix of its own (`v_…` for loop variables, `f_…` and `g_…` for fields that are
  kept), so it can reach nothing but itself.
* Attributes are made for methods of text, lists and objects on a fixed list, none of which leads out of the value;
  `x.field` is a call of `field_of`, which looks only into a dict or our tables.
* Values that reach an operation are JSON of a trace, our own views of events, and constants. Functions are never
  values: they may only be called by name; a lambda may only stand where one is expected.
* The namespace has no builtins.
* Work is bounded: without loops a condition is as long as its text; within loops every turn and every long value is
  paid for, from a budget that one rule has on one run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from spanwarden.policy.document import Field, nearest
from spanwarden.policy.expressions import scopes
from spanwarden.policy.expressions.namespace import call, fresh, name
from spanwarden.policy.expressions.scopes import Name, ScopeSpec
from spanwarden.policy.expressions.syntax import FROM, MAX_LOOPS, refuse

MAX_GENERATED = 20_000
"""Nodes that a condition may come to, macros expanded."""

_ARITHMETIC = {ast.Sub: "h_sub", ast.Mult: "h_mul", ast.Div: "h_div", ast.FloorDiv: "h_floordiv", ast.Mod: "h_mod"}
_ORDERS: dict[type[ast.cmpop], str] = {ast.Lt: "h_lt", ast.LtE: "h_lte", ast.Gt: "h_gt", ast.GtE: "h_gte"}
_LOOPS: dict[type[ast.expr], Callable[[ast.expr, list[ast.comprehension]], ast.expr]] = {
    ast.GeneratorExp: ast.GeneratorExp,
    ast.ListComp: ast.ListComp,
    ast.SetComp: ast.SetComp,
}


class Expressions:
    """Writes everything but calls, and takes note of what a condition uses."""

    def __init__(
        self,
        field: Field,
        scope: ScopeSpec,
        macros: Mapping[str, ast.expr],
        lists: Mapping[str, tuple[Any, ...]],
        bound: frozenset[str],
    ) -> None:
        self._field = field
        self._scope = scope
        self._macros = macros
        self._lists = lists
        self._bound = bound
        self.used: set[str] = set()
        self.needs: set[str] = set()
        self.ahead = False
        self.quantified = False
        self.in_run = False
        self.uses_bound = False
        self.eager: set[str] = set()
        self.lazy: set[str] = set()
        self.cached: set[str] = set()
        self.constants: dict[str, Any] = {}
        self._locals: list[str] = []
        self._open: list[str] = []
        self._loops = 0
        self._size = 0
        self._outer_uses = 0

    # Parts

    def expression(self, node: ast.expr) -> ast.expr:
        """Return the compiled form of one part."""
        self._size += 1
        if self._size > MAX_GENERATED:
            self._field.fail(f"more than {MAX_GENERATED} parts, macros included")
        return self.PARTS[type(node)](self, node)

    def _constant(self, node: ast.Constant) -> ast.expr:
        return ast.Constant(node.value)

    def _boolean(self, node: ast.BoolOp) -> ast.expr:
        sign = ast.And() if isinstance(node.op, ast.And) else ast.Or()
        return ast.BoolOp(sign, [self.expression(value) for value in node.values])

    def _unary(self, node: ast.UnaryOp) -> ast.expr:
        value = self.expression(node.operand)
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(ast.Not(), value)
        if isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float):
            return ast.UnaryOp(ast.USub() if isinstance(node.op, ast.USub) else ast.UAdd(), value)
        negative = call("h_negative", value)
        return negative if isinstance(node.op, ast.USub) else call("h_negative", negative)

    def _binary(self, node: ast.BinOp) -> ast.expr:
        left, right = self.expression(node.left), self.expression(node.right)
        if isinstance(node.op, ast.Add):
            return call("h_add_paid", name("w"), left, right) if self._paying() else call("h_add", left, right)
        if any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right)):
            refuse(self._field, node, "only '+' works on text")
        return call(_ARITHMETIC[type(node.op)], left, right)

    def _choice(self, node: ast.IfExp) -> ast.expr:
        return ast.IfExp(self.expression(node.test), self.expression(node.body), self.expression(node.orelse))

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set) -> ast.expr:
        items = [self.expression(item) for item in node.elts]
        if isinstance(node, ast.Set):
            return ast.Set(items)
        return ast.List(items, ast.Load()) if isinstance(node, ast.List) else ast.Tuple(items, ast.Load())

    def _dict(self, node: ast.Dict) -> ast.expr:
        keys = [self.expression(key) for key in node.keys if key is not None]
        return ast.Dict(list(keys), [self.expression(value) for value in node.values])

    # Names

    def _name(self, node: ast.Name) -> ast.expr:
        identifier = node.id
        if identifier in self._open:
            return name(f"v_{identifier}")
        shown = "from" if identifier == FROM and "from" in self._bound else identifier
        if shown in self._bound:
            self.used.add(shown)
            self.uses_bound = True
            self._outer_uses += 1
            return ast.Subscript(name("b"), ast.Constant(shown), ast.Load())
        if identifier in self._macros:
            return self._macro(node)
        if identifier in self._lists:
            self.used.add(identifier)
            return self._kept(self._lists[identifier])
        found = self._scope.names.get(identifier)
        if found is None:
            return self._unknown(node, identifier)
        self.used.add(identifier)
        self._outer_uses += 1
        self._note(found)
        return self._scoped(identifier, found)

    def _macro(self, node: ast.Name) -> ast.expr:
        # Variables of the condition are not the macro's; its own text decides what its names mean.
        outside, self._open = self._open, []
        try:
            return self.expression(self._macros[node.id])
        finally:
            self._open = outside

    def _scoped(self, identifier: str, found: Name) -> ast.expr:
        if found.attribute is not None:
            self.eager.add(found.attribute)
            return name(f"e_{found.attribute}")
        if found.loader is not None:
            return self._loaded(found.loader)
        at = "l_step" if self._scope.troy else "l_event"
        if found.steps:
            self.quantified = True
            first, last = {"steps": (0, None), "prev_steps": (0, 0), "next_steps": (1, None)}[identifier]
            low = ast.BinOp(name("i"), ast.Add(), ast.Constant(1)) if first else ast.Constant(0)
            return call("l_some", name(at), low, name("i") if last == 0 else name("n"), name("w"))
        if identifier == "step":
            return call(at, name("i"))
        return name(
            {"index": "i", "step_index": "i", "trace": "l_trace", "agent": "l_agent", "run": "l_run"}[identifier]
        )

    def _loaded(self, loader: str) -> ast.expr:
        """Return what is loaded on first use: at once inside of loops, where variables cannot be set."""
        self.lazy.add(loader)
        if self._loops:
            return call(f"l_{loader}", name("i"))
        return self._once(f"x_{loader}", call(f"l_{loader}", name("i")))

    def _once(self, variable: str, value: ast.expr) -> ast.expr:
        """Return a value that is worked out when an event first needs it, then kept for all conditions on the event."""
        self.cached.add(variable)
        held = name(variable)
        keep = ast.NamedExpr(ast.Name(variable, ast.Store()), value)
        return ast.IfExp(ast.Compare(held, [ast.IsNot()], [name("h_unset")]), held, keep)

    def _once_a_path(self, node: ast.Attribute, value: ast.expr) -> ast.expr:
        """Keep `args.a.b` and the like, of which several conditions tend to speak."""
        path: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        outside = (*self._open, *self._bound, *self._macros, *self._lists)
        if self._loops or not isinstance(root, ast.Name) or root.id in outside or root.id not in self._scope.names:
            return value
        return self._once("_".join(("f", root.id, *(f"{len(part)}{part}" for part in reversed(path)))), value)

    def _note(self, found: Name) -> None:
        if found.needs is not None:
            self.needs.add(found.needs)
        self.ahead = self.ahead or found.ahead

    def _unknown(self, node: ast.AST, identifier: str) -> NoReturn:
        if identifier in self._scope.functions or identifier in scopes.APART:
            refuse(self._field, node, f"{identifier} is a function: call it")
        known = {*self._scope.names, *self._bound, *self._macros, *self._lists}
        refuse(self._field, node, f"unknown name {identifier[:60]!r}{nearest(identifier, known)}")

    def _kept(self, value: Any) -> ast.expr:
        key = f"k_{len(self.constants)}_{fresh()}"
        self.constants[key] = value
        return name(key)

    # Fields and items

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr.startswith("_"):
            refuse(self._field, node, f"{node.attr[:60]!r} is not part of conditions")
        if self._scope.troy:
            refuse(
                self._field, node, f"'.{node.attr[:60]}' is not part of troy's conditions: write ['{node.attr[:60]}']"
            )
        if node.attr in scopes.FIELD_NEEDS and isinstance(node.value, ast.Name):
            self.needs.add(scopes.FIELD_NEEDS[node.attr])
        return self._once_a_path(node, call("h_field", self.expression(node.value), ast.Constant(node.attr)))

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.slice, ast.Slice):
            parts = [None if part is None else self.expression(part) for part in (node.slice.lower, node.slice.upper)]
            by = node.slice.step
            if not isinstance(by.operand if isinstance(by, ast.UnaryOp) else by, ast.Constant | None):
                refuse(self._field, node, "the step of a slice must be a number")
            step = None if by is None else self.expression(by)
            holder = self._charged(self._subscripted(node.value, call_or_text=True))
            return ast.Subscript(holder, ast.Slice(parts[0], parts[1], step), ast.Load())
        key = self._step_key(node.value, node.slice)
        if key is not None:
            return key
        if isinstance(node.slice, ast.Constant) and node.slice.value in ("input", "output"):
            self.needs.add(str(scopes.STEP_KEYS[node.slice.value].needs))
        holder, index = self.expression(node.value), self.expression(node.slice)
        return ast.Subscript(holder, index, ast.Load()) if self._scope.troy else call("h_item", holder, index)

    def _subscripted(self, node: ast.expr, *, call_or_text: bool) -> ast.expr:
        value = self.expression(node)
        return value if self._scope.troy or not call_or_text else call("h_or_text", value)

    def _step_key(self, holder: ast.expr, key: ast.expr) -> ast.expr | None:
        """Return `step['type']` and the like without making the whole step."""
        if not (isinstance(holder, ast.Name) and holder.id == "step" and isinstance(key, ast.Constant)):
            return None
        found = scopes.STEP_KEYS.get(key.value) if isinstance(key.value, str) else None
        if found is None or "step" in self._open or "step" in self._bound or found.loader is None:
            return None
        self.used.add("step")
        self._outer_uses += 1
        self._note(found)
        return self._loaded(found.loader)

    # Comparisons

    def _compare(self, node: ast.Compare) -> ast.expr:
        sides = [node.left, *node.comparators]
        pairs = [self._pair(sign, sides[at], sides[at + 1]) for at, sign in enumerate(node.ops)]
        return pairs[0] if len(pairs) == 1 else ast.BoolOp(ast.And(), pairs)

    def _pair(self, sign: ast.cmpop, left: ast.expr, right: ast.expr) -> ast.expr:
        if isinstance(sign, ast.In | ast.NotIn):
            found = self._membership(left, right)
            return found if isinstance(sign, ast.In) else ast.UnaryOp(ast.Not(), found)
        a, b = self.expression(left), self.expression(right)
        if type(sign) in _ORDERS and not self._scope.troy and not self._is_number(left):
            return self._ordered(sign, a, b, isinstance(right, ast.Constant) and right.value is not None)
        simple = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
        if isinstance(sign, ast.Eq | ast.NotEq) and self._paying() and not simple:
            found = call("h_equal_paid", name("w"), a, b)
            return found if isinstance(sign, ast.Eq) else ast.UnaryOp(ast.Not(), found)
        return ast.Compare(a, [type(sign)()], [b])

    def _ordered(self, sign: ast.cmpop, a: ast.expr, b: ast.expr, with_constant: bool) -> ast.expr:
        """Return a comparison in which what is unknown is neither more nor less than anything."""
        if self._loops or not with_constant:
            return call(_ORDERS[type(sign)], a, b)
        held = f"t_{fresh()}"
        known = ast.Compare(ast.NamedExpr(ast.Name(held, ast.Store()), a), [ast.IsNot()], [ast.Constant(None)])
        return ast.BoolOp(ast.And(), [known, ast.Compare(name(held), [type(sign)()], [b])])

    def _membership(self, left: ast.expr, right: ast.expr) -> ast.expr:
        a = self.expression(left)
        members = self._members(right)
        if members is not None:
            kept = self._kept(members)
            return ast.Compare(a, [ast.In()], [kept]) if self._is_text(left) else call("h_listed", a, kept)
        b = self._charged(self.expression(right))
        literal = isinstance(right, ast.Tuple | ast.List)
        return ast.Compare(a, [ast.In()], [b]) if self._scope.troy or literal else call("h_in", a, b)

    def _members(self, node: ast.expr) -> frozenset[Any] | None:
        """Return the members of a list of the policy or of a literal of texts."""
        if isinstance(node, ast.Name) and node.id in self._lists and node.id not in (*self._open, *self._bound):
            self.used.add(node.id)
            return frozenset(self._lists[node.id])
        if isinstance(node, ast.Tuple | ast.List | ast.Set) and all(
            isinstance(item, ast.Constant) for item in node.elts
        ):
            values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
            return frozenset(values) if values and all(isinstance(value, str) for value in values) else None
        return None

    def _is_text(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name) and node.id not in (*self._open, *self._bound) and node.id not in self._macros:
            found = self._scope.names.get(node.id)
            return found is not None and found.text
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "step":
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return (
                isinstance(key, str)
                and key in scopes.STEP_KEYS
                and scopes.STEP_KEYS[key].text
                and "step" not in self._open
            )
        return False

    def _is_number(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in ("index", "step_index") and node.id not in self._open
        return (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("len", "int", "float")
        )

    # Loops

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> ast.expr:
        self._enter(node)
        count = len(self._open)
        clauses = [self._clause(clause) for clause in node.generators]
        made: ast.expr
        if isinstance(node, ast.DictComp):
            made = ast.DictComp(self.expression(node.key), self.expression(node.value), clauses)
        else:
            made = _LOOPS[type(node)](self.expression(node.elt), clauses)
        del self._open[count:]
        self._loops -= 1
        return made

    def _clause(self, clause: ast.comprehension) -> ast.comprehension:
        source = self.expression(clause.iter)
        if not self._scope.troy:
            source = call("h_each", source)
        target = self._target(clause.target)
        conditions = [self.expression(condition) for condition in clause.ifs]
        return ast.comprehension(target, call("h_turns", name("w"), source), conditions, 0)

    def _target(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name):
            self._bind(node, node.id)
            return ast.Name(f"v_{node.id}", ast.Store())
        if isinstance(node, ast.Tuple) and all(isinstance(item, ast.Name) for item in node.elts):
            return ast.Tuple([self._target(item) for item in node.elts], ast.Store())
        return refuse(self._field, node, "a loop sets names only")

    def _bind(self, node: ast.AST, identifier: str) -> None:
        if identifier.startswith("_") or identifier in self._scope.functions or identifier in scopes.APART:
            refuse(self._field, node, f"{identifier[:60]!r} cannot be the name of a variable")
        self._open.append(identifier)

    def _enter(self, node: ast.AST) -> None:
        self.quantified = True
        self._loops += 1
        if self._loops > MAX_LOOPS:
            refuse(self._field, node, f"more than {MAX_LOOPS} loops inside one another")

    def predicate(self, node: ast.Lambda) -> tuple[ast.Lambda, bool]:
        """Return a lambda, and whether it depends on anything but its own argument."""
        self._enter(node)
        before, count, enclosing = self._outer_uses, len(self._open), list(self._open)
        given = node.args.args[0].arg
        self._bind(node, given)
        own = {part.id for part in ast.walk(node.body) if isinstance(part, ast.Name)}
        body = self.expression(node.body)
        del self._open[count:]
        self._loops -= 1
        argument = ast.arguments([], [ast.arg(f"v_{given}")], None, [], [], None, [])
        closed = self._outer_uses == before and own.isdisjoint(set(enclosing) - {given})
        return ast.Lambda(argument, body), closed

    def _stray_lambda(self, node: ast.Lambda) -> ast.expr:
        refuse(self._field, node, "a lambda stands only in any_step, any_prev, any_next or as a key=")

    def _call(self, node: ast.Call) -> ast.expr:
        raise NotImplementedError

    # Payment

    def _paying(self) -> bool:
        return self._loops > 0 or self.quantified

    def _charged(self, value: ast.expr) -> ast.expr:
        return call("h_paid", name("w"), value) if self._loops else value

    PARTS: Mapping[type[ast.expr], Callable[[Expressions, Any], ast.expr]] = {
        ast.Constant: _constant,
        ast.BoolOp: _boolean,
        ast.UnaryOp: _unary,
        ast.BinOp: _binary,
        ast.IfExp: _choice,
        ast.List: _sequence,
        ast.Tuple: _sequence,
        ast.Set: _sequence,
        ast.Dict: _dict,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Compare: _compare,
        ast.GeneratorExp: _comprehension,
        ast.ListComp: _comprehension,
        ast.SetComp: _comprehension,
        ast.DictComp: _comprehension,
        ast.Lambda: _stray_lambda,
        ast.Call: lambda self, node: self._call(node),
    }
