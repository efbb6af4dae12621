"""The `tests:` of a policy file: small runs written step by step, and what a rule must or must not find in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from spanwarden.policy.document import Field, nearest
from spanwarden.policy.grammar import seconds
from spanwarden.policy.shapes import STEP_KEYS, TEST


class Step(msgspec.Struct, frozen=True):
    """One event as written. `at` is in ns from the beginning of its run, None where nothing is said."""

    kind: str
    name: str
    keys: dict[str, Any] = {}
    at: int | None = None


class TestRun(msgspec.Struct, frozen=True):
    """A run as written. `at` is in ns from the beginning of the first run of its test."""

    steps: tuple[Step, ...]
    agent: str | None = None
    conversation: str | None = None
    at: int = 0
    cost: float | None = None
    metadata: dict[str, Any] | None = None


class Expected(msgspec.Struct, frozen=True):
    """What is said of the findings of one rule. None where nothing is."""

    at: int | None = None
    source: int | None = None
    value: str | None = None
    severity: str | None = None
    mode: str | None = None
    times: int | None = None


class InlineTest(msgspec.Struct, frozen=True):
    """One test. `rule` is None where it is about all rules; `trace` is a recorded run instead of `runs`.

    `expect` is a verdict ("none", "finding", "not_evaluable"), the facts of a finding, or the ids of the rules that
    find something, no more and no less.
    """

    place: str
    rule: str | None
    runs: tuple[TestRun, ...]
    trace: Path | None
    expect: str | Expected | tuple[str, ...]
    name: str | None = None


def read_tests(field: Field, rules: Collection[str], path: Path | None) -> tuple[InlineTest, ...]:
    """Return the tests of a policy file, checked. Raises PolicyError.

    rules: the ids that there are. path: the policy file, beside which recorded runs lie; None for a pack.
    """
    return tuple(_read(entry, rules, path) for entry in field.entries())


def _read(entry: Field, rules: Collection[str], path: Path | None) -> InlineTest:
    keys = TEST.fields(entry)
    rule = _rule(keys["rule"], rules) if "rule" in keys else None
    expect = _expected(keys["expect"], rules)
    if rule is None and not isinstance(expect, tuple) and expect != "none":
        entry.fail("a test without 'rule' expects 'none' or a list of rule ids")
    if rule is not None and isinstance(expect, tuple):
        keys["expect"].fail("a list of rules goes with a test without 'rule'")
    agent = keys["agent"].text() if "agent" in keys else None
    if "run" in keys:
        runs: tuple[TestRun, ...] = (TestRun(_steps(keys["run"].entries()), agent),)
    else:
        runs = tuple(_run(each, agent) for each in keys["runs"].entries()) if "runs" in keys else ()
    return InlineTest(
        f"{entry.source}:{entry.line}",
        rule,
        runs,
        _trace(keys["trace"], path) if "trace" in keys else None,
        expect,
        keys["name"].text() if "name" in keys else None,
    )


def _rule(place: Field, rules: Collection[str]) -> str:
    name = place.text()
    if name not in rules:
        place.fail(f"{name[:100]!r} is no rule of this policy{nearest(name, rules)}")
    return name


def _expected(place: Field, rules: Collection[str]) -> str | Expected | tuple[str, ...]:
    if place.is_list:
        return tuple(_rule(entry, rules) for entry in place.entries())
    if not place.is_mapping:
        return place.text()
    facts: dict[str, Any] = {name: field.node.value for name, field in place.mapping().items()}
    return Expected(**facts)


def _run(place: Field, agent: str | None) -> TestRun:
    keys = place.mapping()
    return TestRun(
        _steps(keys["steps"].entries()),
        keys["agent"].text() if "agent" in keys else agent,
        keys["conversation"].text() if "conversation" in keys else None,
        _ns(keys["at"]) if "at" in keys else 0,
        keys["cost"].number() if "cost" in keys else None,
        {name: value.node.value for name, value in keys["metadata"].mapping().items()} if "metadata" in keys else None,
    )


def _steps(places: Iterable[Field]) -> tuple[Step, ...]:
    found = []
    for place in places:
        keys = place.mapping()
        kind = next(name for name in keys if name in STEP_KEYS)
        rest = {name: field.plain for name, field in keys.items() if name not in (kind, "at")}
        found.append(Step(kind, keys[kind].text(), rest, _ns(keys["at"]) if "at" in keys else None))
    return tuple(found)


def _ns(place: Field) -> int:
    return int(seconds(place) * 1e9)


def _trace(place: Field, path: Path | None) -> Path:
    if path is None:
        place.fail("a pack has no files beside it")
    folder = path.parent
    name = place.text()
    if "\0" in name or not (folder / name).resolve().is_relative_to(folder.resolve()):
        place.fail(f"{name[:200]!r} is outside of the folder of this file")
    return folder / name
