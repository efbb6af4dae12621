"""LangSmith's export: hand-made spans through the real decoder."""

from __future__ import annotations

import json
from typing import Any

from dialects.payloads import Span, events_of, runs_of, spans
from spanwarden.model.event import Effect, Usage

SCOPE = "langsmith"
SAID = {"lc": 1, "type": "constructor", "id": ["langchain", "AIMessage"], "kwargs": {
    "content": "", "type": "ai",
    "tool_calls": [{"name": "read_file", "args": {"path": ".env"}, "id": "c1", "type": "tool_call"}]}}  # fmt: skip
PROMPT = {"messages": [[{"lc": 1, "type": "constructor", "id": ["HumanMessage"],
                         "kwargs": {"content": "read it", "type": "human"}}]]}  # fmt: skip


def step(kind: str, given: Any = None, came: Any = None, **more: Any) -> dict[str, Any]:
    told = {key.replace("__", "."): value for key, value in more.items()}
    for key, value in (("gen_ai.prompt", given), ("gen_ai.completion", came)):
        if value is not None:
            told[key] = json.dumps(value)
    return {"langsmith.span.kind": kind, "langsmith.trace.session_name": "shop", **told}


def test_a_graph_is_an_agent_and_the_project_is_no_conversation() -> None:
    agent = {"langsmith__metadata__lc_agent_name": "triage", "langsmith__metadata__thread_id": "conv-7"}
    usage = {"input_tokens": 240, "output_tokens": 23, "input_token_details": {"cache_read": 64},
             "output_token_details": {"reasoning": 8}}  # fmt: skip
    state = {"messages": [{"content": "read it", "type": "human"}, {"content": "done", "type": "ai", "tool_calls": []}]}
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("triage", 1, 0, 1000, 1100, step(
                    "chain", {"messages": [{"role": "user", "content": "read it"}]}, state, **agent)),
                Span("model", 2, 1, 1001, 1012, step("chain", gen_ai__operation__name="chain", **agent)),
                Span("ChatOpenAI", 3, 2, 1002, 1010, step(
                    "llm", PROMPT, {"generations": [[{"text": "", "message": SAID}]]}, gen_ai__request__model="m",
                    gen_ai__usage__input_tokens=240, gen_ai__usage__output_tokens=23,
                    langsmith__metadata__usage_metadata=json.dumps(usage), **agent)),
                Span("read_file", 4, 1, 1013, 1020, step(
                    "tool", {"path": ".env"}, {"output": {"content": "KEY=1", "type": "tool", "tool_call_id": "c1"}},
                    gen_ai__operation__name="execute_tool", gen_ai__tool__name="read_file", **agent)),
            )
        ]
    )  # fmt: skip
    assert (run.agent, run.conversation) == ("triage", "conv-7")
    assert [(e.kind, e.tool or e.role) for e in run.events] == [
        ("agent", None),
        ("message", "user"),
        ("llm_call", None),
        ("tool_call", "read_file"),
        ("message", "assistant"),
    ]
    asked, did = run.events[2], run.events[3]
    assert asked.usage == Usage(240, 23, 64, 0, 8)
    assert (did.call_id, did.status, did.effects) == ("c1", "ok", (Effect("file_read", ".env"),))
    assert (contents[3].result, contents[4].text) == ("KEY=1", "done")


def test_a_retriever_is_no_embedding() -> None:
    told = step("retriever", {"query": "x"}, {"documents": []}, gen_ai__operation__name="embeddings")
    [event] = events_of(spans(SCOPE, Span("search", 1, 0, 1000, 1001, told)))
    assert event.kind == "retrieval"


def test_a_traced_function_without_langchain_is_the_agent_of_its_run() -> None:
    asked = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a"}'}}]}  # fmt: skip
    seen = events_of(
        spans(
            "any.scope",
            Span("assistant", 1, 0, 1000, 1100, step("chain", {"question": "read it"}, {"output": "done"})),
            Span("ChatOpenAI", 2, 1, 1001, 1010, step(
                "llm", {"messages": [{"role": "user", "content": "read it"}], "tools": []},
                {"choices": [{"index": 0, "message": asked}]})),
        )
    )  # fmt: skip
    assert [(e.kind, e.agent, e.tool) for e in seen if e.kind in {"agent", "tool_call"}] == [
        ("agent", "assistant", None),
        ("tool_call", "assistant", "read_file"),
    ]
    assert {e.dialect for e in seen} == {"langsmith"}
