"""Sequences: joins by equality and by trial, `not`, `within`, missing steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.policy_files import call, judged, places, policy_of
from spanwarden.model.run import Run
from spanwarden.policy.document import PolicyError
from spanwarden.policy.rules.chains import MAX_OPEN
from spanwarden.transcripts.entries import HeldContents

JOINED = """
rules:
- id: r
  sequence:
  - {as: a, tool: open}
  - {as: b, tool: close, where: "b.args.id == a.args.id"}
"""


def test_steps_are_joined_by_equality(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, JOINED)
    verdict = judged(policy, call("open", id=1), call("open", id=2), call("close", id=1), call("close", id=3))
    assert places(verdict) == [[0, 2]]
    assert [item.role for item in verdict.findings[0].evidence] == ["source", "sink"]


def test_what_is_unknown_equals_nothing(tmp_path: Path) -> None:
    assert places(judged(policy_of(tmp_path, JOINED), call("open"), call("close"))) == []


def test_missing_finds_every_last_step_without_the_others(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, JOINED + "  violated_if: missing\n  message: '{b.tool} of {b.args.id}'\n")
    verdict = judged(policy, call("close", id=1), call("open", id=1), call("close", id=1), call("close", id=2))
    assert places(verdict) == [[0], [3]]
    assert verdict.findings[0].message.startswith("close of 1")


def test_within_is_the_time_from_first_to_last(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, sequence: [a, b, c, {within: 10s}]}]")
    assert places(judged(policy, call("a", at=1), call("b", at=9), call("c", at=11))) == [[0, 1, 2]]
    assert places(judged(policy, call("a", at=1), call("b", at=9), call("c", at=12))) == []
    again = judged(policy, call("a", at=1), call("a", at=8), call("b", at=9), call("c", at=12))
    assert places(again) == [[1, 2, 3]]


def test_without_times_within_cannot_be_judged(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, sequence: [a, b, {within: 10s}]}]")
    (lacking,) = judged(policy, call("a"), call("b")).not_evaluable
    assert lacking.needs == ("times",)


@pytest.mark.parametrize(
    ("tools", "found"),
    [("a b c", True), ("a x b c", False), ("a b x c", True), ("x a b c", True), ("a x a b c", True), ("a b c x", True)],
)
def test_not_stands_between_its_neighbours(tmp_path: Path, tools: str, found: bool) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, sequence: [a, {not: x}, b, c]}]")
    assert bool(places(judged(policy, *map(call, tools.split())))) is found


@pytest.mark.parametrize(
    ("tools", "found"), [("a b c", True), ("a x b c", False), ("a b x c", False), ("x a b c", True)]
)
def test_not_at_the_end_is_for_the_whole(tmp_path: Path, tools: str, found: bool) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, sequence: [a, b, c, {not: x}]}]")
    assert bool(places(judged(policy, *map(call, tools.split())))) is found


def test_a_single_missing_step_is_about_the_run(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, sequence: [run_tests], violated_if: missing}]")
    assert places(judged(policy, call("edit"))) == [[]]
    assert places(judged(policy, call("run_tests"))) == []


def test_other_ties_are_tried_and_too_many_are_an_error(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, JOINED.replace("b.args.id ==", "b.args.id <"))
    assert places(judged(policy, call("open", id=5), call("open", id=1), call("close", id=3))) == [[0, 2]]
    many = [call("open", id=number) for number in range(MAX_OPEN + 1)]
    verdict = judged(policy, *many, call("close", id=3))
    assert [error.error for error in verdict.rule_errors] == [
        f"LimitError: more than {MAX_OPEN} open chains, older ones were left out"
    ]


def test_a_condition_that_fails_is_told_of(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, JOINED.replace("b.args.id == a.args.id", "b.args.id == a.args.id and 1 / args.n > 0"))
    verdict = judged(policy, call("open", id=1), call("close", id=1, n=0), call("close", id=1, n=1))
    assert [[e.event for e in f.evidence] for f in verdict.findings] == [[0, 2]]
    assert "division by zero" in verdict.rule_errors[0].error


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[]", "must not be empty"),
        ("[a, {within: 5 minutes}]", "expected a duration"),
        ("[a, {within: 5m}, {within: 5m}, b]", "a second 'within'"),
        ("[{not: x}, a, b]", "nothing comes before the first step"),
        ("[{as: a, tool: x}, {as: a, tool: y}]", "is the name of an earlier step"),
        ("[{as: tool, tool: x}, b]", "know something else by this name"),
        ("[{as: from, tool: x}, b]", "know something else by this name"),
        ("[a, {tool: b, where: 'nobody.args.id == 1'}]", "nobody"),
        ("[a, {tol: b}]", "did you mean tool?"),
        ("[a, b], violated_if: mising", "did you mean missing?"),
        ("[{tool: a, within: 5m}]", "entries of their own"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path: Path, body: str, expected: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(tmp_path, f"\nrules:\n- {{id: r, sequence: {body}}}\n")
    assert str(caught.value).startswith("p.yaml:3: rules[0]")
    assert expected in str(caught.value)


_EVENTS = st.lists(st.tuples(st.sampled_from("abx"), st.integers(0, 2)), max_size=12)


@given(_EVENTS)
@settings(max_examples=200, deadline=None)
def test_the_one_pass_finds_what_trying_all_pairs_finds(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, int]]
) -> None:
    text = """rules:
- id: r
  sequence:
  - {as: a, tool: a}
  - {not: {tool: x, where: "args.id == a.args.id"}}
  - {as: b, tool: b, where: "args.id == a.args.id"}
"""
    policy = policy_of(tmp_path_factory.mktemp("p"), text)
    pairs = [call(tool, id=number) for tool, number in written]
    run = Run("run", tuple(event for event, _ in pairs))
    verdict = policy.evaluate(run, HeldContents(content for _, content in pairs))
    expected = {
        end
        for end, (tool, number) in enumerate(written)
        if tool == "b"
        and any(
            written[begin] == ("a", number) and ("x", number) not in written[begin + 1 : end] for begin in range(end)
        )
    }
    assert {finding.evidence[-1].event for finding in verdict.findings} == expected
