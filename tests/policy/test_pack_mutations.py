"""Whatever is changed in a rule of a pack, one of the pack's own tests fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.packs.mutants import of_condition, of_rule
from spanwarden.policy.document import PolicyError
from spanwarden.policy.loading import load, pack_names
from spanwarden.policy.testing import run_tests

EVERY = int(os.environ.get("SPANWARDEN_EVERY_MUTANT", "1"))
"""One of so many mutants is tried."""
EQUIVALENT: dict[str, str] = {
    "asi10-works-around-denial: when: dropped any_prev(lambda s: s.status == 'denied')": "asks first what is cheap",
}
"""Mutants that change nothing, by rule and change, and why."""


def written(pack: str) -> dict[str, Any]:
    text = files("spanwarden.policy.packs").joinpath(f"{pack}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def mutants(pack: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was changed, and the policy with it: rules alone with their tests, macros in the whole pack."""
    whole = written(pack)
    for name, text in whole.get("macros", {}).items():
        for what, changed in of_condition(text):
            yield f"{name}: {what}", {**whole, "macros": {**whole["macros"], name: changed}}
    for policy in alone(pack):
        (rule,) = policy["rules"]
        for what, changed in of_rule(rule):
            yield f"{rule['id']}: {what}", {**policy, "rules": [changed]}


def alone(pack: str) -> Iterator[dict[str, Any]]:
    """Yield a policy for each rule of a pack, with the rule's own tests."""
    whole = written(pack)
    for rule in whole["rules"]:
        yield {**whole, "rules": [rule], "tests": [test for test in whole["tests"] if test.get("rule") == rule["id"]]}


def survives(policy: dict[str, Any], folder: Path) -> bool:
    path = folder / "mutant.json"
    path.write_text(json.dumps(policy), encoding="utf-8")
    try:
        compiled = load(str(path))
    except PolicyError:
        return False
    return all(outcome.passed for outcome in run_tests(compiled, lambda _: ()))


@pytest.mark.parametrize("pack", pack_names())
def test_every_rule_passes_its_tests_alone(pack: str, tmp_path: Path) -> None:
    assert [policy["rules"][0]["id"] for policy in alone(pack) if not survives(policy, tmp_path)] == []


@pytest.mark.parametrize("pack", pack_names())
def test_every_mutant_is_caught(pack: str, tmp_path: Path) -> None:
    tried = list(mutants(pack))[::EVERY]
    assert len(tried) >= 10
    survivors = [what for what, policy in tried if what not in EQUIVALENT and survives(policy, tmp_path)]
    assert survivors == []


def test_every_equivalent_is_a_mutant_that_survives(tmp_path: Path) -> None:
    found = {what: policy for pack in pack_names() for what, policy in mutants(pack) if what in EQUIVALENT}
    assert found.keys() == EQUIVALENT.keys()
    assert [what for what, policy in found.items() if not survives(policy, tmp_path)] == []
