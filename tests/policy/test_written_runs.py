"""Runs written in tests become the events that telemetry would have told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.policy.testing import run_tests
from spanwarden.policy.written_runs import BEGIN, WrittenContents, runs_of

RULES = "rules: [{id: a, severity: low, when: \"'shell' in effects.kinds\"}]\n"
SECOND = 10**9


def written(tmp_path: Path, test: str, rules: str = RULES) -> list[tuple[Run, WrittenContents]]:
    path = tmp_path / "p.yaml"
    path.write_text(f"{rules}tests:\n  - {{rule: a, {test}, expect: none}}\n")
    (found,) = load(str(path)).tests
    return list(runs_of(found.runs))


def one(tmp_path: Path, steps: str) -> tuple[Run, WrittenContents]:
    (found,) = written(tmp_path, f"run: [{steps}]")
    return found


@pytest.mark.parametrize(
    ("step", "facts"),
    [
        ("{user: hi}", {"kind": "message", "role": "user", "status": "ok"}),
        ("{assistant: hi, agent: b}", {"kind": "message", "role": "assistant", "agent": "b"}),
        ("{call: Bash, id: c1}", {"kind": "tool_call", "tool": "Bash", "call_id": "c1", "status": "ok"}),
        ("{call: Bash, error: broke}", {"kind": "tool_call", "status": "error"}),
        ("{call: Bash, status: denied}", {"status": "denied"}),
        ("{llm: m-1, cost: 0.5, tokens: 7}", {"kind": "llm_call", "model": "m-1", "cost_usd": 0.5}),
        ("{retrieval: wiki}", {"kind": "retrieval", "tool": "wiki"}),
        ("{decision: Bash, id: c1}", {"kind": "decision", "tool": "Bash", "call_id": "c1"}),
        ("{handoff: billing}", {"kind": "handoff", "tool": "billing"}),
        ("{spawn: helper}", {"kind": "agent", "agent": "helper"}),
    ],
)
def test_each_step_is_an_event(step: str, facts: dict[str, Any], tmp_path: Path) -> None:
    run, _ = one(tmp_path, step)
    (event,) = run.events
    assert {name: getattr(event, name) for name in facts} == facts


def test_content_and_effects(tmp_path: Path) -> None:
    run, contents = one(
        tmp_path, "{user: hi}, {call: Bash, args: {command: cat a}, result: x, metadata: {category: c}}"
    )
    assert [(e.kind, e.target) for e in run.events[1].effects] == [("shell", "cat a"), ("file_read", "a")]
    assert (contents[0].text, contents[1].arguments, contents[1].result) == ("hi", {"command": "cat a"}, "x")
    assert contents.body(1).metadata == {"category": "c"}


def test_time_passes_by_seconds_or_as_said(tmp_path: Path) -> None:
    run, _ = one(tmp_path, "{user: a}, {call: b, times: 2}, {call: c, at: 5m}, {call: d}")
    assert [(event.start - BEGIN) // SECOND for event in run.events] == [0, 1, 2, 300, 301]
    assert (run.runtime_seconds, run.start, run.end) == (301.0, BEGIN, BEGIN + 301 * SECOND)


def test_cost_is_said_or_summed(tmp_path: Path) -> None:
    assert one(tmp_path, "{llm: m, cost: 0.5}, {llm: m, cost: 0.25}")[0].cost_usd == 0.75
    assert one(tmp_path, "{user: hi}")[0].cost_usd is None
    (run, _) = written(tmp_path, "runs: [{cost: 3, steps: [{llm: m, cost: 1}]}]")[0]
    assert (run.cost_usd, run.cost_source) == (3.0, "reported")


def test_several_runs(tmp_path: Path) -> None:
    first, second = written(
        tmp_path,
        "agent: x, runs: [{steps: [{user: a}]}, {agent: y, at: 1h, conversation: c, metadata: {role: admin},"
        " steps: [{user: b}]}]",
    )
    assert (first[0].agent, second[0].agent, second[0].conversation) == ("x", "y", "c")
    assert second[0].start - first[0].start == 3600 * SECOND
    assert second[0].metadata == {"role": "admin"}
    assert first[0].id != second[0].id


def test_only_the_last_run_is_judged_with_what_came_before_in_mind(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "rules: [{id: a, severity: low, aggregate: {op: count, over: 1h, by: [agent], gt: 2}}]\n"
        "tests:\n"
        "  - {rule: a, agent: x, expect: finding,\n"
        "     runs: [{steps: [{call: b, times: 2}]}, {at: 5m, steps: [{call: b}]}]}\n"
        "  - {rule: a, agent: x, runs: [{steps: [{call: b, times: 2}]}, {at: 5h, steps: [{call: b}]}], expect: none}\n"
        "  - {rule: a, agent: x, runs: [{steps: [{call: b, times: 3}]}, {at: 5h, steps: [{user: b}]}], expect: none}\n"
    )
    assert [outcome.failure for outcome in run_tests(load(str(path)), lambda _: ())] == [None, None, None]


def test_not_evaluable_is_told_from_silence(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "rules: [{id: a, severity: low, detect: {carries: instruction}}]\n"
        "tests:\n"
        "  - {rule: a, run: [{call: read_file}], expect: not_evaluable}\n"
        "  - {rule: a, run: [{call: read_file, result: hello}], expect: not_evaluable}\n"
        "  - {rule: a, run: [{call: read_file, result: hello}], expect: finding}\n"
        "  - {run: [{call: read_file, result: hello}], expect: [a]}\n"
        "  - {run: [{call: read_file, result: hello}], expect: none}\n"
    )
    assert [outcome.failure for outcome in run_tests(load(str(path)), lambda _: ())] == [
        None,
        "expected the rule not to be evaluable, but it was",
        "expected a finding, got none",
        "expected a finding of a",
        None,
    ]


def test_repeated_steps_are_numbered_where_they_say_so(tmp_path: Path) -> None:
    steps = '{call: get, args: {ids: ["c{n}", 7]}, result: "{n} of {x}", times: 2}, {call: put, args: {t: "{n}"}}'
    _, contents = one(tmp_path, steps)
    assert [content.arguments for content in contents] == [{"ids": ["c1", 7]}, {"ids": ["c2", 7]}, {"t": "{n}"}]
    assert [content.result for content in contents] == ["1 of {x}", "2 of {x}", None]
