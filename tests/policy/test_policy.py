"""Evaluating a policy: ids, evidence, risk score, broken rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.policy.policy import MAX_FINDINGS, Policy
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.tuning import Tuning
from spanwarden.transcripts.entries import HeldContents
from spanwarden.transcripts.native import read_value

SPANS = tuple(Event("tool_call", tool="bash", trace_id=b"t" * 16, span_id=bytes([i]) * 8) for i in range(3))
RUN = Run("run-1", SPANS)
NOTHING = HeldContents(Content() for _ in SPANS)


@dataclass(frozen=True)
class Scripted:
    """A rule that yields what it is told to, then raises if told to."""

    id: str
    outcomes: tuple[Finding | NotEvaluable, ...] = ()
    error: Exception | None = None

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        yield from self.outcomes
        if self.error is not None:
            raise self.error


def finding(rule: str, *events: int, severity: str = "high", weight: int = 0) -> Finding:
    evidence = tuple(Evidence(event, "sink") for event in events)
    return Finding(rule, severity, "T", "M", "", evidence=evidence, weight=weight)  # type: ignore[arg-type]


def test_findings_are_completed_with_policy_ids_and_spans() -> None:
    policy = Policy("acme", "3", "", (Scripted("r", (finding("r", 1),)),))
    (found,) = policy.evaluate(RUN, NOTHING).findings
    assert (found.policy, found.policy_version, found.weight) == ("acme", "3", 40)
    assert (found.evidence[0].span_id, found.evidence[0].trace_id) == ("01" * 8, "74" * 16)
    again = policy.evaluate(RUN, NOTHING).findings[0]
    assert found.finding_id
    assert (found.finding_id, found.delivery_id) == (again.finding_id, again.delivery_id)
    other = Policy("acme", "4", "", policy.rules).evaluate(RUN, NOTHING).findings[0]
    assert found.finding_id == other.finding_id
    assert found.delivery_id != other.delivery_id


def test_a_broken_rule_is_told_of_and_silences_no_other() -> None:
    broken = Scripted("broken", (finding("broken", 0),), ValueError("no\nluck"))
    verdict = Policy("p", "1", "", (broken, Scripted("sound", (finding("sound", 2),)))).evaluate(RUN, NOTHING)
    assert [f.rule for f in verdict.findings] == ["broken", "sound"]
    assert [(e.rule, e.error) for e in verdict.rule_errors] == [("broken", "ValueError: no\nluck")]


def test_what_cannot_be_judged_is_collected_apart() -> None:
    verdict = Policy("p", "1", "", (Scripted("r", (NotEvaluable("r", ("arguments",)),)),)).evaluate(RUN, NOTHING)
    assert verdict.findings == ()
    assert verdict.not_evaluable == (NotEvaluable("r", ("arguments",)),)


def test_the_risk_score_counts_each_rule_once_up_to_a_hundred() -> None:
    rules = [Scripted("a", (finding("a", 0), finding("a", 1))), Scripted("b", (finding("b", 0, severity="medium"),))]
    assert Policy("p", "1", "", rules).evaluate(RUN, NOTHING).risk_score == 60
    assert Policy("p", "1", "", rules, tunings={"a": Tuning(weight=7)}).evaluate(RUN, NOTHING).risk_score == 27
    many = [Scripted(str(i), (finding(str(i), 0, severity="critical"),)) for i in range(5)]
    assert Policy("p", "1", "", many).evaluate(RUN, NOTHING).risk_score == 100


def test_a_rule_that_floods_is_cut_and_told_of() -> None:
    flood = Scripted("flood", (finding("flood", 0),) * (MAX_FINDINGS + 5))
    verdict = Policy("p", "1", "", (flood,)).evaluate(RUN, NOTHING)
    assert len(verdict.findings) == MAX_FINDINGS
    assert [e.rule for e in verdict.rule_errors] == ["flood"]


def test_findings_come_in_tracegates_order(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "forbidden_flows: [WebFetch->Shell]\nforbidden_paths: ['*.pem']\nforbidden_tools: [bash]\n"
        "allow_network: false\nlimits: {max_cost_usd: 1}\nmax_shell_commands: 0\n"
    )
    events = [{"type": "webfetch"}, {"type": "tool_call", "tool": "bash", "command": "ls"}]
    events.append({"type": "file_read", "path": "a.pem"})
    run, contents = read_value({"events": events}, Path("t.json"))
    verdict = load("p.yaml", folder=tmp_path).evaluate(run, contents)
    assert [f.code for f in verdict.findings] == [
        "COST_UNKNOWN",
        "MAX_SHELL_COMMANDS_EXCEEDED",
        "NETWORK_FORBIDDEN",
        "FORBIDDEN_TOOL",
        "FORBIDDEN_PATH",
        "FORBIDDEN_FLOW",
    ]


def test_a_call_told_by_logs_keeps_its_finding_when_late_records_move_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("forbidden_tools: [send]")
    policy = load(str(file))
    sent = Event("tool_call", "ok", 5, 6, tool="send", call_id="call_1")
    one = policy.evaluate(Run("r", (sent,)), [Content()]).findings
    two = policy.evaluate(Run("r", (Event("message", role="user"), sent)), [Content()] * 2).findings
    assert (one[0].finding_id, one[0].delivery_id) == (two[0].finding_id, two[0].delivery_id)
    assert two[0].evidence[0].event == 1
