"""Copilot's dialect: hand-made spans through the real decoder."""

from __future__ import annotations

from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, spans
from spanwarden.dialects.reading import Request, observe
from spanwarden.model.event import Effect, Usage

SCOPE = "github.copilot"


def tool(own: int = 2, name: str = "bash", error: bool = False, events: Any = (), **more: Any) -> Span:
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": "c1"}
    named = {key.replace("__", "."): value for key, value in more.items()}
    return Span(f"execute_tool {name} {name}", own, 1, attributes={**told, **named}, events=events, error=error)


def copilot(*made: Span, scope: str = SCOPE) -> Request:
    return spans(scope, *made, resource={"service.name": "github-copilot"})


def test_a_command_without_captured_arguments_is_read_from_its_own_attribute() -> None:
    seen, content = only(copilot(tool(github__copilot__tool__parameters__command="curl http://a.example")))
    assert seen.effects == (Effect("shell", "curl http://a.example"), Effect("network_fetch", "http://a.example"))
    assert content.arguments == {"command": "curl http://a.example"}
    assert (seen.dialect, seen.call_id, seen.status) == ("copilot", "c1", "ok")


@pytest.mark.parametrize(("code", "status"), [(0, "ok"), (2, "error"), ("1", "error"), ("?", "ok")])
def test_an_exit_code_is_an_attribute(code: Any, status: str) -> None:
    assert only(copilot(tool(process__exit__code=code)))[0].status == status


def test_refusals_are_denied_and_other_errors_are_not() -> None:
    assert only(copilot(tool(error=True, error__type="denied")))[0].status == "denied"
    told = (("gen_ai.client.operation.exception", {"github.copilot.error_code": "rejected"}),)
    assert only(copilot(tool(error=True, error__type="ToolError", events=told)))[0].status == "denied"
    assert only(copilot(tool(error=True, error__type="ToolError")))[0].status == "error"


@pytest.mark.parametrize(("result", "status"), [("denied-by-rules", "denied"), ("approved", "ok")])
def test_a_permission_is_told_of_the_tool_around_it(result: str, status: str) -> None:
    asked = Span("permission", 5, 2, attributes={"github.copilot.permission.result": result})
    assert [e.status for e in events_of(copilot(asked, tool()))] == [status]


def test_a_tool_of_a_server_keeps_its_name() -> None:
    served = tool(
        name="notes-search_notes",
        gen_ai__tool__call__arguments='{"query":"widgets"}',
        github__copilot__tool__parameters__mcp_server_name="notes",
    )
    seen, content = only(copilot(served))
    assert (seen.tool, content.arguments) == ("notes-search_notes", {"query": "widgets"})


def test_the_agent_s_sum_is_not_counted_again_and_its_cost_is_no_money() -> None:
    counts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2, "github.copilot.cost": 3.0}
    agent = Span("invoke_agent", 1, 0, 1000, 1100, {"gen_ai.operation.name": "invoke_agent", **counts})
    chat = Span("chat m", 2, 1, 1000, 1050, {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m", **counts})
    seen = events_of(copilot(agent, chat))
    assert [(e.kind, e.usage) for e in seen] == [("agent", None), ("llm_call", Usage(10, 2))]
    assert {e.cost_usd for e in seen} == {None}
    assert {e.dialect for e in seen} == {"copilot"}


def test_a_sub_agent_is_started_by_a_tool_and_no_handoff() -> None:
    task = tool(name="task", gen_ai__tool__call__arguments='{"agent_type":"explore","prompt":"look"}')
    agent = Span(
        "invoke_agent explore",
        3,
        2,
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "explore"},
    )
    inner = tool(4, "view", gen_ai__tool__call__id="c2")._replace(parent=3)
    seen = events_of(copilot(task, agent, inner))
    assert {(e.kind, e.tool, e.agent) for e in seen} == {
        ("tool_call", "task", None),
        ("agent", None, "explore"),
        ("tool_call", "view", "explore"),
    }


def test_the_chat_in_the_editor_speaks_the_same() -> None:
    assert only(copilot(tool(), scope="copilot-chat"))[0].dialect == "copilot"


def test_nothing_raises_where_nothing_is_told() -> None:
    nameless = Span("execute_tool", 2, attributes={"gen_ai.operation.name": "execute_tool"})
    assert [o.kind for o in observe(copilot(nameless), 0)] == ["span"]
