"""What is said of rules besides their body: modes, agents, exceptions, dedup, messages, missing telemetry."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from policy.policy_files import call, judged, policy_of, run_of
from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Finding, Verdict
from spanwarden.model.finding_json import as_json
from spanwarden.policy.document import PolicyError

RULE = "rules:\n- id: r\n  severity: high\n  flow: {from: {tool: a}, to: {tool: b}, via: order}\n"
BARE = Event("tool_call", tool="send"), Content()
NEEDY = "rules: [{id: r, flow: {from: untrusted, to: send, via: value}%s}]\n"


def found(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


def test_title_and_severity_have_defaults(tmp_path: Path) -> None:
    finding = found(judged(policy_of(tmp_path, "rules: [{id: too-fast, detect: {of: {tool: a}}}]"), call("a")))
    assert (finding.title, finding.severity, finding.mode) == ("Too fast", "medium", "enforce")
    assert "mode" not in as_json(finding)


@pytest.mark.parametrize(
    ("before", "inside", "mode"),
    [
        ("", "", "enforce"),
        ("mode: monitor\n", "", "monitor"),
        ("mode: monitor\n", "  mode: enforce\n", "enforce"),
        ("", "  mode: monitor\n", "monitor"),
        ("mode: monitor\noverrides: {r: {mode: enforce}}\n", "", "enforce"),
        ("overrides: {r: {mode: monitor}}\n", "  mode: enforce\n", "monitor"),
        ("agents: {'bot-*': {mode: monitor}}\n", "  mode: enforce\n", "monitor"),
        ("agents: {'bot-*': {mode: monitor, rules: {r: {mode: enforce}}}}\n", "", "enforce"),
        ("agents: {'other-*': {mode: monitor}}\n", "", "enforce"),
    ],
)
def test_the_mode_that_is_said_last_counts(tmp_path: Path, before: str, inside: str, mode: str) -> None:
    verdict = judged(policy_of(tmp_path, before + RULE + inside), call("a"), call("b"), agent="bot-1")
    assert found(verdict).mode == mode
    assert verdict.risk_score == (40 if mode == "enforce" else 0)
    assert as_json(found(verdict)).get("mode") == ("monitor" if mode == "monitor" else None)


def test_a_mode_of_the_file_holds_for_tracegates_keys(tmp_path: Path) -> None:
    verdict = judged(policy_of(tmp_path, "mode: monitor\nforbidden_tools: [a]\n"), call("a"))
    assert found(verdict).mode == "monitor"


def test_overrides_change_severity_weight_and_whether_a_rule_is_there(tmp_path: Path) -> None:
    low = judged(policy_of(tmp_path, RULE + "overrides: {r: {severity: low}}\n"), call("a"), call("b"))
    assert (found(low).severity, low.risk_score) == ("low", 5)
    light = judged(policy_of(tmp_path, RULE + "overrides: {r: {weight: 0}}\n"), call("a"), call("b"))
    assert (found(light).severity, light.risk_score) == ("high", 0)
    assert not judged(policy_of(tmp_path, RULE + "overrides: {r: {enabled: false}}\n"), call("a"), call("b")).findings
    with pytest.raises(PolicyError, match=r"p\.yaml:5: overrides\.rr: 'rr' is no rule .*did you mean r\?"):
        policy_of(tmp_path, RULE + "overrides: {rr: {weight: 0}}\n")


def test_agents_have_limits_and_tools_of_their_own(tmp_path: Path) -> None:
    text = """
limits: {max_cost_usd: 5, max_runtime_minutes: 1}
forbidden_tools: [a]
agents:
  "billing-*": {limits: {max_cost_usd: 20}, forbidden_tools: [b]}
  "billing-test": {rules: {tool-forbidden: {enabled: false}}}
