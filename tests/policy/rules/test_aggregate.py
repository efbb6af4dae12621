"""Aggregates: what is counted, over what, in which groups, and what is not known."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from policy.policy_files import call, judged, places, policy_of, run_of
from spanwarden.model.event import Content, Event
from spanwarden.model.run import Run
from spanwarden.policy.document import PolicyError
from spanwarden.policy.state import MemoryState

HOUR = 3600


def rule(body: str) -> str:
    return f"rules: [{{id: r, aggregate: {{{body}}}}}]"


def test_count_fires_once_where_the_limit_is_passed(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: send_*, op: count, gt: 2"))
    calls = [call("send_mail"), call("read"), *[call("send_mail")] * 4]
    assert places(judged(policy, *calls)) == [[0, 2, 3]]
    assert places(judged(policy, *calls[:3])) == []


def test_at_least_and_less_than(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: send_*, op: count, gte: 2"))
    assert places(judged(policy, call("send_mail"), call("send_mail"))) == [[0, 1]]
    policy = policy_of(tmp_path, rule("of: run_tests, op: count, lt: 1"))
    assert places(judged(policy, call("edit"))) == [[]]
    assert places(judged(policy, call("run_tests"))) == []


def test_distinct_counts_values_and_groups_apart(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: distinct, field: args.id, by: [agent], gt: 1"))
    same = [call("get", agent="a", id=1)] * 5
    assert places(judged(policy, *same, call("get", agent="b", id=2))) == []
    assert places(judged(policy, *same, call("get", agent="b", id=2), call("get", agent="a", id="x"))) == [
        [0, 1, 2, 3, 4, 6]
    ]


def test_sum_of_costs_and_of_arguments(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: {kind: llm_call}, op: sum, field: cost, gt: 1"))
    model = (Event("llm_call", cost_usd=0.6), Content())
    assert places(judged(policy, model, model)) == [[0, 1]]
    policy = policy_of(tmp_path, rule("of: pay, op: sum, field: args.amount, gt: 100"))
    assert places(judged(policy, call("pay", amount="60"), call("pay", amount=50))) == [[0, 1]]
    bare = (Event("tool_call", tool="pay"), Content())
    (lacking,) = judged(policy, bare).not_evaluable
    assert lacking.needs == ("arguments",)


def test_calls_that_have_other_arguments_leave_nothing_open(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: 'get*', op: distinct, field: args.id, gt: 1"))
    verdict = judged(policy, call("get", id=1), call("get_all", page=1))
    assert (verdict.findings, verdict.not_evaluable) == ((), ())


def test_rate_is_the_most_within_a_window(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: rate, per: 10s, gt: 3"))
    assert places(judged(policy, *(call("get", at=4 * n + 1) for n in range(9)))) == []
    assert places(judged(policy, *(call("get", at=2 * n + 1) for n in range(9)))) == [[0, 1, 2, 3]]
    assert judged(policy, call("get")).not_evaluable[0].needs == ("times",)


def test_the_message_names_facts_of_the_group(tmp_path: Path) -> None:
    text = rule("of: get, op: count, by: [tool], gt: 1") + "\n"
    policy = policy_of(tmp_path, text.replace("id: r,", "id: r, message: '{tool}: {value} of {limit}',"))
    assert judged(policy, call("get"), call("get")).findings[0].message == "get: 2 of 1"


def test_other_runs_count_within_the_time(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: count, by: [agent], over: 2h, gt: 2"))
    state = MemoryState()
    first = [call("get", at=HOUR, agent="a"), call("get", at=2 * HOUR, agent="a")]
    assert places(judged(policy, *first, state=state, name="1")) == []
    assert places(judged(policy, call("get", at=2.5 * HOUR, agent="b"), state=state, name="2")) == []
    assert places(judged(policy, call("get", at=2.5 * HOUR, agent="a"), state=state, name="3")) == [[0]]
    assert places(judged(policy, call("get", at=5 * HOUR, agent="a"), state=state, name="4")) == []


def test_judging_a_run_again_counts_nothing_twice(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: count, over: 2h, gt: 2"))
    state = MemoryState()
    for _ in range(3):
        assert places(judged(policy, call("get", at=1), call("get", at=2), state=state, name="1")) == []
    assert places(judged(policy, call("get", at=3), state=state, name="2")) == [[0]]


def test_without_state_or_with_gaps_in_it_nothing_passes_in_silence(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: count, by: [agent], over: 2h, gt: 2"))
    assert judged(policy, call("get", at=1)).not_evaluable[0].needs == ("history",)
    state = MemoryState(max_keys=1)
    judged(policy, call("get", at=1, agent="a"), state=state, name="1")
    judged(policy, call("get", at=2, agent="b"), state=state, name="2")
    assert judged(policy, call("get", at=3, agent="a"), state=state, name="3").not_evaluable[0].needs == ("history",)


def test_a_conversation_counts_its_earlier_runs(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, rule("of: get, op: count, over: conversation, gt: 2"))
    run, contents = run_of(call("get"), conversation="c")
    earlier = Run("0", (run.events[0], run.events[0]), conversation="c")
    assert places(policy.evaluate(run, contents, earlier=(earlier,))) == [[0]]
    assert places(policy.evaluate(run, contents)) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("of: a, op: count", "exactly one of gt, gte, lt"),
        ("of: a, op: counts, gt: 1", "did you mean count?"),
        ("of: a, op: sum, gt: 1", "'field' goes with distinct and sum"),
        ("of: a, op: count, field: cost, gt: 1", "'field' goes with distinct and sum"),
        ("of: a, op: sum, field: costs, gt: 1", "did you mean cost?"),
        ("of: a, op: sum, field: tool.name, gt: 1", "has nothing below it"),
        ("of: a, op: count, over: week, gt: 1", "expected run, conversation or a duration"),
        ("of: a, op: count, over: 1h, lt: 1", "can be said of a run only"),
        ("of: a, op: count, per: 1m, gt: 1", "goes with 'op: rate'"),
        ("of: a, op: rate, over: 1h, gt: 1", "a rate is over the run"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, body: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:1: rules\[0\]") as caught:
        policy_of(tmp_path, rule(body))
    assert expected in str(caught.value)


@pytest.mark.parametrize("body", ["op: count, gt: 1", "op: distinct, field: args.id, by: [tool], gt: 1"])
def test_what_is_found_in_a_part_is_found_in_the_whole(tmp_path: Path, body: str) -> None:
    policy = policy_of(tmp_path, rule(f"of: 'g*', {body}"))
    calls: list[Any] = [call("get", id=1), call("give", id=2), call("get", id=3), call("give", id=2), call("get", id=1)]
    whole = {finding.finding_id: finding.delivery_id for finding in judged(policy, *calls).findings}
    assert whole
    for part in itertools.accumulate([each] for each in calls):
        found = {finding.finding_id: finding.delivery_id for finding in judged(policy, *part).findings}
        assert found.items() <= whole.items()
