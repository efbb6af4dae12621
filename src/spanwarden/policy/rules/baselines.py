"""Limits of aggregates: a number, or one that grows with what was usual before.

```yaml
gt: "max(200, 4 * baseline('p95', '14d'))"
```

Such a text is made of numbers, `+`, `*`, `max`, `min` and `baseline`, so that it never falls when a baseline rises:
what stays below its value without any baseline (the floor) is below it for certain.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from spanwarden.policy.document import Field, Node, nearest
from spanwarden.policy.expressions.syntax import parse, refuse
from spanwarden.policy.grammar import seconds
from spanwarden.policy.state import CrossRunState, Key

MAX_BASELINES = 4
_FUNCTIONS = ("baseline", "max", "min")
_PERCENTILE = re.compile(r"p([1-9][0-9]?|100)")
_Worth = Callable[[Sequence[float]], float]
"""What a part of a limit comes to, given what each baseline does."""


class Baseline(NamedTuple):
    """A percentile (1 to 100) of what windows of a time (ns) came to."""

    percentile: int
    span: int


class History(NamedTuple):
    """Where what runs came to is kept: one sample a run, with the most that it came to."""

    state: CrossRunState
    topic: str
    key: Key
    run: str

    def usual(self, baseline: Baseline, window: int, until: int) -> float | None:
        """Return the percentile of what each window came to, 0 where there was none; None where that is not known.

        until: the end of the last window (ns). Of a window the most counts that any run in it came to; windows in which
        no run was do not count.
        """
        samples = self.state.others(self.topic, self.key, self.run, max(0, until - baseline.span), until)
        if samples is None:
            return None
        most: dict[int, float] = {}
        for sample in samples:
            number = (until - sample.time) // window
            most[number] = max(sample.amount, most.get(number, sample.amount))
        values = sorted(most.values())
        return values[math.ceil(len(values) * baseline.percentile / 100) - 1] if values else 0.0


class Limit(msgspec.Struct, frozen=True):
    """A compiled limit. `floor` is its value where there was nothing before; `text` is how it is written."""

    floor: float
    text: str = ""
    baselines: tuple[Baseline, ...] = ()
    worth: _Worth | None = None

    def value(self, history: History, window: int, until: int) -> float | None:
        """Return the limit by what was usual in windows (ns) up to a time (ns), None where that is not known."""
        usual = [history.usual(baseline, window, until) for baseline in self.baselines]
        known = [each for each in usual if each is not None]
        if self.worth is None or len(known) < len(usual):
            return None
        return self.worth(known)


def read_limit(place: Field) -> Limit:
    """Compile a limit. Raises PolicyError with line and column."""
    if not isinstance(place.node.value, str):
        return Limit(place.number())
    tree = parse(place, place.text())
    baselines: list[Baseline] = []
    worth = _part(place, tree, baselines)
    if len(baselines) > MAX_BASELINES:
        place.fail(f"more than {MAX_BASELINES} baselines")
    floor = worth([0.0] * len(baselines))
    if not math.isfinite(floor):
        place.fail("is more than a number can be")
    if not baselines:
        return Limit(floor)
    if floor <= 0:
        place.fail("needs a limit for the time before there is a baseline, such as max(200, …)")
    return Limit(floor, place.text().strip(), tuple(baselines), worth)


def _part(place: Field, node: ast.expr, baselines: list[Baseline]) -> _Worth:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        plain = float(node.value)
        return lambda _: plain
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
        first, second = _part(place, node.left, baselines), _part(place, node.right, baselines)
        if isinstance(node.op, ast.Add):
            return lambda usual: first(usual) + second(usual)
        return lambda usual: first(usual) * second(usual)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)) or node.keywords:
        refuse(place, node, "a limit is made of numbers, '+', '*', max(), min() and baseline('p95', '14d')")
    return _called(place, node, node.func.id, baselines)


def _called(place: Field, node: ast.Call, called: str, baselines: list[Baseline]) -> _Worth:
    if called not in _FUNCTIONS:
        refuse(place, node, f"a limit knows no {called[:60]!r}{nearest(called, _FUNCTIONS)}")
    if called == "baseline":
        baselines.append(_baseline(place, node))
        number = len(baselines) - 1
        return lambda usual: usual[number]
    if len(node.args) < 2:
        refuse(place, node, f"{called}() takes two numbers or more")
    parts = [_part(place, arg, baselines) for arg in node.args]
    chosen = max if called == "max" else min
    return lambda usual: chosen(part(usual) for part in parts)


def _baseline(place: Field, node: ast.Call) -> Baseline:
    given = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if len(given) != 2 or len(node.args) != 2:
        refuse(place, node, "baseline() takes a percentile and a time: baseline('p95', '14d')")
    percentile = _PERCENTILE.fullmatch(given[0])
    if percentile is None:
        refuse(place, node, f"{given[0][:20]!r} is no percentile from p1 to p100")
    span = seconds(Field(place.source, place.key, Node(given[1], place.line)))
    return Baseline(int(percentile.group(1)), int(span * 1e9))
