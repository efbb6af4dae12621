"""The work of conditions is bounded, and linear where it can be."""

from __future__ import annotations

import pytest

from policy.expressions.running_conditions import compiled, view_of
from spanwarden.model.event import Content, Event
from spanwarden.policy.expressions.condition import Condition
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.fusing import Fused
from spanwarden.policy.expressions.running import running
from spanwarden.policy.expressions.scopes import EVENT, TROY
from spanwarden.policy.expressions.work import MAX_WORK
from spanwarden.policy.rules.base import RunView


def many(count: int, size: int = 0) -> RunView:
    content = Content(arguments={"x": "y" * size}, result="z" * size)
    return view_of([(Event("tool_call", tool="t", start=index + 1), content) for index in range(count)])


def taken(condition: Condition, view: RunView) -> int:
    Fused((condition,)).outcomes(view)
    (work,) = running(view)._work.values()
    return MAX_WORK - work.left


@pytest.mark.parametrize(
    "text",
    [
        "any_prev(lambda s: s['description'] == 'never')",
        "any_next(lambda s: get(s, 'metadata.nothing') == 'x')",
        "any_step(lambda s: s['type'] == 'decision')",
        "step_index >= 10 and all(s['description'] == step['description'] for s in prev_steps[-10:])",
        "len(prev_steps) > 3 and prev_steps[-1]['description'] == 'x'",
        "step == step and steps[0]['type'] == 'x'",
    ],
)
def test_looking_at_other_steps_takes_work_in_proportion_to_the_run(text: str) -> None:
    few, more = (taken(compiled(text, TROY), many(count)) for count in (500, 5_000))
    assert more <= 12 * few


@pytest.mark.parametrize(
    "text",
    [
        "any_prev(lambda s: s.tool == tool and s.index > 100000)",
        "[a for a in steps for b in steps if a == b]",
        "sum(1 for s in steps for t in steps)",
        "any_step(lambda s: any_step(lambda t: t.index + s.index < 0))",
        "str(steps) == 'x'",
        "sorted(str(s) for s in steps) == 3",
    ],
)
def test_a_condition_that_needs_too_much_stops(text: str) -> None:
    view = many(4_000, 200)
    outcome = Fused((compiled(text, EVENT),)).outcomes(view)[0]
    assert outcome.failures
    assert outcome.failure == f"needs more than {MAX_WORK} steps on one run"


@pytest.mark.parametrize(
    "text",
    [
        "[s.result + s.result for s in steps]",
        "[s.result.split('z') for s in steps]",
        "[str(s.args) for s in steps]",
        "any(s.result == t.result for s in steps for t in steps if s.index > 9999)",
        "[s.result.lower() for s in steps for t in steps]",
        "any('q' in s.result for s in steps for t in steps)",
        "any(matches(s.result, 'q$') for s in steps for t in steps)",
    ],
)
def test_long_values_inside_of_loops_take_more(text: str) -> None:
    condition = compiled(text, EVENT)
    view = many(200, 1 << 18)
    outcome = Fused((condition,)).outcomes(view)[0]
    assert outcome.failure == f"needs more than {MAX_WORK} steps on one run"


def test_one_budget_is_for_one_condition_on_one_run() -> None:
    greedy, modest = compiled("[a for a in steps for b in steps]"), compiled("tool == 't' and prev_steps")
    view = many(2_000)
    greedily, modestly = Fused((greedy, modest)).outcomes(view)
    assert greedily.failures
    assert len(modestly.hits) == 1_999
    assert not modestly.failures


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"(a|a)*b", r"(.*)*x", r"(\w+\s?)*$1"])
def test_a_pattern_that_backtracks_elsewhere_is_harmless(pattern: str) -> None:
    view = view_of([(Event("tool_call", tool="t"), Content(result="a" * 100_000 + "!"))])
    assert compiled(f"matches(result, {pattern!r})").value(view, 0) in (True, False)


def test_texts_that_grow_are_paid_for_and_bounded() -> None:
    long = "y" * 400_000
    events = [(Event("tool_call", tool="t"), Content(arguments={"x": long}))]
    view = view_of(events)
    for text in (
        "f'{args.x}{args.x}{args.x}'",
        "[f'{args.x}{args.x}{args.x}' for t in [1]]",
        "args.x.replace('y', 'zzz')",
        "args.x.replace('', args.x)",
        "args.x.join(['a', 'b', 'c', 'd'])",
    ):
        with pytest.raises(ConditionError, match="too long"):
            compiled(text).value(view, 0)
    assert taken(compiled("[f'{args.x}' for t in [1, 2]]"), view_of(events)) > 2 * len(long) >> 4
