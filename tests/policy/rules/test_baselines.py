"""Limits that follow what was usual: how they are worked out, what stays out of them, what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policy.policy_files import call, judged, places, policy_of
from spanwarden.policy.document import PolicyError
from spanwarden.policy.state import Key, MemoryState, Sample

DAY = 86_400
TEXT = "max(5, 3 * baseline('p95', '14d'))"


def rule(limit: str, op: str = "count", over: str = "24h") -> str:
    return f"rules: [{{id: r, aggregate: {{of: get, op: {op}, by: [agent], over: {over}, gt: {limit!r}}}}}]"


class Days:
    """An agent's days, one run each, at noon."""

    def __init__(self, policy: Any, state: Any = None) -> None:
        self.policy = policy
        self.state = state or MemoryState()

    def of(self, day: int, count: int, agent: str = "a", name: str = "") -> Any:
        calls = [call("get", at=(day + 0.5) * DAY + n, agent=agent) for n in range(count)]
        return judged(self.policy, *calls, state=self.state, name=name or f"{agent}{day}")


def test_the_limit_grows_with_what_was_usual_and_has_a_floor(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule(TEXT)))
    assert places(days.of(100, 6)) == [[0, 1, 2, 3, 4, 5]]  # nothing was before: the floor
    for day in range(102, 112, 2):
        assert places(days.of(day, 4)) == []
    assert places(days.of(112, 12)) == []
    (found,) = days.of(114, 37).findings
    assert found.message == f"37 events within 24h for agent a; the limit is 36, by {TEXT}."
    assert places(days.of(114, 6, agent="b")) == [[0, 1, 2, 3, 4, 5]]  # another agent has its own


def test_what_broke_the_limit_does_not_become_usual(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule(TEXT)))
    days.of(100, 4)
    for day in range(101, 110):
        assert len(days.of(day, 13).findings) == 1


def test_the_same_day_is_not_held_against_itself(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule("max(5, 1 * baseline('p100', '14d'))")))
    for day in range(100, 103):
        days.of(day, 5)
    assert len(days.of(104, 3, name="morning").findings) == 0
    assert len(days.of(104, 3, name="later").findings) == 1


def test_a_percentile_of_the_days_on_which_something_was(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule("max(100, baseline('p50', '30d'))")))
    for day, count in ((100, 10), (101, 20), (110, 30)):  # days without anything do not count
        days.of(day, count)
    days.policy = policy_of(tmp_path, rule("max(2, baseline('p50', '30d'))"))
    assert days.of(112, 20).findings == ()
    assert days.of(114, 21).findings[0].message.startswith("21 events")


def test_days_beyond_the_time_do_not_count(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule(TEXT)))
    days.of(100, 5)
    assert len(days.of(120, 6).findings) == 1


def test_a_run_that_is_judged_again_counts_once_and_as_it_is_then(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule(TEXT)))
    days.of(100, 5, name="x")
    days.of(100, 1, name="x")
    assert len(days.of(102, 6).findings) == 1


def test_parts_of_runs_add_up_to_what_a_day_came_to(tmp_path: Path) -> None:
    days = Days(policy_of(tmp_path, rule(TEXT)))
    days.of(100, 2, name="x")
    days.of(100, 3, name="y")
    assert days.of(102, 15).findings == ()
    assert len(days.of(104, 46).findings) == 1


class Forgetful(MemoryState):
    """Knows nothing of what was usual."""

    def others(self, topic: str, key: Key, run: str, since: int, until: int) -> Sequence[Sample] | None:
        return None if topic.endswith("/usual") else super().others(topic, key, run, since, until)


def test_what_is_forgotten_is_unknown_and_the_floor_is_certain(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule(TEXT))
    days = Days(policy, Forgetful())
    under, over = days.of(100, 5), days.of(102, 6)
    assert (under.findings, under.not_evaluable) == ((), ())
    assert over.findings == ()
    assert [each.needs for each in over.not_evaluable] == [("history",)]
    assert judged(policy, call("get", at=DAY, agent="a")).not_evaluable[0].needs == ("history",)


@pytest.mark.parametrize(
    ("limit", "over", "expected"),
    [
        ("4 * baseline('p95', '14d')", "24h", "needs a limit for the time before"),
        ("max(5, baseline('p95', '14d'))", "run", "a baseline needs a time in 'over'"),
        ("max(5, baseline('p95', '12h'))", "24h", "shorter than 'over: 24h'"),
        ("max(5, baseline('p0', '14d'))", "24h", "'p0' is no percentile"),
        ("max(5, baseline('p101', '14d'))", "24h", "'p101' is no percentile"),
        ("max(5, baseline('p95', 14))", "24h", "takes a percentile and a time"),
        ("max(5, baseline('p95', 'soon'))", "24h", "expected a duration"),
        ("max(5, baselin('p95', '14d'))", "24h", "did you mean baseline?"),
        ("max(5, 100 - baseline('p95', '14d'))", "24h", "made of numbers"),
        ("max(5, tool)", "24h", "made of numbers"),
        ("max(5, -1 * baseline('p95', '14d'))", "24h", "made of numbers"),
        ("max(5)", "24h", "two numbers or more"),
        ("[5][0]", "24h", "made of numbers"),
        ("1e300 * 1e300", "24h", "more than a number can be"),
        ("().__class__", "24h", "made of numbers"),
        ("max(1, " * 41 + "1" + ")" * 41, "24h", "nested deeper"),
        (" + ".join(["1", *["baseline('p5', '2d')"] * 5]), "24h", "more than 4 baselines"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, limit: str, over: str, expected: str) -> None:
    text = rule("LIMIT", over=over).replace("'LIMIT'", '"' + limit + '"')
    with pytest.raises(PolicyError, match=r"^p\.yaml:1: rules\[0\]") as caught:
        policy_of(tmp_path, text)
    assert expected in str(caught.value)


def test_sums_without_a_baseline_are_plain_limits(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("max(1, 2 * 1.5)"))
    days = Days(policy)
    assert days.of(1, 3).findings == ()
    assert days.of(3, 4).findings[0].message.endswith("the limit is 3.")
