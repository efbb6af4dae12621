"""`unless`: what takes a finding back, why what did not did not, and what is remembered whatever comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policy.policy_files import call, judged, places, policy_of, run_of, said
from spanwarden.policy.state import MemoryState

IBAN = "DE89370400440532013000"


def payee(unless: str) -> str:
    return f"rules: [{{id: r, flow: {{from: read_*, to: {{tool: pay, arg: payee}}, via: value, unless: {unless}}}}}]"


def paid(who: str = IBAN) -> list[Any]:
    return [call("read_bill", f"Pay to {who}", at=1), call("pay", at=2, payee=who)]


@pytest.mark.parametrize(
    "unless",
    [
        '["user_said(value)", "seen(\'payee\', value)"]',
        '["seen(\'payee\', value)", "user_said(value)"]',
        "[\"user_said(value) or seen('payee', value)\"]",
        "[\"user_said(value) or from.tool == 'x' or (seen('payee', value) and to.tool == 'pay')\"]",
    ],
)
def test_what_was_seen_is_remembered_in_whatever_order_it_is_asked(tmp_path: Path, unless: str) -> None:
    policy, state = policy_of(tmp_path, payee(unless)), MemoryState()
    assert places(judged(policy, said(f"Pay 9 to {IBAN}"), *paid(), state=state, name="1")) == []
    assert places(judged(policy, said("Pay the bill"), *paid(), state=state, name="2")) == []
    assert places(judged(policy, *paid("GB33BUKB20201555555555"), state=state, name="3")) == [[0, 1]]


def test_every_value_of_a_sink_is_remembered(tmp_path: Path) -> None:
    other = "GB33BUKB20201555555555"
    policy, state = policy_of(tmp_path, payee("[\"seen('payee', value)\"]")), MemoryState()
    both = [call("read_bill", f"{IBAN} and {other}", at=1), call("pay", at=2, payee=[IBAN, other])]
    assert places(judged(policy, *both, state=state, name="1")) == [[0, 1]]
    assert places(judged(policy, *paid(other), state=state, name="2")) == []


def explained(policy: Any, *pairs: Any, state: Any = None) -> list[tuple[str, str]]:
    run, contents = run_of(*pairs)
    (finding,) = policy.evaluate(run, contents, state=state).findings
    explanation = policy.explain(run, contents, finding.finding_id, state=state)
    assert {(each.source, each.line) for each in explanation.unless} <= {("p.yaml", 1)}
    return [(each.text, each.why) for each in explanation.unless]


def test_each_says_why_it_did_not_apply(tmp_path: Path) -> None:
    unless = '[user_said, "approved(to)", "to.args.amount > 5", "1 / len(from.result.x) > 1", "seen(\'p\', value)"]'
    policy = policy_of(tmp_path, payee(unless))
    run, contents = run_of(*paid())
    (finding,) = policy.evaluate(run, contents).findings
    explanation = policy.explain(run, contents, finding.finding_id)
    assert explanation is not None
    whys = {each.text: each.why for each in explanation.unless}
    assert list(whys) == [
        "user_said",
        "approved(to)",
        "to.args.amount > 5",
        "1 / len(from.result.x) > 1",
        "seen('p', value)",
    ]
    assert whys["user_said"].startswith("no message of the user")
    assert whys["approved(to)"] == whys["to.args.amount > 5"] == "it does not hold"
    assert whys["1 / len(from.result.x) > 1"].startswith("it failed: ")
    assert "what other runs did is not known" in whys["seen('p', value)"]


def test_what_is_joined_by_or_is_told_of_in_parts_where_it_keeps_something(tmp_path: Path) -> None:
    policy = policy_of(
        tmp_path, payee("[\"(from.tool == 'ä' and to.tool) or seen('p', value)\", \"index == 9 or role\"]")
    )
    told = explained(policy, *paid(), state=MemoryState())
    assert [text for text, _ in told] == ["from.tool == 'ä' and to.tool", "seen('p', value)", "index == 9 or role"]


def test_what_telemetry_lacks_is_named(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, 'rules: [{id: r, any_of: [b, c], unless: "args.a == 1 and result.b == 2"}]')
    event, content = call("b", a=1)
    content = type(content)(arguments=content.arguments)
    ((text, why),) = explained(policy, (event, content))
    assert text == "args.a == 1 and result.b == 2"
    assert why.endswith("the telemetry carries no results")


def test_it_is_of_the_finding_not_of_what_was_let_pass_before(tmp_path: Path) -> None:
    text = 'rules: [{id: r, all_of: [a, b], unless: ["b.args.n == 1", "b.args.n == 9"]}]'
    policy = policy_of(tmp_path, text)
    assert [each for each, _ in explained(policy, call("a"), call("b", n=1), call("b", n=2))] == [
        "b.args.n == 1",
        "b.args.n == 9",
    ]


def test_a_rule_after_one_with_unless_has_none_of_its_own(tmp_path: Path) -> None:
    text = """rules:
  - {id: q, any_of: [a, z], unless: "args.n == 1"}
  - {id: r, when: "tool == 'b'"}
"""
    policy = policy_of(tmp_path, text)
    run, contents = run_of(call("a", n=1), call("b"))
    (finding,) = policy.evaluate(run, contents).findings
    explanation = policy.explain(run, contents, finding.finding_id)
    assert explanation is not None
    assert explanation.unless == ()
