"""Langfuse: hand-made observations through the real decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import TRACE, Span, events_of, runs_of, spans
from spanwarden.dialects.langfuse import usage_details
from spanwarden.model.event import Effect, Usage

SCOPE = "langfuse-sdk"
CACHED = {"cached_tokens": 64}
CALLS = [{"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": ".env"}'}}]


def observed(kind: str, given: Any = None, came: Any = None, **more: Any) -> dict[str, Any]:
    told = {f"langfuse.{key.replace('__', '.')}": value for key, value in more.items()}
    for side, value in (("input", given), ("output", came)):
        if value is not None:
            told[f"langfuse.observation.{side}"] = value if isinstance(value, str) else json.dumps(value)
    return {"langfuse.observation.type": kind, **told}


def test_a_decorated_agent_with_its_tools() -> None:
    question = {"args": [[{"role": "user", "content": "read it"}]], "kwargs": {}}
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("assistant", 1, 0, 1000, 1100, {**observed("agent", question, "done"), "session.id": "s-1"}),
                Span("OpenAI-generation", 2, 1, 1001, 1010, observed(
                    "generation", {"messages": [{"role": "user", "content": "read it"}], "tools": []},
                    {"role": "assistant", "tool_calls": CALLS, "content": None},
                    observation__model__name="gpt-4o", observation__usage_details=json.dumps(
                        {"prompt_tokens": 240, "completion_tokens": 23, "prompt_tokens_details": CACHED}),
                    observation__cost_details='{"input": 0.001, "output": 0.002, "total": 0.003}')),
                Span("read_file", 3, 1, 1011, 1020, observed(
                    "tool", {"args": [], "kwargs": {"path": ".env"}}, "KEY=1")),
            )
        ]
    )  # fmt: skip
    assert (run.agent, run.conversation, run.cost_usd) == ("assistant", "s-1", 0.003)
    assert [(e.kind, e.tool or e.role) for e in run.events] == [
        ("agent", None),
        ("message", "user"),
        ("llm_call", None),
        ("tool_call", "read_file"),
        ("message", "assistant"),
    ]
    asked, did = run.events[2], run.events[3]
    assert (asked.model, asked.usage) == ("gpt-4o", Usage(240, 23, 64, 0, 0))
    assert (did.status, did.call_id, did.effects) == ("ok", "c1", (Effect("file_read", ".env"),))
    assert (contents[3].arguments, contents[3].result) == ({"path": ".env"}, "KEY=1")


def test_langchain_s_graph_is_the_agent_and_its_metadata_is_json() -> None:
    name = {"observation__metadata__lc_agent_name": '"triage"', "trace__metadata__session_id": '"conv-7"'}
    message = {
        "content": "Error: no route",
        "type": "tool",
        "name": "read_file",
        "tool_call_id": "c1",
        "status": "error",
    }
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("triage", 1, 0, 1000, 1100, observed("chain", **name)),
                Span("tools", 2, 1, 1001, 1020, observed("chain", **name)),
                Span("read_file", 3, 2, 1002, 1019, observed(
                    "tool", {"path": "a"}, None, observation__metadata__tool_call_id='"c1"',
                    observation__level="ERROR", observation__status_message="no route", **name)),
                Span("read_file", 4, 2, 1002, 1019, observed("tool", {"path": "b"}, message, **name)),
            )
        ]
    )  # fmt: skip
    assert (run.agent, run.conversation) == ("triage", "conv-7")
    assert [e.kind for e in run.events] == ["agent", "tool_call"], "the spans have one call id: one call"
    assert (run.events[1].agent, run.events[1].status, contents[1].error) == ("triage", "error", "no route")


def test_the_definitions_among_langchain_s_messages_are_no_calls() -> None:
    given = [
        {"role": "user", "content": "hi"},
        {"role": "tool", "content": {"type": "function", "function": {"name": "rm", "parameters": {}}}},
    ]
    seen = events_of(spans(SCOPE, Span("ChatOpenAI", 1, 0, 1000, 1001, observed("generation", given, "hello"))))
    assert [(e.kind, e.role) for e in seen] == [("message", "user"), ("llm_call", None), ("message", "assistant")]


def test_a_bare_call_s_later_prompt_says_how_a_tool_ended() -> None:
    user = {"role": "user", "content": "read the file, please, and say what it holds"}
    asked = {"role": "assistant", "content": None, "tool_calls": CALLS}
    given = {"role": "tool", "tool_call_id": "c1", "content": "KEY=1"}
    two = bytes(16 * [9])
    first = observed("generation", {"messages": [user]}, asked)
    second = observed("generation", {"messages": [user, asked, given]}, {"role": "assistant", "content": "KEY"})
    runs = runs_of(
        [
            spans(SCOPE, Span("OpenAI-generation", 1, 0, 1000, 1010, first, TRACE)),
            spans(SCOPE, Span("OpenAI-generation", 2, 0, 1020, 1030, second, two)),
        ]
    )
    calls = [e for run, _ in runs for e in run.events if e.kind == "tool_call"]
    assert [e.tool for e in calls] == ["read_file"], "asked for once, however many prompts repeat it"


def test_guardrails_retrievers_and_failed_generations() -> None:
    seen = events_of(
        spans(
            SCOPE,
            Span("check", 1, 9, 1000, 1001, observed("guardrail", None, {"allow": True})),
            Span("search", 2, 9, 1002, 1003, observed("retriever", "q", ["a"])),
            Span("embed", 3, 9, 1004, 1005, observed("embedding", "q")),
            Span("gen", 4, 9, 1006, 1007, observed("generation", observation__level="ERROR")),
            Span("note", 5, 9, 1008, 1008, observed("event")),
        )
    )
    assert [(e.kind, e.status) for e in seen if e.kind != "message"] == [
        ("decision", "ok"),
        ("retrieval", "ok"),
        ("embedding", "ok"),
        ("llm_call", "error"),
    ]


def test_the_keys_are_enough_under_any_scope() -> None:
    seen = events_of(spans("shop", Span("read_file", 1, 0, 1000, 1001, observed("tool", {"path": "a"}))))
    assert [(e.dialect, e.tool) for e in seen] == [("langfuse", "read_file")]


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"input": 176, "output": 15, "total": 263, "input_cache_read": 64, "output_reasoning": 8},
         Usage(240, 23, 64, 0, 8)),
        ({"input": 240, "output": 23, "total": 263, "input_cached_tokens": 64}, Usage(240, 23, 64, 0, 0)),
        ({"input": 100, "output": 10}, Usage(100, 10)),
        ({"input": 10, "output": 1, "input_cache_creation": 30}, Usage(40, 1, 0, 30, 0)),
        ({"prompt_tokens": 240, "completion_tokens": 23, "completion_tokens_details": {"reasoning_tokens": 8}},
         Usage(240, 23, 0, 0, 8)),
        ({"input": "many", "output": True}, Usage()),
        ({}, None),
        ("240", None),
    ],
)  # fmt: skip
def test_counts_are_net_of_their_parts_unless_the_total_says_otherwise(told: Any, usage: Usage | None) -> None:
    assert usage_details(told) == usage
