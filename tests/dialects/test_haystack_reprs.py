"""Haystack's conversations as reprs in OpenInference spans."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.model.event import Content, Usage
from spanwarden.model.run import Run
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

CALL = "ToolCall(tool_name='read_file', arguments={'path': 'it\\'s.txt'}, id='call-1', extra=None)"
USED = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
META = repr({"model": "m", "usage": USED})
USER = "ChatMessage(_role=<ChatRole.USER: 'user'>, _content=[TextContent(text='read it')], _name=None, _meta={})"
ASKS = f"ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[{CALL}], _name=None, _meta={META})"
GIVES = (
    "ChatMessage(_role=<ChatRole.TOOL: 'tool'>, _content=[ToolCallResult(result='boom', "
    f"origin={CALL}, error=True)], _name=None, _meta={{}})"
)
ENDS = (
    f"ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[TextContent(text='no')], _name=None, _meta={META})"
)


def span(title: str, given: list[str], output: dict[str, Any], kind: str = "CHAIN", **more: Any) -> Span:
    told = {"openinference.span.kind": kind, "input.value": json.dumps({"messages": given})}
    told["output.value"] = json.dumps(output)
    told.update(more.pop("attributes", {}))
    return Span(
        trace_id=bytes(range(1, 17)),
        span_id=more.pop("id", b"12345678"),
        name=title,
        start_time_unix_nano=more.pop("start", 10),
        end_time_unix_nano=20,
        attributes=[KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in told.items()],
        **more,
    )


def read(*spans: Span) -> tuple[Run, list[Content]]:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    decoded = decode_traces(request.SerializeToString())
    windows = Windows(WindowSettings())
    windows.add(observe(decoded, 0), 0.0)
    (decision,) = windows.close(0.0)
    return decision.run, list(EventContents(decision.run.events, ContentReader({0: decoded}.get)))


def test_an_agent_s_conversation_tells_its_model_calls_and_tool_calls() -> None:
    run, contents = read(span("Agent.run", [USER], {"messages": [USER, ASKS, GIVES, ENDS]}))
    assert [(e.kind, e.tool or e.role, e.status) for e in run.events] == [
        ("agent", None, "ok"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "error"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
    ]
    assert [e.usage for e in run.events if e.usage] == [Usage(10, 2, 4)] * 2
    assert (contents[3].arguments, contents[3].result) == ({"path": "it's.txt"}, "boom")


def test_the_pipeline_around_the_agent_adds_nothing() -> None:
    inner = span("Agent.run", [USER], {"messages": [USER, ASKS, GIVES, ENDS]}, parent_span_id=b"abcdefgh")
    outer = span("Pipeline.run", [], {"coder": {"messages": [USER, ASKS, GIVES, ENDS]}}, id=b"abcdefgh", start=9)
    assert len(read(inner, outer)[0].events) == len(read(inner)[0].events)


def test_what_the_agent_was_given_is_history() -> None:
    run, _ = read(span("Agent.run", [USER, ASKS, GIVES], {"messages": [USER, ASKS, GIVES, ENDS]}))
    assert [e.kind for e in run.events if e.kind in {"llm_call", "tool_call"}] == ["llm_call"]


def test_model_calls_with_spans_of_their_own_count_once() -> None:
    agent = span("Agent.run", [USER], {"messages": [USER, ASKS, GIVES, ENDS]})
    model = span("ChatCompletion", [], {}, "LLM", id=b"abcdefgh", parent_span_id=b"12345678", start=12)
    run, _ = read(agent, model)
    assert [e.span_id for e in run.events if e.kind == "llm_call"] == [b"abcdefgh"]


def test_a_component_that_runs_tools_tells_their_results() -> None:
    asked = {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call-1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "read_file",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"path": "a"}',
    }
    model = span("OpenAIChatGenerator.run", [], {}, "LLM", id=b"abcdefgh", start=5, attributes=asked)
    tools = span("ToolInvoker.run", [ASKS], {"tool_messages": [GIVES]})
    run, contents = read(model, tools)
    calls = [(e.tool, e.status, c.result) for e, c in zip(run.events, contents, strict=True) if e.kind == "tool_call"]
    assert calls == [("read_file", "error", "boom")]
    assert [e.kind for e in run.events if e.kind == "agent"] == []


def test_what_is_no_message_is_left_out() -> None:
    odd = ["ChatMessage(", "Other(a=1)", "ChatMessage(_role=1, _content=[3, Unknown()])", ENDS]
    run, _ = read(span("Agent.run", [], {"messages": odd}))
    assert [e.kind for e in run.events] == ["agent", "llm_call", "message"]
    run, _ = read(
        span("Agent.run", [], {"messages": "ChatMessage(", "x": ["ChatMessage("]}),
        span("x", [], {}, "LLM", id=b"abcdefgh"),
    )
    assert [e.kind for e in run.events] == ["llm_call"]


def test_an_agent_that_failed_is_seen_with_what_it_was_asked() -> None:
    run, _ = read(span("Agent.run", [USER], {}, status=Status(code=Status.STATUS_CODE_ERROR)))
    assert [(e.kind, e.status) for e in run.events] == [("agent", "error"), ("message", "unknown")]
