"""OpenLIT's MCP spans: the call is in the payload, and it is one call whatever tells of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, only, runs_of, spans
from spanwarden.model.event import Effect

SCOPE = "openlit.instrumentation.mcp"


def call(own: int, payload: Any, parent: int = 0, response: Any = None) -> Span:
    told = {"mcp.operation.name": "tools_call", "mcp.request.payload": json.dumps(payload)}
    if response is not None:
        told["mcp.response.payload"] = json.dumps(response)
    return Span("mcp tools/call", own, parent, 1000 + own, 1020 - own, told)


@pytest.mark.parametrize(
    "params",
    [
        {"args": ["read_file", {"path": ".env"}]},
        {"kwargs": {"name": "read_file", "arguments": {"path": ".env"}}},
        {"name": "read_file", "arguments": {"path": ".env"}},
    ],
)
def test_the_call_is_in_the_payload(params: dict[str, Any]) -> None:
    answer = {"content": [], "structured_content": {"result": "KEY=1"}, "is_error": False}
    event, content = only(spans(SCOPE, call(1, {"method": "call_tool", "params": params}, response=answer)))
    assert (event.kind, event.tool, event.status) == ("tool_call", "read_file", "ok")
    assert event.effects == (Effect("file_read", ".env"),)
    assert (content.arguments, content.result) == ({"path": ".env"}, {"result": "KEY=1"})


def test_layers_are_one_call_that_failed() -> None:
    asked = {"params": {"args": ["read_file", {"path": ".env"}]}}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_file", "gen_ai.tool.call.id": "c1"}
    event, content = only(
        spans("openlit.instrumentation.openai_agents", Span("execute_tool read_file", 1, 0, 1000, 1030, tool)),
        spans(
            SCOPE,
            call(2, asked, 1, {"content": "no", "is_error": True}),
            call(3, asked, 2, {"type": "mcp_coroutine", "awaitable": True}),
        ),
    )
    assert (event.tool, event.call_id, event.status) == ("read_file", "c1", "error")
    assert content.arguments == {"path": ".env"}


@pytest.mark.parametrize("payload", [None, 3, [], {"params": 3}, {"params": {"args": [3]}}, {"params": {"args": []}}])
def test_a_call_of_nothing_is_structure(payload: Any) -> None:
    listing = Span("mcp tools/list", 2, attributes={"mcp.operation.name": "tools_list", "mcp.request.payload": "{}"})
    assert runs_of([spans(SCOPE, call(1, payload), listing)]) == []
