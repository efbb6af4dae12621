"""AgentCore's gateway and its policy's verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, spans
from spanwarden.model.event import Effect

VERDICT = "aws.agentcore.policy.authorization_decision"
INVOKE = "AgentCore.Gateway.InvokeTool"
AUTHORIZE = "AgentCore.Policy.AuthorizeAction"


@pytest.mark.parametrize(("scope", "more"), [("", {}), ("aws.agentcore", {}), ("any", {"gen_ai.gateway.id": "g"})])
def test_a_tool_behind_the_gateway(scope: str, more: dict[str, Any]) -> None:
    told = {"tool.name": "files___read_file", "tool.parameters": '{"path": ".env"}', "session.id": "s", **more}
    event, content = only(spans(scope, Span(INVOKE, 1, attributes=told)))
    assert (event.kind, event.tool, event.status, event.dialect) == ("tool_call", "read_file", "ok", "agentcore")
    assert event.effects == (Effect("file_read", ".env"),)
    assert content.arguments == {"path": ".env"}


def test_an_allowed_call_is_a_decision_and_a_call() -> None:
    told = events_of(
        spans(
            "",
            Span(AUTHORIZE, 2, 1, 1001, 1002, {VERDICT: "ALLOW", "tool.name": "files___read_file"}),
            Span(INVOKE, 1, 0, 1000, 1010, {"tool.name": "files___read_file"}),
        )
    )
    assert [(e.kind, e.tool, e.status) for e in told] == [("tool_call", "read_file", "ok"), ("decision", None, "ok")]


@pytest.mark.parametrize(
    "named", [{"tool.name": "files___read_file"}, {"aws.agentcore.policy.denied_tools": '["files___read_file"]'}]
)
def test_a_refused_call_was_not_made(named: dict[str, str]) -> None:
    refused = Span(AUTHORIZE, 2, 1, 1001, 1002, {VERDICT: "DENY", **named})
    event, _ = only(spans("x", refused))
    assert (event.kind, event.tool, event.status) == ("tool_call", "read_file", "denied")
    around = Span(INVOKE, 1, 0, 1000, 1010, {"tool.name": "files___read_file"}, error=True)
    event, _ = only(spans("", refused, around))
    assert (event.kind, event.tool, event.status) == ("tool_call", "read_file", "denied")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (AUTHORIZE, {"aws.agentcore.gateway.policy.mode": "LOG_ONLY", "tool.name": "t"}),
        (AUTHORIZE, {}),
        (AUTHORIZE, {"aws.agentcore.policy.denied_tools": "[3]"}),
        ("AgentCore.Policy.PartiallyAuthorizeActions", {"aws.agentcore.policy.denied_tools": '["t"]'}),
    ],
)
def test_a_verdict_that_stops_no_call_is_a_decision(name: str, more: dict[str, str]) -> None:
    event, content = only(spans("", Span(name, 1, attributes={VERDICT: "DENY", **more})))
    assert (event.kind, event.tool) == ("decision", None)
    assert content.result == {"decision": "DENY", "reason": None}


def test_other_spans_of_the_service_are_structure() -> None:
    inner = Span(INVOKE, 2, 1, attributes={"tool.name": "t"})
    assert [e.tool for e in events_of(spans("", Span("AgentCore.Runtime.Invoke", 1), inner))] == ["t"]
