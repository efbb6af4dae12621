"""LiveKit Agents: hand-made spans through the real decoder."""

from __future__ import annotations

import json

from dialects.payloads import Span, events_of, runs_of, spans
from spanwarden.model.event import Effect, Usage

SCOPE = "livekit-agents"


def test_a_turn_with_its_request_and_its_tool_by_livekit_s_own_keys() -> None:
    calls = [{"id": "i1", "call_id": "c1", "name": "read_file", "arguments": '{"path": ".env"}'}]
    chat = {"items": [{"type": "message", "role": "user", "content": ["read it"]}]}
    usage = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2, "gen_ai.request.model": "m"}
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("agent_session", 1, 0, 1000, 1200, {}),
                Span("agent_turn", 2, 1, 1001, 1100, {"lk.agent_label": "clerk", "lk.user_input": "read it"}),
                Span("llm_node", 3, 2, 1002, 1010, {
                    "lk.chat_ctx": json.dumps(chat), "lk.response.function_calls": json.dumps(calls)}),
                Span("llm_request", 4, 3, 1003, 1009, {"gen_ai.operation.name": "chat", **usage}),
                Span("function_tool", 5, 2, 1011, 1020, {
                    "lk.function_tool.name": "read_file", "lk.function_tool.id": "c1",
                    "lk.function_tool.arguments": '{"path": ".env"}', "lk.function_tool.is_error": True,
                    "lk.function_tool.output": "no such file"}),
            )
        ]
    )  # fmt: skip
    assert run.agent == "clerk"
    assert [(e.kind, e.tool or e.role, e.status) for e in run.events] == [
        ("agent", None, "ok"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "error"),
    ]
    assert run.events[2].usage == Usage(9, 2)
    assert run.events[3].effects == (Effect("file_read", ".env"),)
    assert (contents[3].arguments, contents[3].error) == ({"path": ".env"}, "no such file")
    assert {e.dialect for e in run.events} == {"livekit"}


def test_newer_keys_are_marked_as_personal() -> None:
    told = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "lk.function_tool.name": "read_file",
        "lk.pii.function_tool.arguments": '{"path": ".env"}',
        "lk.pii.function_tool.output": "KEY=1",
    }
    [event] = events_of(spans("own.tracer", Span("function_tool", 5, 0, 1011, 1020, told)))
    assert (event.status, event.effects) == ("ok", (Effect("file_read", ".env"),))
