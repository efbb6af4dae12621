"""What is told while a run goes on is told at its end too, under the same ids, wherever the run was cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.policy_files import call, judged, policy_of, run_of
from spanwarden.policy.policy import Policy

POLICY = """
max_shell_commands: 1
forbidden_tools: [drop]
forbidden_flows: [get->send]
rules:
- {id: flow, flow: {from: {tool: get}, to: {tool: send}, via: order}}
- {id: detect, detect: {of: {tool: drop}}}
- {id: steps, sequence: [get, put, send, {within: 5s}]}
- {id: joined, sequence: [{as: a, tool: get}, {tool: put, where: "args.id == a.args.id"}]}
- {id: blocked, sequence: [get, {not: drop}, send]}
- {id: missing, violated_if: missing, sequence: [get, send]}
- {id: count, aggregate: {of: get, op: count, gt: 1}}
- {id: groups, aggregate: {of: "*", op: count, by: [tool], gt: 2}}
- {id: seldom, aggregate: {of: get, op: count, lt: 2}}
- {id: loop, loop: {of: get, same: [tool, args.id], times: 2}}
- {id: stuck, loop: {of: get, same: [tool], times: 2, no_progress: result}}
- {id: both, all_of: [get, drop]}
- {id: either, any_of: [drop, send]}
- {id: excepted, detect: {of: {tool: send}}, exceptions: [{tool: send, agent: b, reason: x}]}
- {id: when, when: "tool in ('drop', 'put')"}
- {id: when-other, when: "tool not in ('get', 'put')"}
- {id: when-after, when: "tool == 'send' and any_prev(lambda e: e.tool == 'get')"}
- {id: when-effect, when: "'shell' in effects.kinds and any(t.startswith('l') for t in effects.targets)"}
- {id: when-or, when: "tool == 'drop' or any_prev(lambda e: 'shell' in e.effects.kinds)"}
- {id: when-not-after, when: "tool == 'send' and not any_prev(lambda e: e.tool == 'get')"}
- {id: when-before, when: "tool == 'get' and any_next(lambda e: e.tool == 'send')"}
- {id: when-place, when: "tool == 'send' and index > 2"}
- {id: when-content, when: "args.id == 1"}
- {id: once, detect: {of: {tool: send}}, dedup: {by: [agent], for: 1h}}
"""
_CALLS = st.lists(st.tuples(st.sampled_from(["get", "put", "send", "drop", "bash"]), st.integers(0, 2)), max_size=10)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_of(tmp_path_factory.mktemp("p"), POLICY)


def pairs_of(written: list[tuple[str, int]]) -> list[Any]:
    return [
        call(tool, result=f"{number % 2}", at=place + 1, id=number, command="ls")
        for place, (tool, number) in enumerate(written)
    ]


@given(_CALLS, st.data())
@settings(max_examples=200, deadline=None)
def test_early_findings_of_any_part_are_among_those_of_the_whole(
    policy: Policy, written: list[tuple[str, int]], data: st.DataObject
) -> None:
    pairs = pairs_of(written)
    whole = {finding.finding_id for finding in judged(policy, *pairs).findings}
    kept = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    part = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
    early = policy.evaluate_early(*run_of(*with_spans(part, pairs), completeness="open"))
    full = policy.evaluate(*run_of(*with_spans(pairs, pairs)))
    assert {finding.finding_id for finding in early} <= {finding.finding_id for finding in full.findings}
    assert len(full.findings) == len(whole)


def with_spans(part: list[Any], pairs: list[Any]) -> list[Any]:
    """Give every event a span id of its own: positions differ between a part and the whole."""
    import msgspec

    places = {id(pair): place for place, pair in enumerate(pairs)}
    return [(msgspec.structs.replace(pair[0], span_id=bytes([places[id(pair)] + 1]) * 8), pair[1]) for pair in part]


@given(_CALLS)
@settings(max_examples=100, deadline=None)
def test_judging_again_says_the_same(policy: Policy, written: list[tuple[str, int]]) -> None:
    pairs = pairs_of(written)
    assert judged(policy, *pairs) == judged(policy, *pairs)


def test_some_rules_are_early_and_those_that_may_be_taken_back_are_not(policy: Policy) -> None:
    early = {rule.id for rule in policy.rules if getattr(rule, "early", False)}
    assert {"steps", "count", "detect", "flow", "tool-forbidden"} <= early
    assert {"when", "when-other", "when-after", "when-effect", "when-or"} <= early
    assert not early & {"joined", "blocked", "missing", "seldom", "stuck", "both", "either"}
    assert not early & {"when-not-after", "when-before", "when-place", "when-content"}


@given(_CALLS)
@settings(max_examples=200, deadline=None)
def test_looking_only_when_a_rule_alerts_misses_no_early_finding(
    policy: Policy, written: list[tuple[str, int]]
) -> None:
    pairs = pairs_of(written)
    pairs = with_spans(pairs, pairs)
    told: set[str] = set()
    for count, (event, _) in enumerate(pairs, 1):
        found = {f.finding_id for f in policy.evaluate_early(*run_of(*pairs[:count], completeness="open"))}
        if policy.alerts(event):
            told |= found
        assert found <= told
