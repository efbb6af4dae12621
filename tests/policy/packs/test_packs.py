"""What every pack promises: known rules, said to be so mature, tagged, described and tested."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwarden.guard.decision import decide
from spanwarden.model.finding import SEVERITIES
from spanwarden.policy.lint import lint
from spanwarden.policy.loading import load, pack_names
from spanwarden.policy.overview import description_of, rule_overviews
from spanwarden.policy.testing import run_tests

TODAY = dt.date(2026, 11, 21)
TROY = {
    "minimal": (3, 140),
    "agent_safety": (8, 300),
    "owasp_llm_top10": (8, 295),
    "data_protection": (6, 220),
    "safe_browsing": (6, 230),
    "soc2": (10, 380),
    "hipaa": (8, 350),
}
"""Rules of each pack that is named after one of troy's, and the sum of their weights."""


def text_of(pack: str) -> dict[str, Any]:
    import spanwarden.policy.packs

    found: dict[str, Any] = yaml.safe_load(
        (Path(spanwarden.policy.packs.__path__[0]) / f"{pack}.yaml").read_text(encoding="utf-8")
    )
    return found


def test_there_are_these_packs() -> None:
    assert set(pack_names()) == {*TROY, "owasp_agentic_2026", "coding_agent", "agent-baseline"}


@pytest.mark.parametrize("pack", pack_names())
def test_its_own_tests_pass(pack: str) -> None:
    outcomes = list(run_tests(load(f"pack:{pack}"), lambda _: ()))
    assert outcomes
    assert [(each.place, each.rule, each.failure) for each in outcomes if not each.passed] == []


@pytest.mark.parametrize("pack", pack_names())
def test_nothing_is_suspicious_in_it(pack: str) -> None:
    source = f"pack:{pack}"
    found = lint(load(source), source, TODAY)
    assert [problem for problem in found if problem.level == "warning"] == []


@pytest.mark.parametrize("pack", pack_names())
def test_every_rule_says_how_mature_it_is_and_how_bad(pack: str) -> None:
    assert description_of(f"pack:{pack}")
    for rule in text_of(pack)["rules"]:
        assert rule["status"] in ("stable", "test", "experimental"), rule["id"]
        assert rule["severity"] in SEVERITIES, rule["id"]
        if rule["status"] == "experimental":
            assert rule["severity"] != "critical", rule["id"]


@pytest.mark.parametrize(("pack", "expected"), TROY.items())
def test_weights_add_up_to_troys(pack: str, expected: tuple[int, int]) -> None:
    rules = rule_overviews(load(f"pack:{pack}"), f"pack:{pack}")
    assert (len(rules), sum(rule.weight for rule in rules)) == expected


def test_every_entry_of_the_agentic_top_ten_has_a_rule() -> None:
    rules = rule_overviews(load("pack:owasp_agentic_2026"), "pack:owasp_agentic_2026")
    tags = {tag for rule in rules for tag in rule.tags if tag.startswith("owasp-agentic:")}
    assert tags >= {f"owasp-agentic:ASI{number:02}" for number in range(1, 11)}


def test_names_with_dashes_are_the_same_packs() -> None:
    assert load("pack:owasp-agentic-2026").hash == load("pack:owasp_agentic_2026").hash
    assert load("pack:agent_baseline").hash == load("pack:agent-baseline").hash


def test_packs_go_together(tmp_path: Path) -> None:
    """All packs in one policy find what each finds alone: none changes another one's words."""
    names = pack_names()
    path = tmp_path / "all.yaml"
    tests = [test for pack in names for test in text_of(pack)["tests"]]
    path.write_text(yaml.safe_dump({"extends": [f"pack:{name}" for name in names], "tests": tests}), encoding="utf-8")
    policy = load(str(path))
    assert len(policy.rules) == sum(len(load(f"pack:{name}").rules) for name in names)
    assert [(o.rule, o.failure) for o in run_tests(policy, lambda _: ()) if not o.passed] == []


@pytest.mark.parametrize(
    ("pack", "action", "allowed"),
    [
        ("minimal", "rm", False),
        ("minimal", "delete_user", False),
        ("minimal", "confirm_order", True),
        ("minimal", "transform_rows", True),
        ("minimal", "get_information", True),
        ("minimal", "upskill_lookup", True),
        ("owasp_llm_top10", "bash", False),
        ("safe_browsing", "browser_snapshot", True),
        ("data_protection", "lookup", True),
        ("soc2", "get_report", True),
    ],
)
def test_before_an_action_is_done(pack: str, action: str, allowed: bool) -> None:
    """Facts that are derived count before an action as well, and names that only look alike are let through."""
    assert decide(load(f"pack:{pack}"), action).allowed is allowed
