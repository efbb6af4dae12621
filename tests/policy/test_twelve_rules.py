"""The twelve rules of examples/policies: each finds what it is for and leaves alone what it is not for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from spanwarden.policy.lint import lint
from spanwarden.policy.loading import load
from spanwarden.policy.testing import run_tests

FILE = Path(__file__).parents[2] / "examples" / "policies" / "twelve.yaml"
POLICY = load(str(FILE))


OUTCOMES = list(run_tests(POLICY, lambda _: ()))


@pytest.mark.parametrize("outcome", OUTCOMES, ids=[f"{o.rule}:{o.place.rsplit(':')[-1]}" for o in OUTCOMES])
def test_its_own_tests_hold(outcome) -> None:  # type: ignore[no-untyped-def]
    assert outcome.passed, outcome.failure


def test_every_rule_has_a_run_that_breaks_it_and_one_that_does_not() -> None:
    for rule in POLICY.rules:
        expected = [test.expect == "none" for test in POLICY.tests if test.rule == rule.id]
        assert set(expected) == {True, False}, rule.id


def test_it_is_the_twelve_and_nothing_is_doubtful() -> None:
    assert POLICY.warnings == ()
    assert len(POLICY.rules) == 13  # the twelfth is a pair: said but not done, and changed under us


def test_lint_has_nothing_to_say() -> None:
    assert [each for each in lint(POLICY, str(FILE), dt.date(2026, 1, 1)) if each.level != "info"] == []


def test_a_rule_that_is_switched_off_fails_its_tests(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    off = "".join(f"  {rule.id}: {{enabled: false}}\n" for rule in POLICY.rules)
    (tmp_path / "off.yaml").write_text(f"overrides:\n{off}{text}", encoding="utf-8")
    failed = {outcome.rule for outcome in run_tests(load("off.yaml", folder=tmp_path), lambda _: ()) if outcome.failure}
    assert failed == {rule.id for rule in POLICY.rules}
