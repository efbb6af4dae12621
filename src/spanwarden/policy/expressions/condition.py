"""Compiled conditions: what a rule calls on an event."""

from __future__ import annotations

import ast
import itertools
import warnings
from collections.abc import Callable, Collection, Mapping
from types import CodeType
from typing import Any

from spanwarden.policy.document import Field
from spanwarden.policy.expressions.calls import Generator
from spanwarden.policy.expressions.namespace import HELPERS, call, name
from spanwarden.policy.expressions.running import Running, running
from spanwarden.policy.expressions.scopes import EVENT, ScopeSpec
from spanwarden.policy.expressions.syntax import parse
from spanwarden.policy.rules.base import RunView

_NOTHING: Mapping[str, Any] = {}
_keys = itertools.count(1)


class Condition:
    """A condition, compiled once, worked out on any number of events.

    names: the names that it uses, macros opened. needs: what the telemetry must carry for it (arguments, results, text,
    cost, usage, times, state). lookahead: it looks at later steps, so that it can only be judged once the run is over.
    quantified: it loops over steps or values, and takes steps from a budget per run.
    """

    __slots__ = ("_function", "_key", "generated", "lookahead", "names", "needs", "quantified")

    def __init__(self, generated: Generated) -> None:
        self.generated = generated
        self.names = generated.names
        self.needs = generated.needs
        self.lookahead = generated.lookahead
        self.quantified = generated.quantified
        self._function = _function(generated)
        self._key = next(_keys)

    def value(self, view: RunView, index: int, bound: Mapping[str, Any] = _NOTHING) -> Any:
        """Return what the condition comes to for the event at `index`.

        `bound` holds a value for each name that it was compiled with as bound; an event is given by `at_event`. Raises
        whatever the condition's parts raise, see `errors.described`; UnknownError where what it asks for is not known.
        """
        run = running(view)
        return self._function(run, index, run.work(self._key), bound)

    def on(self, view: RunView) -> Callable[[int], Any]:
        """Return a function from an event's position to what the condition comes to there; see `value`."""
        run = running(view)
        function, work = self._function, run.work(self._key)
        return lambda index: function(run, index, work, _NOTHING)

    def test(self, view: RunView, index: int, bound: Mapping[str, Any] = _NOTHING) -> bool:
        """Tell whether the condition holds: whether what it comes to is true, not empty, not zero and not None."""
        return bool(self.value(view, index, bound))


class Generated:
    """What the generator made of a condition, for a function of its own or one shared with others."""

    __slots__ = (
        "cached",
        "constants",
        "eager",
        "in_run",
        "lazy",
        "lookahead",
        "names",
        "needs",
        "quantified",
        "tree",
        "uses_bound",
    )

    def __init__(self, tree: ast.expr, generator: Generator) -> None:
        self.tree = tree
        self.names = frozenset(generator.used)
        self.needs = frozenset(generator.needs)
        self.lookahead = generator.ahead
        self.quantified = generator.quantified
        self.in_run = generator.in_run
        self.uses_bound = generator.uses_bound
        self.eager = frozenset(generator.eager)
        self.lazy = frozenset(generator.lazy)
        self.cached = frozenset(generator.cached)
        self.constants = generator.constants


def compile_condition(
    field: Field,
    scope: ScopeSpec = EVENT,
    *,
    macros: Mapping[str, str] = _NOTHING,
    lists: Mapping[str, tuple[Any, ...]] = _NOTHING,
    bound: Collection[str] = (),
) -> Condition:
    """Compile the condition that a field of a policy holds.

    macros: conditions by name, which are put in place of their names. lists: constants by name. bound: further names,
    whose values come with every evaluation (`from`, `to`, `value`). Raises PolicyError with file, line and column.
    """
    names = frozenset(bound)
    tree = parse(field, field.text(), rename_from="from" in names)
    generator = Generator(field, scope, opened(field, tree, macros, names), lists, names)
    return Condition(Generated(generator.expression(tree), generator))


def at_event(view: RunView, index: int) -> Any:
    """Return an event as the value of a bound name, so that `name.tool` and the like can be asked."""
    return running(view).event(index)


def opened(field: Field, tree: ast.expr, macros: Mapping[str, str], bound: frozenset[str]) -> dict[str, ast.expr]:
    """Return the macros that a condition uses, directly or through others, parsed. Cycles are refused."""
    found: dict[str, ast.expr] = {}
    uses: dict[str, frozenset[str]] = {}
    pending = sorted(_used(tree) & macros.keys())
    while pending:
        macro = pending.pop()
        if macro in found:
            continue
        found[macro] = parse(field, macros[macro], rename_from="from" in bound)
        uses[macro] = frozenset(_used(found[macro]) & macros.keys())
        pending.extend(sorted(uses[macro]))
    done: set[str] = set()
    while len(done) < len(uses):
        ready = [macro for macro, used in uses.items() if macro not in done and used <= done]
        if not ready:
            field.fail(f"the macro {min(uses.keys() - done)!r} uses itself")
        done.update(ready)
    return found


def _used(tree: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def prologue(loaders: Collection[str]) -> list[ast.stmt]:
    """Return the statements that take what conditions use out of the run, once a call."""
    methods = {"l_step": "step", "l_event": "event", "l_some": "some", "l_any": "any_of", "l_search": "search"}
    methods |= {"l_trace": "trace_dict", "l_agent": "agent_dict", "l_run": "run_view", "l_events": "events"}
    methods |= {f"l_{loader}": loader for loader in loaders}
    set_up = [_set(ours, ast.Attribute(name("c"), theirs, ast.Load())) for ours, theirs in methods.items()]
    return [*set_up, _set("n", call("h_len", name("l_events")))]


def event_prologue(attributes: Collection[str], cached: Collection[str]) -> list[ast.stmt]:
    """Return the statements that make ready for one event."""
    body = [_set(f"e_{a}", ast.Attribute(name("e"), a, ast.Load())) for a in sorted(attributes)]
    return [*body, *(_set(variable, name("h_unset")) for variable in sorted(cached))]


def _set(target: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(target, ast.Store())], value)


def _used_names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _function(generated: Generated) -> Callable[[Running, int, Any, Mapping[str, Any]], Any]:
    used = _used_names(generated.tree)
    body = [statement for statement in prologue(generated.lazy) if _wanted(statement, used)]
    if generated.eager:
        at = ast.Subscript(ast.Attribute(name("c"), "events", ast.Load()), name("i"), ast.Load())
        body.append(_set("e", at))
    body += event_prologue(generated.eager, generated.cached)
    return define([*body, ast.Return(generated.tree)], ("c", "i", "w", "b"), generated.constants)


def _wanted(statement: ast.stmt, used: set[str]) -> bool:
    assert isinstance(statement, ast.Assign)
    target = statement.targets[0]
    assert isinstance(target, ast.Name)
    return target.id in used or (target.id == "l_events" and "n" in used)


def define(body: list[ast.stmt], parameters: tuple[str, ...], constants: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function with a generated body, in a namespace of our functions without builtins."""
    arguments = ast.arguments([], [ast.arg(parameter) for parameter in parameters], None, [], [], None, [])
    function = ast.FunctionDef("condition", arguments, body, [])
    module = ast.fix_missing_locations(ast.Module([function], []))
    namespace: dict[str, Any] = {"__builtins__": {}, "h_len": len, **HELPERS, **constants}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of `is` beside a literal
        code: CodeType = compile(module, "<condition>", "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102 - a tree that generation.py made, see there
    defined: Callable[..., Any] = namespace["condition"]
    return defined
