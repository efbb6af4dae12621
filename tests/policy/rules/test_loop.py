"""Loops: what is the same, what is progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.policy_files import call, judged, places, policy_of
from spanwarden.model.event import Content, Event
from spanwarden.policy.document import PolicyError


def rule(body: str) -> str:
    return f"rules: [{{id: r, loop: {{{body}}}}}]"


def test_the_same_call_again_and_again(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("same: [tool, args], times: 3"))
    assert places(judged(policy, call("get", id=1), call("get", id=2), call("get", id=1), call("get", id=1))) == [
        [0, 2, 3]
    ]
    assert places(judged(policy, call("get", id=1), call("give", id=1), call("get", id=1))) == []


def test_calls_that_have_other_arguments_leave_nothing_open(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("same: [tool, args.id], times: 2"))
    verdict = judged(policy, call("get", page=1), call("get", page=2), call("get", id=1), call("get", id=1))
    assert places(verdict) == [[2, 3]]
    assert verdict.not_evaluable == ()


def test_a_different_result_is_progress(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("same: [tool], times: 2, no_progress: result"))
    assert places(judged(policy, call("poll", "a"), call("poll", "b"), call("poll", "c"))) == []
    twice = [call("poll", "a"), call("poll", "a"), call("poll", "a"), call("poll", "b"), call("poll", "b")]
    verdict = judged(policy, *twice)
    assert places(verdict) == [[0, 1], [3, 4]]
    assert len({finding.finding_id for finding in verdict.findings}) == 2


def test_nearly_the_same_words(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule('same: [tool, "args~0.8"], times: 2'))
    first = call("search", query="how do I reset the password of the database")
    near = call("search", query="How do I reset the password of this database?")
    assert places(judged(policy, first, near)) == [[0, 1]]
    assert places(judged(policy, first, call("search", query="weather in Turin tomorrow"))) == []


def test_within_forgets_what_is_too_old(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("same: [tool], times: 3, within: 10s"))
    assert places(judged(policy, *(call("get", at=6 * n + 1) for n in range(6)))) == []
    assert places(judged(policy, *(call("get", at=5 * n + 1) for n in range(3)))) == [[0, 1, 2]]


def test_without_content_it_cannot_be_judged(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("same: [tool, args], times: 2"))
    bare = (Event("tool_call", tool="get"), Content())
    assert judged(policy, bare, bare).not_evaluable[0].needs == ("arguments",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("same: [tool], times: 1", "whole number from 2"),
        ("same: [], times: 3", "must not be empty"),
        ("times: 3", "a loop needs 'same'"),
        ("same: [toll], times: 3", "did you mean tool?"),
        ('same: ["args~2"], times: 3', "a number from 0.5"),
        ('same: ["args~x"], times: 3', "a number from 0.5"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, body: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:1: rules\[0\]\.loop") as caught:
        policy_of(tmp_path, rule(body))
    assert expected in str(caught.value)
