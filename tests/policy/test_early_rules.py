from __future__ import annotations

import pathlib

import pytest

from spanwarden.model.event import Content, Effect, Event
from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.policy.policy import Policy

READ = Event("tool_call", "ok", 1, 2, tool="read_file", effects=(Effect("file_read", "/x/.env"),), span_id=b"r" * 8)
SEND = Event(
    "tool_call", "ok", 3, 4, tool="send", effects=(Effect("network_send", "https://a.example"),), span_id=b"s" * 8
)
CHAT = Event("llm_call", "ok", 5, 6, cost_usd=3.0, cost_source="reported")
SHELL = Event("tool_call", "ok", 7, 8, tool="bash", effects=(Effect("shell", "ls"),), span_id=b"b" * 8)


def policy(tmp_path: pathlib.Path, text: str) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return load(str(file))


FLOW = """rules:
- {id: f, title: t, severity: high, flow: {from: {effect: file_read}, to: {effect: send}, via: order}}
"""
DETECT = "rules:\n- {id: d, title: t, severity: low, detect: {of: {tool: send}}}\n"


@pytest.mark.parametrize(
    ("text", "rule", "alerting"),
    [
        ("forbidden_tools: [send]", "tool-forbidden", SEND),
        ("forbidden_paths: ['*.env']", "path-forbidden", READ),
        ("forbidden_flows: ['read_file->send']", "flow-forbidden", SEND),
        ("allow_network: false", "network-forbidden", SEND),
        ("allow_sensitive_files: false", "sensitive-files-forbidden", READ),
        ("limits: {max_cost_usd: 2}", "max-cost-exceeded", CHAT),
        ("max_shell_commands: 0", "max-shell-commands-exceeded", SHELL),
        (FLOW, "f", READ),
        (DETECT, "d", SEND),
        ("rules:\n- {id: w, when: \"tool == 'send' and any_prev(lambda e: e.tool == 'read_file')\"}", "w", READ),
    ],
)
def test_a_rule_that_cannot_be_unbroken_is_found_early_and_the_same_at_the_end(
    tmp_path: pathlib.Path, text: str, rule: str, alerting: Event
) -> None:
    judge = policy(tmp_path, text)
    assert judge.alerts(alerting)
    assert not judge.alerts(Event("message", role="user"))
    events = (READ, SEND, CHAT, SHELL)
    early = Run("r", events, cost_usd=3.0, cost_source="reported")
    whole = Run("r", (*events, Event("agent", "ok", 9, 9)), cost_usd=4.0, cost_source="reported")
    found = judge.evaluate_early(early, [Content()] * 4)
    assert [finding.rule for finding in found] == [rule]
    assert {f.finding_id for f in found} <= {f.finding_id for f in judge.evaluate(whole, [Content()] * 5).findings}


@pytest.mark.parametrize(
    "text",
    [
        "limits: {max_runtime_minutes: 1}",
        FLOW.replace("via: order", "via: order, unless: [user_said]"),
        "rules:\n- {id: d, title: t, severity: low, detect: {of: {tool: send, outcome: done}}}",
        "rules:\n- {id: d, title: t, severity: low, detect: {finds: [secret]}}",
        "rules:\n- {id: d, detect: {of: {tool: send}}, dedup: {by: [rule]}}",
        "rules:\n- {id: w, when: \"tool == 'send' and args.to == 'x'\"}",
    ],
)
def test_what_more_telemetry_may_unbreak_waits_for_the_end(tmp_path: pathlib.Path, text: str) -> None:
    judge = policy(tmp_path, text)
    assert not any(map(judge.alerts, (READ, SEND, CHAT, SHELL)))
    assert judge.evaluate_early(Run("r", (READ, SEND)), [Content()] * 2) == ()


def test_what_is_unknown_so_far_is_not_told_early(tmp_path: pathlib.Path) -> None:
    judge = policy(tmp_path, "limits: {max_cost_usd: 2}\nforbidden_paths: [x]")
    blind = Event("tool_call", "ok", tool="read_file", effects=(Effect("file_read"),))
    assert judge.evaluate_early(Run("r", (blind,)), [Content()]) == ()
    assert len(judge.evaluate(Run("r", (blind,)), [Content()]).findings) == 1


def test_a_call_without_a_name_waits_until_it_has_one(tmp_path: pathlib.Path) -> None:
    judge = policy(tmp_path, "rules:\n- {id: w, when: \"tool not in ('read_file', 'send')\"}\n")
    unnamed = Event("tool_call", "ok", 1, 2, span_id=b"u" * 8)
    assert judge.evaluate_early(Run("r", (unnamed,), completeness="open"), [Content()]) == ()
    assert len(judge.evaluate_early(Run("r", (SHELL,), completeness="open"), [Content()])) == 1
    assert len(judge.evaluate(Run("r", (unnamed,)), [Content()]).findings) == 1


def test_judging_early_reads_no_content(tmp_path: pathlib.Path) -> None:
    judge = policy(
        tmp_path, "rules:\n- {id: early, when: \"tool == 'send'\"}\n- {id: late, when: \"args.to == 'x'\"}\n"
    )
    found = judge.evaluate_early(Run("r", (READ, SEND), completeness="open"), [])
    assert [finding.rule for finding in found] == ["early"]
