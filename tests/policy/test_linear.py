"""Every rule family does work in proportion to the length of the run: calls of functions are counted, no clock is."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from policy.policy_files import policy_of
from spanwarden.model.event import Content, Effect, Event
from spanwarden.model.run import Run
from spanwarden.policy.state import MemoryState
from spanwarden.transcripts.entries import HeldContents

BODIES = {
    "sequence": "sequence: [{as: a, tool: open}, {as: b, tool: shut, where: 'b.args.id == a.args.id'}]",
    "sequence, not": "sequence: [open, {not: send}, shut, read, {within: 5m}]",
    "sequence, missing": (
        "sequence: [{as: a, tool: open}, {tool: shut, where: 'args.id == a.args.id'}]\n  violated_if: missing"
    ),
    "aggregate": "aggregate: {of: open, op: distinct, field: args.id, by: [agent], gt: 1000000}",
    "aggregate, rate": "aggregate: {of: {kind: tool_call}, op: rate, per: 1h, gt: 1000000}",
    "aggregate, shared": "aggregate: {of: open, op: count, by: [agent], over: 1h, gt: 1000000}",
    "loop": "loop: {same: [tool, args], times: 9999}",
    "loop, near": "loop: {same: [tool, 'args~0.9'], times: 9999, no_progress: result}",
    "all_of": "all_of: [open, shut, {as: out, tool: never}]\n  order: [open, out]",
    "all_of, unless": "all_of: [open, {as: out, tool: shut}]\n  unless: 'out.args.id >= 0'",
    "any_of": "any_of: [never, {sequence: [open, never]}]",
    "flow": "flow: {from: untrusted, to: shut, via: order}",
    "flow, value": "flow: {from: {tool: read}, to: {tool: send, arg: to}, via: value}",
    "detect": "detect: {of: {class: private, tool: never}}",
}
TOOLS = ("open", "shut", "read", "send")


def run_of(count: int) -> tuple[Run, HeldContents]:
    events, contents = [], []
    for index in range(count):
        tool = TOOLS[index % 4]
        effects = (Effect("message_send", "x"),) if tool == "send" else ()
        time = (index + 1) * 10**9
        events.append(Event("tool_call", tool=tool, status="ok", agent="a", start=time, end=time, effects=effects))
        contents.append(Content(arguments={"id": index // 4, "to": f"user-{index % 50}"}, result=f"{index % 100} done"))
    return Run("run", tuple(events), agent="a"), HeldContents(contents)


def calls(policy: Any, count: int) -> int:
    run, contents = run_of(count)
    counted = 0

    def count_call(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count_call)
    try:
        verdict = policy.evaluate(run, contents, state=MemoryState())
    finally:
        sys.setprofile(None)
    assert {error.error.partition(":")[0] for error in verdict.rule_errors} <= {
        "LimitError",
        "more than 10000 findings, the rest is left out",
    }
    return counted


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_ten_times_the_events_are_ten_times_the_work(tmp_path: Path, body: str) -> None:
    policy = policy_of(tmp_path, f"rules:\n- id: r\n  {body}\n")
    calls(policy, 4)  # what is compiled or remembered once
    short, long = calls(policy, 400), calls(policy, 4_000)
    assert long <= 10.5 * short


def test_chains_that_have_to_be_tried_are_bounded(tmp_path: Path) -> None:
    tried = "sequence: [{as: a, tool: open}, {as: b, tool: shut, where: 'b.args.id < a.args.id - 9000000'}]"
    policy = policy_of(tmp_path, f"rules:\n- id: r\n  {tried}\n")
    first, second, third = calls(policy, 800), calls(policy, 1_600), calls(policy, 2_400)
    assert third - second <= 1.05 * (second - first)
