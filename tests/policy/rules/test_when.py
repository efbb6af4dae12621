"""The rule family `when`."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Verdict
from spanwarden.model.run import Run
from spanwarden.policy.loading import PolicyError, load
from spanwarden.policy.metadata_table import MetadataTable
from spanwarden.transcripts.entries import HeldContents

PAIRS = [
    (Event("message", role="user"), Content(text="go")),
    (Event("tool_call", tool="send_money", span_id=b"\x01" * 8), Content(arguments={"amount": 50})),
    (Event("tool_call", tool="send_money"), Content(arguments={"amount": "many"})),
    (Event("tool_call", tool="send_money"), Content(arguments={"amount": 900})),
]


def judged(folder: Path, *rules: str, pairs: list[tuple[Event, Content]] | None = None) -> Verdict:
    path = folder / "p.yaml"
    path.write_text("rules:\n" + "".join(f"- {{id: r{n}, {rule}}}\n" for n, rule in enumerate(rules)))
    held = PAIRS if pairs is None else pairs
    return load(str(path)).evaluate(Run("r", tuple(e for e, _ in held)), HeldContents(c for _, c in held))


def test_every_event_that_a_condition_holds_for_is_a_finding(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "severity: high, title: Large, when: \"tool == 'send_money' and args.amount == 900\"")
    (finding,) = verdict.findings
    assert (finding.severity, finding.evidence[0].event, finding.evidence[0].role) == ("high", 3, "sink")
    assert finding.message == "send_money (event 3): Large."


def test_errors_are_told_once_a_rule_with_their_number(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "when: args.amount > 40", "when: \"tool == 'send_money'\"")
    assert [f.evidence[0].event for f in verdict.findings if f.rule == "r0"] == [1, 3]
    assert len([f for f in verdict.findings if f.rule == "r1"]) == 3
    (error,) = verdict.rule_errors
    assert error.rule == "r0"
    assert "values of the wrong type (on 1 of 4 events, first on event 2)" in error.error
    assert "many" not in error.error


@pytest.mark.parametrize(
    ("condition", "content", "needs"),
    [
        ("tool == 'send_money' and args.amount > 1", Content(), ("arguments",)),
        ("tool == 'send_money' and 'x' in result", Content(arguments={}), ("results",)),
        ("tool == 'other' and args.amount > 1", Content(), None),
        ("tool == 'send_money' and any_prev(lambda s: s.args.amount)", Content(), ("arguments",)),
        ("seen('payee', tool)", Content(), ("state",)),
    ],
)
def test_what_the_telemetry_lacks_is_told(
    tmp_path: Path, condition: str, content: Content, needs: tuple[str, ...] | None
) -> None:
    pairs = [(Event("tool_call", tool="send_money"), content)] * 2
    verdict = judged(tmp_path, f'when: "{condition}"', pairs=pairs)
    assert not verdict.findings
    assert [item.needs for item in verdict.not_evaluable] == ([needs] if needs else [])


def test_costs_that_nothing_tells_are_told(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "when: cost > 1", pairs=[(Event("llm_call"), Content())])
    assert [item.needs for item in verdict.not_evaluable] == [("cost",)]
    assert not judged(tmp_path, "when: cost > 1", pairs=[(Event("llm_call", cost_usd=0.1), Content())]).not_evaluable


def test_a_refusal_names_file_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        judged(tmp_path, "when: tool", "when: tol == 'x'")
    assert str(caught.value).endswith("p.yaml:3: rules[1].when: unknown name 'tol' (did you mean tool?) (column 1)")


def test_100000_events_are_judged_in_one_pass(tmp_path: Path) -> None:
    pairs = [(Event("tool_call", tool="t"), Content())] * 100_000
    verdict = judged(
        tmp_path,
        "when: \"tool == 'x'\"",
        "when: \"any_prev(lambda s: s.tool == 'x')\"",
        "when: \"step_index > 10 and all(s.tool == 'x' for s in prev_steps[-3:])\"",
        pairs=pairs,
    )
    assert not verdict.findings
    assert not verdict.rule_errors


def test_metadata_is_derived_by_the_users_table(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("rules: [{id: r, when: \"metadata.owner == 'finance'\"}]\n")
    run, contents = Run("r", tuple(e for e, _ in PAIRS)), HeldContents(c for _, c in PAIRS)
    table = MetadataTable(tools={"send_money": {"owner": "finance"}})
    assert len(load(str(path)).evaluate(run, contents, table=table).findings) == 3
    assert not load(str(path)).evaluate(run, contents).findings
