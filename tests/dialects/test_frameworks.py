"""Frameworks under scopes of their own are named, and their peculiarities are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, spans
from spanwarden.dialects.frameworks import DIALECTS
from spanwarden.dialects.registry import candidates
from spanwarden.model.event import Usage


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("opentelemetry.instrumentation.openai.v1", "openllmetry"),
        ("opentelemetry.instrumentation.anthropic", "openllmetry"),
        ("traceloop.tracer", "openllmetry"),
        ("opentelemetry.instrumentation.openai_v2", "genai"),
        ("opentelemetry.instrumentation.genai.openai", "genai"),
        ("opentelemetry.instrumentation.google_genai", "genai"),
        ("openlit.instrumentation.langchain", "openlit"),
        ("com.anthropic.sdk.python", "anthropic-sdk"),
        ("gcp.vertex.agent", "google-adk"),
        ("strands.telemetry.tracer", "strands"),
        ("agent_framework", "ms-agent-framework"),
        ("semantic_kernel.functions.kernel_function", "semantic-kernel"),
        ("something.else", "genai"),
    ],
)
def test_events_name_the_framework(scope: str, name: str) -> None:
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    event, _ = only(spans(scope, Span("chat m", 1, attributes=told)))
    assert (event.kind, event.dialect) == ("llm_call", name)


def test_every_name_is_listed_once_and_no_scope_is_claimed_twice() -> None:
    names = [dialect.name for dialect in DIALECTS]
    assert len(names) == len(set(names))
    for dialect in DIALECTS:
        assert dialect.versions
        for scope in dialect.scopes:
            named = [d.name for d in candidates(scope.rstrip("*")) if d in DIALECTS]
            assert named in ([dialect.name], []), scope


def flattened(**more: Any) -> dict[str, Any]:
    return {
        "gen_ai.system": "OpenAI",
        "llm.request.type": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "read it",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "read_file",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"path": ".env"}',
        "gen_ai.usage.prompt_tokens": 240,
        "gen_ai.usage.completion_tokens": 23,
        "llm.request.functions.0.name": "not_called",
        **more,
    }


def test_the_old_flattened_keys_of_openllmetry() -> None:
    tool = {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "read_file",
        "traceloop.entity.input": json.dumps({"args": [], "kwargs": {"path": ".env"}}),
        "traceloop.entity.output": json.dumps("KEY=1"),
        "traceloop.association.properties.session_id": "s-1",
    }
    told = events_of(
        spans("opentelemetry.instrumentation.openai", Span("openai.chat", 2, 1, 1001, 1002, flattened())),
        spans(
            "traceloop.tracer",
            Span("read_file.tool", 3, 1, 1003, 1004, tool),
            Span(
                "flow.workflow", 1, 0, 1000, 1010, {"traceloop.span.kind": "workflow", "traceloop.workflow.name": "f"}
            ),
            Span("step.task", 4, 1, 1000, 1010, {"traceloop.span.kind": "task"}),
        ),
    )
    assert [(e.kind, e.tool or e.role or e.agent, e.status) for e in told] == [
        ("agent", "f", "ok"),
        ("message", "user", "unknown"),
        ("llm_call", "f", "ok"),
        ("tool_call", "read_file", "ok"),
    ]
    assert told[2].usage == Usage(240, 23)
    assert told[3].call_id == "c1"


def test_a_tool_span_inside_a_tool_span_of_openllmetrys_mcp() -> None:
    outer = {
        "traceloop.span.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.arguments": '{"path": ".env"}',
    }
    inner = {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "read_file",
        "traceloop.entity.input": json.dumps({"tool_name": "read_file", "arguments": {"path": ".env"}}),
    }
    event, content = only(
        spans("opentelemetry.instrumentation.openai_agents", Span("read_file.tool", 1, 0, 1000, 1010, outer)),
        spans(
            "opentelemetry.instrumentation.mcp",
            Span("read_file.tool", 2, 1, 1001, 1009, inner),
            Span("mcp.client.session", 9, 0, 1000, 1020, {"traceloop.span.kind": "session"}, bytes([7] * 16)),
            Span("tools/list.mcp", 8, 9, 1000, 1020, {"traceloop.span.kind": "server"}, bytes([7] * 16)),
        ),
    )
    assert (event.kind, event.tool, content.arguments) == ("tool_call", "read_file", {"path": ".env"})


def test_the_anthropic_sdks_tool_runner() -> None:
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.arguments": '{"path": ".env"}',
        "anthropic.tool_result.content": "KEY=1",
    }
    event, content = only(spans("com.anthropic.sdk.python", Span("anthropic.custom_tool_use", 1, attributes=tool)))
    assert (event.dialect, content.result) == ("anthropic-sdk", "KEY=1")


def test_openlits_nodes_are_no_agents() -> None:
    def node(own: int, name: str, parent: int = 1) -> Span:
        told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "langgraph"}
        return Span(name, own, parent, 1000 + own, 1020, {**told, "gen_ai.agent.name": name, "gen_ai.agent.id": name})

    top = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "triage"}
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    told = events_of(
        spans(
            "openlit.instrumentation.langchain",
            Span("invoke_workflow triage", 1, 0, 1000, 1030, top),
            node(2, "model"),
            node(3, "Summary.before_model"),
            node(4, "researcher"),
            Span("chat m", 5, 2, 1005, 1006, asked),
        )
    )
    assert [(e.kind, e.agent) for e in told] == [("agent", "triage"), ("agent", "researcher"), ("llm_call", "triage")]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"gen_ai.span.kind": "LLM", "gen_ai.request.model": "m"}, ("llm_call", None)),
        (
            {"llm.request.type": "completion", "gen_ai.request.model": "m", "gen_ai.prompt.0.role": "x"},
            ("llm_call", None),
        ),
        (
            {"gen_ai.span.kind": "TOOL", "tool.name": "run_shell", "input.value": "{'command': 'make'}"},
            ("tool_call", "run_shell"),
        ),
        ({"gen_ai.span.kind": "RETRIEVER"}, ("retrieval", None)),
        ({"gen_ai.span.kind": "AGENT", "gen_ai.agent.name": "a"}, ("agent", None)),
    ],
)
def test_kinds_of_spans_without_an_operation(told: dict[str, Any], expected: tuple[str, str | None]) -> None:
    top = {"gen_ai.span.kind": "CHAIN", "input.value": "{'messages': []}"}
    [event] = events_of(spans("loongsuite.x", Span("s", 2, 1, attributes=told), Span("chain", 1, 0, 990, 1050, top)))
    assert (event.kind, event.tool) == expected
    assert [effect.target for effect in event.effects] == (["make"] if event.kind == "tool_call" else [])
