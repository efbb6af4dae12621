"""What may be wrong with a policy although it compiles: rules that cannot fire, misfire, or that nothing tests."""

from __future__ import annotations

import ast
import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import msgspec

from spanwarden.dialects.metadata_keys import NAMES
from spanwarden.model.event import EffectKind, Kind, Status
from spanwarden.policy.document import Field, nearest
from spanwarden.policy.documents import gather
from spanwarden.policy.expressions.patterns import PatternError, compiled
from spanwarden.policy.metadata import DERIVED
from spanwarden.policy.overview import macros_for, rule_overviews, texts_of
from spanwarden.policy.policy import Policy
from spanwarden.policy.rule_list import NativeRule
from spanwarden.policy.shapes import GROUPS

Level = Literal["warning", "info"]
LOOKALIKES = (
    "confirm_order",
    "transform_rows",
    "get_information",
    "upskill_lookup",
    "browser_snapshot",
    "list_formats",
)
"""Names of harmless tools, with a short word of harm inside of a longer one."""
_KNOWN: Mapping[str, frozenset[str]] = {
    "type": frozenset((*get_args(Kind), "observation")),
    "kind": frozenset((*get_args(Kind), *get_args(EffectKind))),
    "status": frozenset(get_args(Status)),
    "kinds": frozenset((*get_args(EffectKind), *GROUPS)),
}
"""Fields that have a known set of values; `e.kind` may be that of an effect."""
_METADATA = DERIVED | NAMES | {"get", "keys", "values", "items"}
_CONDITIONS = ("when", "where", "unless", "expr", "condition")


class Problem(msgspec.Struct, frozen=True):
    """Something that may be wrong. `place` is file and line; an info alone fails nothing."""

    level: Level
    place: str
    rule: str | None
    message: str


def lint(policy: Policy, source: str, today: dt.date) -> list[Problem]:
    """Return what may be wrong with a policy, in the order of its rules.

    source: what it was loaded from. today: the day by which exceptions have ended.
    """
    documents = gather(source)
    found = [Problem("warning", *_split(warning)) for warning in policy.warnings]
    macros = macros_for(documents[-1], documents)
    own = [native for native in policy.rule_list if native.where.source == documents[-1].source]
    for native in own:
        found += _missing(native, policy)
        found += _conditions(native, macros)
        found += _ended(native, today)
    found += _information(policy, source, {native.rule.id for native in own})
    return found


def _split(warning: str) -> tuple[str, None, str]:
    place, _, message = warning.partition(": ")
    return place, None, message


def _place(field: Field) -> str:
    return f"{field.source}:{field.line}"


def _missing(native: NativeRule, policy: Policy) -> Iterator[Problem]:
    rule, place = native.rule.id, _place(native.where)
    keys = native.where.mapping()
    for key in ("description", "tags", "severity"):
        if key not in keys:
            yield Problem("warning", place, rule, f"has no {key}")
    tests = [test for test in policy.tests if test.rule == rule or isinstance(test.expect, tuple)]
    named = [test.expect for test in tests if test.rule == rule]
    fires = any(e not in ("none", "not_evaluable") for e in named) or any(
        rule in test.expect for test in tests if isinstance(test.expect, tuple)
    )
    if not fires:
        yield Problem("warning", place, rule, "no test shows that it fires")
    if "none" not in named and not any(isinstance(t.expect, tuple) and rule not in t.expect for t in tests):
        yield Problem("warning", place, rule, "no test shows where it stays silent")
    if native.tuning.enabled is False:
        yield Problem("warning", place, rule, "is switched off")


def _conditions(native: NativeRule, macros: Mapping[str, str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for field in texts_of(native.where):
        if field.key.rpartition(".")[2].partition("[")[0] not in _CONDITIONS:
            continue
        tree = _tree(field.text(empty=True))
        if tree is None:
            continue
        pending = [tree]
        used = False
        while pending:
            part = pending.pop()
            names = {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
            used = used or bool(names - macros.keys())
            for name in sorted((names & macros.keys()) - seen):
                seen.add(name)
                opened = _tree(macros[name])
                pending += [opened] if opened is not None else []
            for message in _suspicious(part, macros):
                yield Problem("warning", _place(field), native.rule.id, message)
        if not used and not seen:
            yield Problem("warning", _place(field), native.rule.id, "the condition is the same for every event")


def _tree(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # such as use the bound name `from`; the compiler has taken them


def _suspicious(tree: ast.expr, macros: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from _never(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "matches":
            yield from _patterns(node, macros)
        elif isinstance(node, ast.Attribute) and _named(node.value) == "metadata" and node.attr not in _METADATA:
            hint = nearest(node.attr, _METADATA)
            yield f"nothing derives metadata.{node.attr}, only a sender or the settings' table may bring it{hint}"


def _named(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _never(node: ast.Compare) -> Iterator[str]:
    """Yield comparisons of a field with a value that it never has."""
    sides = [node.left, *node.comparators]
    for left, right in itertools.pairwise(sides):
        for field, other in ((left, right), (right, left)):
            name = _named(field)
            if name is None or name not in _KNOWN:
                continue
            values = other.elts if isinstance(other, ast.Tuple | ast.List | ast.Set) else [other]
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value not in _KNOWN[name]:
                    yield f"{name} is never {value.value[:60]!r}{nearest(value.value, _KNOWN[name])}"


def _patterns(node: ast.Call, macros: Mapping[str, str]) -> Iterator[str]:
    if len(node.args) != 2:
        return
    pattern: ast.expr | None = node.args[1]
    if isinstance(pattern, ast.Name):
        pattern = _tree(macros.get(pattern.id, ""))
    if not isinstance(pattern, ast.Constant) or not isinstance(pattern.value, str):
        return
    try:
        found = compiled(pattern.value)
    except PatternError:
        return
    shown = pattern.value if len(pattern.value) <= 60 else pattern.value[:59] + "…"
    if found.search(""):
        yield f"the pattern {shown!r} fits every text"
    elif _named(node.args[0]) in ("tool", "description") or _is_description(node.args[0]):
        hits = [name for name in LOOKALIKES if found.search(name)]
        if hits:
            yield f"the pattern {shown!r} also fits {hits[0]!r}: anchor it, or ask for effects"


def _is_description(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "description"
    )


def _ended(native: NativeRule, today: dt.date) -> Iterator[Problem]:
    keys = native.where.mapping()
    for entry in keys["exceptions"].entries() if "exceptions" in keys else ():
        until = entry.mapping().get("until")
        if until is not None and dt.date.fromisoformat(until.text()) < today:
            yield Problem("warning", _place(until), native.rule.id, f"the exception ended on {until.text()}")


def _information(policy: Policy, source: str, own: set[str]) -> Iterator[Problem]:
    for native, seen in zip(policy.rule_list, rule_overviews(policy, source), strict=True):
        if native.rule.id in own:
            when = "while the run goes on" if getattr(native.rule, "early", False) else "once the run is over"
            message = f"is judged {when}; needs {', '.join(seen.needs) or 'nothing'}"
            yield Problem("info", _place(native.where), native.rule.id, message)
