"""opencode's dialect: hand-made spans and notes through the real decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from dialects.payloads import MS, TRACE, Span, any_value, events_of, only, spans
from spanwarden.dialects.reading import Request, observe
from spanwarden.model.event import Effect, Usage
from spanwarden.otlp.requests import decode_logs

SCOPE = "opencode"
SESSION = {"session.id": "ses_1"}
ASK = 8
REFUSED = "The user rejected permission to use this specific tool call."


def note(*words: Any, span: int = ASK, at: int = 1004, trace: bytes = TRACE) -> Request:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = SCOPE
    record = scope_logs.log_records.add(time_unix_nano=at * MS, trace_id=trace, span_id=span.to_bytes(8, "big"))
    record.body.CopyFrom(any_value([word if isinstance(word, str) else json.dumps(word) for word in words]))
    return decode_logs(request.SerializeToString())


def permission(tool: str, pattern: str, action: str = "allow", **more: Any) -> Request:
    return note("evaluated", {"permission": tool, "pattern": pattern, "action": {"action": action}}, **more)


def opencode(*made: Span) -> Request:
    return spans(SCOPE, *made, resource={"service.name": "opencode"})


def tool_span(own: int = 3, name: str = "read", args: Any = None, result: Any = None, **more: Any) -> Span:
    told = {"ai.operationId": "ai.toolCall", "ai.toolCall.name": name, "ai.toolCall.id": "c1", **SESSION}
    content = {"ai.toolCall.args": json.dumps(args or {}), "ai.toolCall.result": json.dumps(result)}
    return Span("ai.toolCall", own, 2, attributes={**told, **content}, **more)


def execution(own: int = 5, name: str = "read", **more: Any) -> Span:
    told = {"tool.name": name, "tool.call_id": "c1", **SESSION}
    return Span("Tool.execute", own, 90, attributes=told, **more)


def request_span(own: int = 4, start: int = 1020, **more: Any) -> Span:
    told = {"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m", **SESSION}
    counts = {"ai.usage.inputTokens": 1000, "ai.usage.outputTokens": 40, "ai.usage.cachedInputTokens": 500}
    attributes = {**told, **counts, **{key.replace("__", "."): value for key, value in more.items()}}
    return Span("ai.streamText.doStream", own, 2, start, start + 9, attributes)


def test_two_spans_and_a_permission_are_one_call() -> None:
    read = opencode(
        execution(),
        tool_span(args={"filePath": "/x/.env"}, result={"title": ".env", "output": "KEY=1", "metadata": {}}),
        Span("ReadTool.execute", 7, 5),
        Span("Permission.ask", ASK, 7),
        Span("sql.execute", 9, 7),
    )
    allowed = permission("read", ".env")
    for requests in ([read, allowed], [allowed, read]):
        seen, content = only(*requests)
        assert (seen.kind, seen.tool, seen.status, seen.call_id) == ("tool_call", "read", "ok", "c1")
        assert seen.effects == (Effect("file_read", "/x/.env"),)
        assert (content.arguments, content.result) == ({"filePath": "/x/.env"}, "KEY=1")


def test_one_permission_covers_tools_of_other_names() -> None:
    wrote = opencode(execution(name="write"), Span("Permission.ask", ASK, 5))
    [seen] = events_of(wrote, permission("edit", "a.py"))
    assert (seen.tool, seen.effects) == ("write", (Effect("file_write", "a.py"),))


@pytest.mark.parametrize(
    ("tool", "pattern", "effects"),
    [
        ("bash", "rm -rf x", (Effect("shell", "rm -rf x"), Effect("file_write", "x", "delete"))),
        ("webfetch", "http://a.example", (Effect("network_fetch", "http://a.example"),)),
        ("task", "general", (Effect("agent_spawn", "general"),)),
        ("notes_search_notes", "*", ()),
    ],
)
def test_where_the_tail_was_lost_the_permission_tells_the_call(
    tool: str, pattern: str, effects: tuple[Effect, ...]
) -> None:
    seen, _ = only(permission(tool, pattern))
    assert (seen.kind, seen.tool, seen.status, seen.effects) == ("tool_call", tool, "unknown", effects)


def test_a_rule_may_refuse_and_a_question_is_no_call() -> None:
    assert only(permission("bash", "rm x", "deny"))[0].status == "denied"
    asked = permission("read", ".env", "ask")
    assert only(asked)[0].kind == "decision"
    answered = opencode(execution(), Span("Permission.ask", ASK, 5))
    assert [(e.kind, e.status) for e in events_of(asked, answered)] == [("tool_call", "ok")]
    assert observe(permission("external_directory", "/etc/*"), 0) == []


def test_a_permission_that_nobody_gave_refuses_the_call() -> None:
    error = (("exception", {"exception.type": "PermissionRejectedError", "exception.message": REFUSED}),)
    refused = opencode(execution(error=True), Span("Permission.ask", ASK, 5, events=error, error=True))
    assert [e.status for e in events_of(refused)] == ["denied"]
    assert [e.status for e in events_of(opencode(tool_span(events=error, error=True)))] == ["denied"]
    assert [e.status for e in events_of(opencode(tool_span(error=True)))] == ["error"]


def test_calls_and_results_are_read_from_requests_too() -> None:
    call = {"type": "tool-call", "toolCallId": "c1", "toolName": "bash", "input": {"command": "rm x"}}
    asking = request_span(4, 1000, **{"ai.response.toolCalls": json.dumps([call])})
    output = {"type": "error-text", "value": REFUSED}
    back = {"type": "tool-result", "toolCallId": "c1", "toolName": "bash", "output": output}
    sent = [
        {"role": "system", "content": "words of the program"},
        {"role": "user", "content": "delete x"},
        {"role": "assistant", "content": [call]},
        {"role": "tool", "content": [back]},
    ]
    following = request_span(6, 1050, **{"ai.prompt.messages": json.dumps(sent), "ai.response.text": "No."})
    seen = events_of(opencode(asking, following))
    assert [(e.kind, e.tool, e.status) for e in seen if e.kind != "message"] == [
        ("llm_call", None, "ok"),
        ("tool_call", "bash", "denied"),
        ("llm_call", None, "ok"),
    ]
    assert [e.usage for e in seen if e.kind == "llm_call"] == [Usage(1000, 40, 500)] * 2
    assert [e.role for e in seen if e.kind == "message"] == ["assistant"], "no words of the program's own"


def test_a_request_is_one_model_call_in_all_its_layers_and_without_them() -> None:
    streamed = note("stream", {"modelID": "m", "providerID": "p", "session.id": "ses_1", "agent": "build"}, span=1)
    outer = Span("ai.streamText", 2, 1, 1000, 1030, {"ai.operationId": "ai.streamText", **SESSION})
    layers = opencode(Span("LLM.run", 1, 90, 1000, 1004), outer, request_span())
    lost = opencode(outer, request_span())
    for requests in ([streamed, layers], [layers, streamed], [lost, streamed]):
        [seen] = events_of(*requests)
        assert (seen.kind, seen.model, seen.usage) == ("llm_call", "m", Usage(1000, 40, 500))
    [alone] = events_of(streamed)
    assert (alone.kind, alone.model, alone.usage) == ("llm_call", "m", None)


def test_an_exit_code_is_a_failure() -> None:
    failed = tool_span(name="bash", args={"command": "false"}, result={"output": "", "metadata": {"exit": 1}})
    assert only(opencode(failed))[0].status == "error"


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["permission", "pattern", "action", "role", "content", "type", "toolCallId", "output", "metadata"]
            ),
            inner | st.sampled_from(["ask", "deny", "tool-result", "tool", "assistant"]),
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=150)
@given(JSON)
def test_nothing_raises_on_hostile_content(value: Any) -> None:
    text = json.dumps(value)
    observe(note("evaluated", value), 0)
    observe(note("stream", value), 0)
    observe(opencode(request_span(**{"ai.prompt.messages": text, "ai.response.toolCalls": text})), 0)
    observe(opencode(tool_span(args=value, result=value)), 0)
