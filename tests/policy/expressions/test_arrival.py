"""Conditions that are judged while their run goes on: which they are, and what they wait for."""

from __future__ import annotations

import pytest

from spanwarden.model.event import Effect, Event
from spanwarden.policy.document import Field, Node
from spanwarden.policy.expressions.arrival import Watch, watch
from spanwarden.policy.expressions.condition import compile_condition

MACROS = {"sending": "tool in ('send', 'post')", "reading": "any_prev(lambda e: e.tool == 'read')", "said": "text"}
LISTS = {"ours": ("a.example", "b.example"), "allowed": ("read", "send")}
SEND = Event("tool_call", "ok", tool="send", effects=(Effect("network_send", "https://evil.example/x"),))
READ = Event("tool_call", "ok", tool="read", effects=(Effect("file_read", "/etc/passwd"),))
BLIND = Event("tool_call", "ok", tool="bash", effects=(Effect("shell"),))
UNNAMED = Event("retrieval", "ok")


def watched(text: str) -> Watch | None:
    field = Field("p.yaml", "when", Node(text, 1))
    compile_condition(field, macros=MACROS, lists=LISTS)
    return watch(field, MACROS, LISTS)


@pytest.mark.parametrize(
    ("text", "waits_for"),
    [
        ("tool == 'send'", [SEND]),
        ("'send' == tool", [SEND]),
        ("tool not in allowed", [BLIND, UNNAMED]),
        ("not (tool in allowed or tool == 'bash')", [UNNAMED]),
        ("kind == 'retrieval'", [UNNAMED]),
        ("kind in ('tool_call', 'llm_call') and matches(tool, '^s')", [SEND]),
        ("tool.lower().startswith('s') and status != 'denied'", [SEND]),
        ("len(tool) == 4 and tool[0:1] != 'x' if False else tool == 'read'", None),
        ("status in ('ok', 'error') and tool == 'read'", [READ]),
        ("sending", [SEND]),
        ("sending and reading", [SEND, READ]),
        ("'shell' in effects.kinds", [BLIND]),
        ("tool == 'send' and any(domain(t) not in ours for t in effects.targets)", [SEND]),
        ("any(t.lower().endswith('passwd') and 'etc' in t for t in effects.targets if t != '')", [READ]),
        ("any(x.kind == 'file_read' and path_in(x.target, '/etc/**') for x in effects)", None),
        ("any(x.kind == 'file_read' and x.target == '/etc/passwd' for x in effects)", [READ]),
        ("path_in(step, '/etc/**')", [READ]),
        ("path_in(step, ['/etc/**', '/root/**']) and tool == 'bash'", []),
        ("tool == 'bash' and any_prev(lambda e: 'file_read' in e.effects.kinds)", [READ, BLIND]),
        ("any_prev(lambda e: e.tool in allowed and e.kind == 'tool_call')", [SEND, READ, BLIND, UNNAMED]),
        ("True", [SEND, READ, BLIND, UNNAMED]),
    ],
)
def test_a_condition_that_only_becomes_true_waits_for_the_events_that_it_speaks_of(
    text: str, waits_for: list[Event] | None
) -> None:
    found = watched(text)
    if waits_for is None:
        assert found is None
        return
    assert found is not None
    for _ in range(2):  # answers are remembered
        assert [event for event in (SEND, READ, BLIND, UNNAMED) if found.waits_for(event)] == waits_for


@pytest.mark.parametrize(
    "text",
    [
        "args.amount > 5",
        "tool == 'send' and args.to == 'x'",
        "tool == 'send' or 'x' in result",
        "text == 'x'",
        "said == 'x'",
        "metadata.network_zone == 'external'",
        "cost > 1",
        "status == 'ok'",
        "status != 'error'",
        "status in ('ok', 'unknown')",
        "status in error",
        "kind != 'retrieval'",
        "agent_name == 'billing'",
        "model == 'm'",
        "role == 'user'",
        "run.agent == 'x'",
        "run.cost > 1",
        "index == 0",
        "step_index > 3",
        "len(prev_steps) == 0",
        "any(p.tool == 'x' for p in prev_steps)",
        "any_next(lambda e: e.tool == 'x')",
        "any_step(lambda e: e.tool == 'x')",
        "any(e.tool == 'x' for e in steps)",
        "not any_prev(lambda e: e.tool == 'x')",
        "not reading",
        "any_prev(lambda e: e.tool != 'x')",
        "any_prev(lambda e: e.tool in ('x', None))",
        "any_prev(lambda e: e.tool == tool)",
        "any_prev(lambda e: e.args.id == 1)",
        "any_prev(lambda e: e.agent == 'x')",
        "any_prev(lambda e: 1 / len(e.tool) > 0)",
        "any_prev(lambda e: sending)",
        "any_prev(lambda e: path_in(step, '*'))",
        "any_prev(lambda step: path_in(step, '*'))",
        "'shell' not in effects.kinds",
        "not effects.kinds",
        "len(effects.kinds) == 1",
        "len(effects) > 1",
        "effects.targets[0] == 'x'",
        "all(t == 'x' for t in effects.targets)",
        "any(t > 5 for t in effects.targets)",
        "any(int(t) == 5 for t in effects.targets)",
        "any(t.index('x') == 5 for t in effects.targets)",
        "any(x.target != 'x' for x in effects)",
        "any(x.target is None for x in effects)",
        "any(x.host == 'x' for x in effects)",
        "any(user_said(t) for t in effects.targets)",
        "approved()",
        "user_said(tool)",
        "seen('tools', tool)",
        "age(step) > 5",
        "trace['agent_name'] == 'x'",
        "step['description'] == 'send'",
    ],
)
def test_what_may_be_taken_back_or_asks_for_more_than_the_call_waits_for_the_end(text: str) -> None:
    assert watched(text) is None


def test_a_condition_grown_huge_by_its_macros_waits_for_the_end() -> None:
    macros = {"m0": "tool == 'x'"} | {f"m{n}": f"m{n - 1} or m{n - 1}" for n in range(1, 11)}
    field = Field("p.yaml", "when", Node("m10", 1))
    compile_condition(field, macros=macros)
    assert watch(field, macros, {}) is None
    assert watch(Field("p.yaml", "when", Node("m3", 1)), macros, {}) is not None


def test_what_is_remembered_of_tools_is_bounded() -> None:
    found = watched("tool == 'send'")
    assert found is not None
    for number in range(5_000):
        assert not found.waits_for(Event("tool_call", tool=f"t{number}"))
    assert found.waits_for(SEND)
    assert len(found._answers) <= 4_096
