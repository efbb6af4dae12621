"""The AI SDK's legacy telemetry: hand-made spans through the real decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, runs_of, spans
from spanwarden.dialects.reading import Request
from spanwarden.model.event import Effect, Usage

META = {"ai.telemetry.functionId": "shop-bot", "ai.telemetry.metadata.sessionId": "s-1"}


def ai(operation: str, **more: Any) -> dict[str, Any]:
    told = {key.replace("__", "."): value for key, value in more.items()}
    return {"operation.name": f"{operation} shop-bot", "ai.operationId": operation, **META, **told}


def call(**more: Any) -> dict[str, Any]:
    return ai("ai.toolCall", **{"ai__toolCall__name": "read_file", "ai__toolCall__id": "c1", **more})


def request(scope: str = "ai") -> Request:
    asked = json.dumps([{"toolCallId": "c1", "toolName": "read_file", "input": '{"path": ".env"}'}])
    prompt = json.dumps([{"role": "user", "content": [{"type": "text", "text": "read it"}]}])
    return spans(
        scope,
        Span("ai.generateText", 1, 0, 1000, 1100, ai(
            "ai.generateText", ai__prompt='{"system": "be kind", "prompt": "read it"}', ai__response__text="done",
            ai__usage__promptTokens=5, ai__usage__completionTokens=5)),
        Span("ai.generateText.doGenerate", 2, 1, 1001, 1010, ai(
            "ai.generateText.doGenerate", ai__prompt__messages=prompt, ai__response__toolCalls=asked,
            ai__model__id="m-req", ai__response__model="m-1", ai__model__provider="openai.chat",
            ai__usage__inputTokens=100, ai__usage__outputTokens=20, ai__usage__cachedInputTokens=60,
            ai__usage__reasoningTokens=7, gen_ai__usage__input_tokens=100)),
        Span("ai.toolCall", 3, 1, 1011, 1020, call(
            ai__toolCall__args='{"path":".env"}', ai__toolCall__result='"KEY=1"')),
    )  # fmt: skip


def test_a_run_is_an_agent_its_requests_and_its_tools() -> None:
    [(run, contents)] = runs_of([request()])
    assert run.conversation == "s-1"
    assert run.agent == "shop-bot"
    assert [(e.kind, e.tool or e.role) for e in run.events] == [
        ("agent", None),
        ("message", "system"),
        ("message", "user"),
        ("llm_call", None),
        ("tool_call", "read_file"),
        ("message", "assistant"),
    ]
    asked, did = run.events[3], run.events[4]
    assert (asked.model, asked.usage) == ("m-1", Usage(100, 20, 60, 0, 7))
    assert (did.status, did.call_id, did.effects) == ("ok", "c1", (Effect("file_read", ".env"),))
    assert (contents[4].arguments, contents[4].result) == ({"path": ".env"}, "KEY=1")
    assert run.events[0].usage is None, "the outer span's usage is that of the last request"


def test_the_application_s_own_tracer_does_not_hide_the_sdk() -> None:
    assert [e.dialect for e in events_of(request("shop.tracer"))] == ["ai-sdk"] * 6


def test_objects_and_embeddings_hold_their_request() -> None:
    seen = events_of(
        spans(
            "ai",
            Span("o", 1, 0, 1000, 1100, ai("ai.generateObject")),
            Span("oi", 2, 1, 1001, 1010, ai("ai.generateObject.doGenerate", ai__response__object='{"a": 1}')),
            Span("e", 3, 1, 1020, 1030, ai("ai.embed")),
            Span("ei", 4, 3, 1021, 1029, ai("ai.embed.doEmbed", ai__usage__tokens=9)),
        )
    )
    assert [(e.kind, e.usage.input if e.usage else None) for e in seen] == [
        ("llm_call", None),
        ("message", None),
        ("embedding", 9),
    ]


def test_a_failed_tool_and_withheld_arguments() -> None:
    [event] = events_of(spans("ai", Span("ai.toolCall", 3, 0, 1000, 1001, call(), error=True)))
    assert (event.tool, event.status, event.effects) == ("read_file", "error", (Effect("file_read"),))


@pytest.mark.parametrize(
    ("output", "status", "result"),
    [
        ({"type": "text", "value": "KEY=1"}, "ok", "KEY=1"),
        ({"type": "json", "value": {"a": 1}}, "ok", {"a": 1}),
        ({"type": "error-text", "value": "no such file"}, "error", "no such file"),
        ({"type": "execution-denied", "reason": "no"}, "denied", None),
    ],
)
def test_results_in_a_later_prompt_say_how_a_call_ended(output: Any, status: str, result: Any) -> None:
    first = json.dumps([{"toolCallId": "c1", "toolName": "read_file", "input": '{"path": ".env"}'}])
    later = json.dumps(
        [
            {"role": "assistant", "content": [
                {"type": "tool-call", "toolCallId": "c1", "toolName": "read_file", "input": {"path": ".env"}}]},
            {"role": "tool", "content": [
                {"type": "tool-result", "toolCallId": "c1", "toolName": "read_file", "output": output}]},
        ]
    )  # fmt: skip
    [(run, contents)] = runs_of(
        [
            spans(
                "ai",
                Span("a", 1, 9, 1000, 1010, ai("ai.streamText.doStream", ai__response__toolCalls=first)),
                Span("b", 2, 9, 1020, 1030, ai("ai.streamText.doStream", ai__prompt__messages=later)),
            )
        ]
    )
    [at] = [i for i, e in enumerate(run.events) if e.kind == "tool_call"]
    assert (run.events[at].status, contents[at].result) == (status, result)


def test_a_call_that_the_provider_makes_is_made() -> None:
    asked = [{"toolCallId": "s1", "toolName": "web_search", "input": '{"query": "x"}', "providerExecuted": True}]
    told = ai("ai.generateText.doGenerate", ai__response__toolCalls=json.dumps(asked))
    seen = events_of(spans("ai", Span("g", 1, 0, 1000, 1010, told), Span("t", 2, 1, 1011, 1012, call())))
    assert [e.tool for e in seen if e.kind == "tool_call"] == ["web_search", "read_file"]


def test_a_span_of_something_else_is_left_to_the_conventions() -> None:
    seen = events_of(spans("ai", Span("chat m", 1, 0, 1, 2, {"gen_ai.operation.name": "chat"})))
    assert [(e.kind, e.dialect) for e in seen] == [("llm_call", "genai")]


def test_version_7_speaks_the_conventions() -> None:
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_file", "gen_ai.tool.call.id": "c1"}
    [event] = events_of(spans("gen_ai", Span("execute_tool read_file", 1, 0, 1000, 1001, told)))
    assert (event.kind, event.tool, event.dialect) == ("tool_call", "read_file", "ai-sdk")
