"""MLflow tracing: hand-made spans through the real decoder; `tests/corpus` has a capture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, runs_of, spans
from spanwarden.model.event import Effect, Usage

SCOPE = "mlflow.tracing.provider"


def traced(kind: str, given: Any = None, came: Any = None, **more: Any) -> dict[str, Any]:
    told = {key.replace("__", "."): json.dumps(value) for key, value in more.items()}
    for key, value in (("mlflow.spanInputs", given), ("mlflow.spanOutputs", came)):
        if value is not None:
            told[key] = json.dumps(value)
    return {"mlflow.spanType": json.dumps(kind), "mlflow.traceRequestId": '"tr-1"', **told}


def test_langchain_s_messages_tell_of_calls_and_results() -> None:
    calls = [{"name": "read_file", "args": {"path": ".env"}, "id": "c1", "type": "tool_call"}]
    answer = {"content": "", "additional_kwargs": {}, "type": "ai", "tool_calls": calls}
    usage = {"input_tokens": 240, "output_tokens": 23, "total_tokens": 263, "cache_read_input_tokens": 64}
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("assistant", 1, 0, 1000, 1100, traced("AGENT", {"question": "read it"}, "done")),
                Span("ChatOpenAI", 2, 1, 1001, 1010, traced(
                    "CHAT_MODEL", [[{"content": "read it", "type": "human"}]],
                    {"generations": [[{"text": "", "message": answer}]], "llm_output": None},
                    mlflow__llm__model="m", mlflow__chat__tokenUsage=usage, mlflow__llm__cost={"total_cost": 0.01})),
                Span("read_file", 3, 1, 1011, 1020, traced(
                    "TOOL", {"path": ".env"}, {"content": "KEY=1", "type": "tool", "tool_call_id": "c1"})),
                Span("ChatOpenAI", 4, 1, 1021, 1030, traced("CHAT_MODEL"), error=True),
            )
        ]
    )  # fmt: skip
    assert [(e.kind, e.tool or e.role, e.status) for e in run.events] == [
        ("agent", None, "ok"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "ok"),
        ("llm_call", None, "error"),
        ("message", "assistant", "unknown"),
    ]
    asked, did = run.events[2], run.events[3]
    assert (asked.model, asked.usage, asked.cost_usd, asked.cost_source) == (
        "m", Usage(240, 23, 64, 0, 0), 0.01, "reported",
    )  # fmt: skip
    assert (did.call_id, did.effects, contents[3].result) == ("c1", (Effect("file_read", ".env"),), "KEY=1")


@pytest.mark.parametrize(
    ("span", "function", "tool"),
    [("read_file_2", "read_file", "read_file"), ("report_2", None, "report_2"), ("report_2", "report_2", "report_2")],
)
def test_a_span_s_number_is_no_part_of_the_tool(span: str, function: str | None, tool: str) -> None:
    named = {"mlflow__spanFunctionName": function} if function else {}
    event, _ = only(spans(SCOPE, Span(span, 1, 0, 1000, 1001, traced("TOOL", {"x": 1}, "ok", **named))))
    assert event.tool == tool


def test_an_unknown_type_is_structure_and_a_foreign_span_is_left_alone() -> None:
    seen = events_of(
        spans(
            SCOPE,
            Span("chain", 1, 0, 1000, 1001, traced("CHAIN")),
            Span("chat", 2, 1, 1000, 1001, {"gen_ai.operation.name": "chat"}),
        )
    )
    assert [(e.kind, e.dialect) for e in seen] == [("llm_call", "genai")]


def test_an_argument_object_that_is_encoded_twice_is_read() -> None:
    given = {"mlflow.spanType": '"TOOL"', "mlflow.spanInputs": json.dumps(json.dumps({"path": ".env"}))}
    event, content = only(spans("x", Span("read_file", 1, 0, 1000, 1001, given)))
    assert (event.effects, content.arguments) == ((Effect("file_read", ".env"),), {"path": ".env"})
