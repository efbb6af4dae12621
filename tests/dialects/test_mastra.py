"""Mastra: hand-made spans through the real decoder; `tests/corpus` has a capture."""

from __future__ import annotations

import json
from typing import Any

from dialects.payloads import Span, events_of, only, runs_of, spans
from spanwarden.model.event import Effect, Usage

SCOPE = "@mastra/otel-exporter"
META = {"mastra.metadata.runId": "run-1", "mastra.metadata.threadId": "thread-7"}


def made(kind: str, operation: str, **more: Any) -> dict[str, Any]:
    told = {key.replace("__", "."): value for key, value in more.items()}
    return {"mastra.span.type": kind, "gen_ai.operation.name": operation, **META, **told}


def counted(input_: int, output: int) -> dict[str, int]:
    return {"gen_ai__usage__input_tokens": input_, "gen_ai__usage__output_tokens": output}


def inference(input_: int, output: int) -> dict[str, Any]:
    return made("model_inference", "chat", gen_ai__request__model="m", **counted(input_, output))


def test_only_the_innermost_span_is_the_request() -> None:
    asked = json.dumps(
        {"text": "", "toolCalls": [{"toolCallId": "c1", "toolName": "read_file", "args": {"path": "a"}}]}
    )
    summary = '[{"role": "assistant", "content": "[tool: read_file]"}]'
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("invoke_agent A", 1, 0, 1000, 1100, made(
                    "agent_run", "invoke_agent", gen_ai__agent__name="A", mastra__agent_run__input="read it",
                    mastra__agent_run__output='{"text": "done"}', **counted(90, 9))),
                Span("model_generation m", 2, 1, 1001, 1090, made(
                    "model_generation", "model_generation", **counted(90, 9))),
                Span("agent_step", 3, 2, 1002, 1030, made(
                    "model_step", "agent_step", mastra__model_step__output=asked, mastra__model_step__input=summary)),
                Span("chat m", 4, 3, 1003, 1010, inference(40, 4)),
                Span("model_chunk", 5, 4, 1004, 1005, made("model_chunk", "model_chunk")),
                Span("execute_tool read_file", 6, 3, 1011, 1020, made(
                    "tool_call", "execute_tool", gen_ai__tool__name="read_file", gen_ai__tool__call__id="c1",
                    gen_ai__tool__call__arguments='{"path": ".env"}', gen_ai__tool__call__result='{"content": "x"}')),
                Span("chat m", 7, 2, 1040, 1050, inference(50, 5)),
            )
        ]
    )  # fmt: skip
    assert (run.id, run.conversation, run.agent) == ("run-1", "thread-7", "A")
    assert [(e.kind, e.tool or e.role, e.usage) for e in run.events] == [
        ("agent", None, None),
        ("message", "user", None),
        ("llm_call", None, Usage(40, 4)),
        ("tool_call", "read_file", None),
        ("llm_call", None, Usage(50, 5)),
        ("message", "assistant", None),
    ]
    assert run.events[3].effects == (Effect("file_read", ".env"),)
    assert contents[3].result == {"content": "x"}


def test_a_generation_is_the_request_where_nothing_is_inside() -> None:
    told = made("model_generation", "chat", gen_ai__request__model="m", **counted(90, 9))
    event, _ = only(spans(SCOPE, Span("chat m", 2, 1, 1001, 1090, told)))
    assert (event.kind, event.usage) == ("llm_call", Usage(90, 9))


def test_a_generation_around_requests_does_not_add_to_them() -> None:
    outer = made("model_generation", "chat", gen_ai__request__model="m", **counted(90, 9))
    inner = [inference(40 + i, 4) for i in range(2)]
    seen = events_of(
        spans(
            SCOPE,
            Span("chat m", 2, 1, 1001, 1090, outer),
            Span("chat m", 3, 2, 1002, 1010, inner[0]),
            Span("chat m", 4, 2, 1020, 1030, inner[1]),
        )
    )
    assert sorted(e.usage.input for e in seen if e.usage) == [40, 41]


def test_servers_workflows_and_memory() -> None:
    tool = made("mcp_tool_call", "execute_tool", gen_ai__tool__name="search", mastra__mcp_tool_call__input='{"q": "x"}',
                mastra__mcp_tool_call__server_name="notes")  # fmt: skip
    seen = events_of(
        spans(
            "any",
            Span("invoke_workflow w", 1, 0, 1000, 1100, made("workflow_run", "invoke_workflow")),
            Span("workflow_step s", 2, 1, 1001, 1090, made("workflow_step", "workflow_step")),
            Span("execute_tool search", 3, 2, 1002, 1003, tool, error=True),
            Span("embeddings", 4, 2, 1004, 1005, made("rag_embedding", "embeddings", **counted(3, 0))),
            Span("rag_vector_operation", 5, 2, 1006, 1007, made("rag_vector_operation", "rag_vector_operation")),
            Span("execute_tool", 6, 2, 1008, 1009, made("tool_call", "execute_tool")),
        )
    )
    assert [(e.kind, e.tool, e.status) for e in seen] == [
        ("agent", None, "ok"),
        ("tool_call", "search", "error"),
        ("embedding", None, "ok"),
        ("retrieval", None, "ok"),
    ]
    assert {e.dialect for e in seen} == {"mastra"}