"""
    policy = policy_of(tmp_path, text)

    def rules(agent: str | None) -> list[str]:
        run, contents = run_of(call("a"), call("b"), agent=agent, cost_usd=10.0, runtime_seconds=120)
        return [finding.rule for finding in policy.evaluate(run, contents).findings]

    assert rules("helper") == ["max-cost-exceeded", "max-runtime-exceeded", "tool-forbidden"]
    assert rules(None) == rules("helper")
    assert rules("billing-eu") == ["max-runtime-exceeded", "tool-forbidden"]
    assert rules("Billing-Test") == ["max-runtime-exceeded"]
    run, contents = run_of(call("a"), call("b"), agent="billing-eu", cost_usd=10.0, runtime_seconds=1)
    assert "b" in found(policy.evaluate(run, contents)).message


def test_what_differs_by_agent_is_not_told_early(tmp_path: Path) -> None:
    text = "forbidden_tools: [a]\nforbidden_paths: [secret]\nagents: {x: {forbidden_tools: []}}\n"
    policy = policy_of(tmp_path, text)
    run, contents = run_of(call("a"), call("read_file", path="secret"))
    assert [finding.rule for finding in policy.evaluate_early(run, contents)] == ["path-forbidden"]


def excepted(folder: Path, exception: str, **facts: object) -> bool:
    policy = policy_of(folder, RULE + f"  exceptions: [{{reason: INC-1, {exception}}}]\n")
    return not judged(policy, call("a"), call("b", agent="sub", to="x"), **facts).findings


def test_an_exception_counts_where_all_of_it_holds(tmp_path: Path) -> None:
    assert excepted(tmp_path, "agent: su*")
    assert not excepted(tmp_path, "agent: deploy-*")
    assert excepted(tmp_path, "tool: b")
    assert not excepted(tmp_path, "tool: a")
    assert excepted(tmp_path, "expr: \"to.args.to == 'x' and tool == 'b' and from.tool == 'a'\"")
    assert not excepted(tmp_path, "tool: b, expr: \"args.to == 'y'\"")


def test_an_exception_ends_with_its_last_day_by_the_runs_own_time(tmp_path: Path) -> None:
    last = int(dt.datetime(2027, 1, 31, 23, 59, 59, tzinfo=dt.UTC).timestamp()) * 10**9
    assert excepted(tmp_path, "tool: b, until: 2027-01-31", end=last)
    assert not excepted(tmp_path, "tool: b, until: 2027-01-31", end=last + 10**9)
    assert not excepted(tmp_path, "tool: b, until: 2027-01-31")


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ("{tool: b}", "an exception needs 'reason'"),
        ("{reason: x}", "at least one of agent, tool, expr"),
        ("{reason: x, until: 2027-01-31}", "at least one of agent, tool, expr"),
        ("{reason: x, tool: b, until: 2027-02-30}", "there is no day 2027-02-30"),
        ("{reason: x, tool: b, until: tomorrow}", "expected a date"),
        ("{reason: x, tool: b, exp: 'True'}", "did you mean expr?"),
        ("{reason: x, expr: 'nobody == 1'}", "nobody"),
    ],
)
def test_mistakes_in_exceptions(tmp_path: Path, exception: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:5: rules\[0\]\.exceptions\[0\]") as caught:
        policy_of(tmp_path, RULE + f"  exceptions: [{exception}]\n")
    assert expected in str(caught.value)


def test_explain_says_which_exceptions_did_not_count_and_why(tmp_path: Path) -> None:
    text = RULE + "  exceptions:\n  - {reason: one, tool: c}\n  - {reason: two, agent: x*, tool: b}\n"
    policy = policy_of(tmp_path, text)
    run, contents = run_of(call("a"), call("b", agent="sub"))
    (finding,) = policy.evaluate(run, contents).findings
    explained = policy.explain(run, contents, finding.finding_id)
    assert explained is not None
    assert explained.finding == finding
    assert [(item.reason, item.line, item.why) for item in explained.refused] == [
        ("one", 6, "it is for other tools"),
        ("two", 7, "it is for other agents than sub"),
    ]
    excused, contents = run_of(call("a"), call("b", agent="xenia"))
    again = policy.explain(excused, contents, finding.finding_id)
    assert again is not None
    assert again.excepted_by == "two"
    assert policy.explain(run, contents, "no such id") is None


@pytest.mark.parametrize(
    ("wish", "outcome"), [("", "report"), ("report", "report"), ("pass", ""), ("finding", "found")]
)
def test_on_missing(tmp_path: Path, wish: str, outcome: str) -> None:
    policy = policy_of(tmp_path, NEEDY % (f", on_missing: {wish}" if wish else ""))
    verdict = judged(policy, (Event("retrieval"), Content()), BARE)
    assert bool(verdict.not_evaluable) is (outcome == "report")
    assert [finding.title for finding in verdict.findings] == (["Not evaluable"] if outcome == "found" else [])


@pytest.mark.parametrize(("wish", "missing", "told"), [("pass", 0, 0), ("report", 1, 0), ("finding", 0, 1), ("", 0, 1)])
def test_an_unknown_cost_is_a_finding_unless_said_otherwise(tmp_path: Path, wish: str, missing: int, told: int) -> None:
    override = f"overrides: {{max-cost-exceeded: {{on_missing: {wish}}}}}\n" if wish else ""
    verdict = judged(policy_of(tmp_path, "limits: {max_cost_usd: 1}\n" + override), call("a"))
    assert (len(verdict.not_evaluable), len(verdict.findings)) == (missing, told)


def test_findings_that_are_one_are_told_once_a_run_and_carry_their_key(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, RULE + "  dedup: {by: [agent, to.args.to], for: 1h}\n")
    verdict = judged(policy, call("a"), call("b", to="x"), call("b", to="x"), call("b", to="y"), agent="bot")
    assert [finding.evidence[-1].event for finding in verdict.findings] == [1, 3]
    assert {finding.dedup_for for finding in verdict.findings} == {3600}
    other = judged(policy, call("a"), call("b", to="x"), agent="bot", name="other")
    assert found(other).dedup_key == verdict.findings[0].dedup_key
    assert found(judged(policy, call("a"), call("b", to="x"), agent="man")).dedup_key != found(other).dedup_key
    with pytest.raises(PolicyError, match=r"did you mean agent\?"):
        policy_of(tmp_path, RULE + "  dedup: {by: [agnt]}\n")


def test_messages_name_facts_and_mask_content(tmp_path: Path) -> None:
    message = '  message: "{{{to.tool}}} by {agent} after {from.tool} with {to.args.key} ({to.index}) {to.model}"\n'
    verdict = judged(policy_of(tmp_path, RULE + message), call("a"), call("b", key="hunter2hunter2"), agent="bot")
    assert found(verdict).message == "{b} by bot after a with hu… (14 characters) (1) ?"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{to.tol}", "did you mean tool?"),
        ("{nobody.tool}", "{nobody} stands for nothing here"),
        ("{to}", "write {to.tool}"),
        ("{tool}", "{tool} stands for nothing here; write {from.tool}"),
        ("{args.key}", "does not say of which event; write {to.args.key}"),
        ("{to.__class__}", "is no fact of an event"),
        ("{to.tool.__class__}", "has nothing below it"),
        ("{to.tool!r}", "is no fact of an event"),
        ("{0}", "is no place for a fact"),
        ("{", "is no place for a fact"),
        ("{}", "is no place for a fact"),
    ],
)
def test_messages_hold_nothing_but_names(tmp_path: Path, message: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:5: rules\[0\]\.message") as caught:
        policy_of(tmp_path, RULE + f"  message: '{message}'\n")
    assert expected in str(caught.value)


def test_tags_that_are_not_in_their_list_are_a_warning(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, RULE + "  tags: [team-x, 'owasp-llm:LLM01', 'owasp-llm:LLM11', 'atlas:AML.T9999']\n")
    assert [warning.split(": ", 1)[0] for warning in policy.warnings] == ["p.yaml:5", "p.yaml:5"]
    assert "'owasp-llm:LLM11' is not in the list it names" in policy.warnings[0]
