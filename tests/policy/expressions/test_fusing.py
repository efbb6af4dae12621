"""Conditions that share a function come to what they come to alone."""

from __future__ import annotations

import random

import pytest

from policy.expressions.running_conditions import compiled, view_of
from spanwarden.model.event import Content, Effect, Event
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.fusing import Fused, is_simple

TEXTS = [
    "tool == 'bash'",
    "tool in ('bash', 'send') and args.n > 2",
    "matches(tool, '^s')",
    "step['type'] == 'tool_call' and get(step, 'input.n') == 3",
    "args.n + 1 == 4",
    "result.upper() == 'OK'",
    "any_prev(lambda s: s.tool == 'bash') and tool == 'send'",
    "any_next(lambda s: s.tool == tool)",
    "'write' in effects.kinds",
    "metadata.network_zone == 'external'",
    "index % 2",
    "user_said('n')",
    "cost > 1",
    "error",
]


def random_run(seed: int) -> list[tuple[Event, Content]]:
    chance = random.Random(seed)
    pairs = []
    for _ in range(chance.randrange(1, 12)):
        kind = chance.choice(["tool_call", "tool_call", "message", "llm_call"])
        tool = chance.choice(["bash", "send", "read", None]) if kind == "tool_call" else None
        effects = (Effect("network_send", "https://x.example"),) if tool == "send" else ()
        arguments = chance.choice([None, {"n": 3}, {"n": "x"}, {}, "text", [1]])
        content = Content(
            arguments=arguments, result=chance.choice([None, "ok", 3, ["ok"]]), text=chance.choice([None, "n"])
        )
        role = "user" if kind == "message" else None
        pairs.append((Event(kind, tool=tool, role=role, effects=effects, cost_usd=chance.choice([None, 2.0])), content))  # type: ignore[arg-type]
    return pairs


@pytest.mark.parametrize("seed", range(40))
def test_together_they_come_to_what_they_come_to_alone(seed: int) -> None:
    conditions = [compiled(text) for text in TEXTS]
    pairs = random_run(seed)
    for condition, outcome in zip(conditions, Fused(conditions).outcomes(view_of(pairs)), strict=True):
        hits, failures = [], 0
        view = view_of(pairs)
        for index in range(len(pairs)):
            try:
                if condition.test(view, index):
                    hits.append(index)
            except (ConditionError, TypeError, AttributeError):
                failures += 1
        assert (outcome.hits, outcome.failures) == (hits, failures)


def test_simple_ones_share_a_function() -> None:
    assert [is_simple(compiled(text)) for text in TEXTS] == [True] * 6 + [False] * 2 + [True] * 6


def test_errors_hold_nothing_of_the_trace() -> None:
    pairs = [(Event("tool_call", tool="t"), Content(arguments={"n": "hunter2"}))]
    for text in ("int(args.n)", "args.n + 1", "{'a': 1}[args.n] == 1 or args.n.x", "args.n < 3"):
        outcome = Fused((compiled(text),)).outcomes(view_of(pairs))[0]
        assert outcome.failures == 1
        assert outcome.failed_at == 0
        assert "hunter2" not in outcome.failure


def test_what_was_asked_for_in_vain_is_told_and_only_that() -> None:
    pairs = [(Event("tool_call", tool="bash"), Content()), (Event("message", role="user"), Content(text="x"))]
    asked, other = Fused((compiled("tool == 'bash' and args.n"), compiled("tool == 'x' and args.n"))).outcomes(
        view_of(pairs)
    )
    assert asked.unknown == {"arguments"}
    assert other.unknown == set()
