"""Conjunctions and disjunctions of selectors and of whole bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.policy_files import call, judged, places, policy_of
from spanwarden.policy.document import PolicyError


def test_all_of_needs_every_member_in_any_order(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, all_of: [a*, b*, c*]}]")
    assert places(judged(policy, call("c1"), call("b1"), call("a1"), call("c2"))) == [[0, 1, 2]]
    assert places(judged(policy, call("a1"), call("b1"))) == []


def test_order_is_of_the_members_that_it_names(tmp_path: Path) -> None:
    text = "rules: [{id: r, all_of: [{as: x, tool: a}, {as: y, tool: b}, c], order: [x, y]}]"
    policy = policy_of(tmp_path, text)
    verdict = judged(policy, call("c"), call("a"), call("b"))
    assert places(verdict) == [[0, 1, 2]]
    assert [item.role for item in verdict.findings[0].evidence] == ["cause", "source", "sink"]
    assert places(judged(policy, call("c"), call("b"), call("a"))) == []


def test_unless_goes_on_to_the_next_event(tmp_path: Path) -> None:
    text = "rules: [{id: r, all_of: [a, {as: out, tool: send}], unless: \"out.args.to == 'me'\"}]"
    policy = policy_of(tmp_path, text)
    assert places(judged(policy, call("a"), call("send", to="me"))) == []
    assert places(judged(policy, call("a"), call("send", to="me"), call("send", to="you"))) == [[0, 2]]


def test_members_may_be_bodies_of_other_families(tmp_path: Path) -> None:
    text = "rules: [{id: r, all_of: [{aggregate: {of: get, op: count, gt: 1}}, {as: s, sequence: [x, y]}]}]"
    policy = policy_of(tmp_path, text)
    verdict = judged(policy, call("get"), call("x"), call("get"), call("y"))
    assert places(verdict) == [[0, 1, 2, 3]]
    assert [item.event for item in verdict.findings[0].evidence if item.role == "sink"] == [3]
    assert places(judged(policy, call("get"), call("x"), call("y"))) == []


def test_any_of_takes_the_first_that_holds(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, any_of: [drop, {sequence: [x, y]}]}]")
    assert places(judged(policy, call("x"), call("y"))) == [[0, 1]]
    assert places(judged(policy, call("x"), call("drop"), call("y"))) == [[1]]
    assert places(judged(policy, call("y"), call("x"))) == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("all_of: [a]", "needs at least 2 entries"),
        ("all_of: [{class: write}, {class: write}]", "is the name of an earlier member"),
        ("all_of: [{as: x, tool: a}, b], order: [x, z]", "is no member"),
        ("all_of: [{as: x, tool: a}, b], order: [x, x]", "a name comes twice"),
        ("all_of: [{flow: {}, tool: a}, b]", "goes alone"),
        ("all_of: [untrused, b]", "did you mean untrusted?"),
        ("any_of: [a, b], order: [a, b]", "goes with all_of only"),
        ("all_of: [a, {all_of: [a, {all_of: [a, {all_of: [a, {all_of: [a, {all_of: [a, b]}]}]}]}]}]", "nested more"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, rule: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:1: rules\[0\]") as caught:
        policy_of(tmp_path, f"rules: [{{id: r, {rule}}}]")
    assert expected in str(caught.value)
