"""`unless` of rules: conditions that take a finding back, and why those that did not did not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from spanwarden.policy.document import Field, Node
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.conditions import Test, compile_test, troubles
from spanwarden.policy.vocabulary import Vocabulary

_NOTHING: Mapping[str, Any] = {}
_KEPT = frozenset(["state", "history"])


class Unmet(NamedTuple):
    """An `unless` that did not take a finding back: its text, where it is written, and why it did not."""

    text: str
    source: str
    line: int
    why: str


class _Told:
    """What was said of the candidate that a rule looked at last."""

    unmet: tuple[Unmet, ...] = ()


def excused(
    view: RunView,
    tests: Sequence[Test],
    index: int,
    bound: Mapping[str, int],
    facts: Mapping[str, Any] = _NOTHING,
    *,
    told: Iterable[Unmet] = (),
) -> bool:
    """Tell whether a condition takes back what would be a finding on the event at `index`.

    Conditions that keep what they are asked for (`seen`) are worked out whatever the others say. told: what has been
    held against the candidate elsewhere; kept for `unmet` with what does not hold.
    """
    held = False
    found = list(told)
    for test in tests:
        if held and not keeps(test):
            continue
        why = _refusal(test, view, index, bound, facts)
        if why is None:
            held = True
        else:
            found.append(unmet_by(test.where, why))
    view.once("unless.told", _Told).unmet = tuple(found)
    return held


def unmet(view: RunView) -> tuple[Unmet, ...]:
    """Return what did not take back the candidate that was looked at last, and forget it."""
    told = view.once("unless.told", _Told)
    found, told.unmet = told.unmet, ()
    return found


def unmet_by(where: Field, why: str) -> Unmet:
    """Return what did not take a finding back."""
    return Unmet(where.text(), where.source, where.line, why)


def keeps(test: Test) -> bool:
    """Tell whether a condition keeps what it is asked for."""
    return "state" in test.needs


def compile_excuses(place: Field | None, vocabulary: Vocabulary, bound: Iterable[str]) -> tuple[Test, ...]:
    """Compile `unless`: one condition or a list of them, of which one is enough. Raises PolicyError."""
    entries = () if place is None else place.entries() if place.is_list else (place,)
    return tuple(test for entry in entries for test in compile_excuse(entry, vocabulary, tuple(bound)))


def compile_excuse(place: Field, vocabulary: Vocabulary, bound: Sequence[str]) -> Iterator[Test]:
    """Compile one condition; what it joins by `or` becomes several where one of them keeps something."""
    whole = compile_test(place, vocabulary, bound)
    parts = list(_alternatives(place)) if keeps(whole) else []
    if len(parts) < 2:
        yield whole
        return
    for part in parts:
        yield compile_test(Field(place.source, place.key, Node(part, place.line)), vocabulary, bound)


def _alternatives(place: Field) -> Iterator[str]:
    from spanwarden.policy.expressions.syntax import parse

    text = place.text().strip()
    tree = parse(place, text, rename_from=True)
    if "\n" not in text and isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        # The renamed name is as long as the one it stands for, so the places are those of the text.
        encoded = text.encode()
        yield from (encoded[part.col_offset : part.end_col_offset].decode() for part in tree.values)


def _refusal(test: Test, view: RunView, index: int, bound: Mapping[str, int], facts: Mapping[str, Any]) -> str | None:
    """Return why a condition does not hold, None where it does."""
    noted = troubles(view)
    before = noted.take()
    held = test.holds(view, index, bound, facts)
    errors, needs = noted.take()
    noted.add(*before)
    noted.add(errors, needs)
    if held:
        return None
    if errors:
        return f"it failed: {next(iter(errors)).partition(': ')[2]}"
    if needs & _KEPT:
        return "it cannot be known: what other runs did is not known"
    if needs:
        return f"it does not hold, or cannot be known: the telemetry carries no {' and '.join(sorted(needs))}"
    return "it does not hold"
