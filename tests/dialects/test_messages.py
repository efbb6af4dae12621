"""Message shapes: every vendor's way to write one conversation reads the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.dialects.messages import (
    Call,
    Response,
    Said,
    arguments_digest,
    looks_failed,
    message_digest,
    plain,
    read_messages,
)

ARGUMENTS = {"path": "a.txt"}
CALL = Call("c1", "read_file", ARGUMENTS)
CONVERSATION = [
    Said("user", "read it"),
    Said("assistant", "sure", (CALL,)),
    Said("tool", "", (), (Response("c1", None, "text", False),)),
]
PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": "read it"}], "name": None},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "hidden"},
            {"type": "text", "content": "sure"},
            {"type": "tool_call", "id": "c1", "name": "read_file", "arguments": ARGUMENTS},
        ],
        "finish_reason": "tool_call",
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "text"}]},
]
OPENAI = [
    {"role": "user", "content": "read it"},
    {
        "role": "assistant",
        "content": "sure",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": json.dumps(ARGUMENTS)}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "text"},
]
ANTHROPIC = [
    {"role": "user", "content": [{"type": "text", "text": "read it"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hidden"},
            {"type": "text", "text": "sure"},
            {"type": "tool_use", "id": "c1", "name": "read_file", "input": ARGUMENTS},
        ],
    },
    {"role": "tool", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "text", "is_error": False}]},
]
BEDROCK = [
    {"role": "user", "content": [{"text": "read it"}]},
    {
        "role": "assistant",
        "content": [
            {"text": "sure"},
            {"toolUse": {"toolUseId": "c1", "name": "read_file", "input": ARGUMENTS}},
        ],
    },
    {
        "role": "tool",
        "content": [{"toolResult": {"toolUseId": "c1", "status": "success", "content": [{"text": "text"}]}}],
    },
]
AI_SDK = [
    {"role": "user", "content": "read it"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "sure"},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "read_file", "input": ARGUMENTS},
        ],
    },
    {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "output": "text"}]},
]


@pytest.mark.parametrize("shape", [PARTS, OPENAI, ANTHROPIC, BEDROCK, AI_SDK])
@pytest.mark.parametrize(
    "wrap", [lambda m: m, json.dumps, lambda m: {"messages": m}, lambda m: json.dumps({"messages": m})]
)
def test_every_shape_reads_alike(shape: Any, wrap: Any) -> None:
    assert read_messages(wrap(shape)) == CONVERSATION


def test_gemini_parts_have_names_instead_of_ids() -> None:
    told = [
        {"role": "model", "parts": [{"function_call": {"name": "read_file", "args": ARGUMENTS}}]},
        {"role": "user", "parts": [{"function_response": {"name": "read_file", "response": {"error": "no"}}}]},
    ]
    assert read_messages(told) == [
        Said("assistant", "", (Call(None, "read_file", ARGUMENTS),)),
        Said("user", "", (), (Response(None, "read_file", {"error": "no"}, True),)),
    ]


def test_a_tool_that_the_provider_runs_is_a_call() -> None:
    part = {"type": "server_tool_call", "id": "s1", "name": "web", "server_tool_call": {"type": "x", "query": "q"}}
    assert read_messages([{"role": "assistant", "parts": [part]}])[0].calls == (
        Call("s1", "web", {"query": "q"}, True),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain words", [Said("user", "plain words")]),
        ('[{"text": "from a list of parts"}]', [Said("user", "from a list of parts")]),
        ('[{"role": "user", "parts": [{"type": "te', [Said("user", '[{"role": "user", "parts": [{"type": "te')]),
        ([{"role": "developer", "content": "rules"}], [Said("system", "rules")]),
        ([], []),
        (None, []),
        (7, [Said("user", "")]),
        ([{"role": ["x"], "parts": [{"type": {}, "content": 1}, None, 3]}], [Said("user", "")]),
    ],
)
def test_what_is_no_list_of_messages(value: Any, expected: list[Said]) -> None:
    assert read_messages(value) == expected


def test_withheld_content_leaves_names_and_ids() -> None:
    told = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "read_file"}}]}
    assert read_messages([told])[0].calls == (Call("c1", "read_file", None),)
    assert read_messages([{"role": "tool", "id": "c1"}])[0].responses == (Response("c1", None, None, None),)


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        ("Error: no", True),
        ("Traceback (most recent call last):\n", True),
        ("The error rate is 3%", False),
        ({"error": "no"}, True),
        ({"error": None, "rows": []}, False),
        ({"isError": True}, True),
        ([1], False),
    ],
)
def test_results_that_read_like_errors(result: Any, failed: bool) -> None:
    assert looks_failed(result) is failed


def test_plain_takes_the_wrapping_off() -> None:
    assert plain([{"text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"
    assert plain('{"a": 1}') == {"a": 1}
    assert plain([{"type": "image", "text": "a"}]) == [{"type": "image", "text": "a"}]
    assert plain([]) == []


def test_digests() -> None:
    assert message_digest("user", "a ") == message_digest("user", "a") != message_digest("system", "a")
    assert arguments_digest({"a": 1, "b": 2}) == arguments_digest({"b": 2, "a": 1}) != arguments_digest({"a": 1})
    assert arguments_digest(None) is None
    assert arguments_digest({"a": 10**40}) is not None


KEYS = ("role", "parts", "type", "id", "name", "arguments", "tool_calls", "function", "toolUse", "toolResult")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from((*KEYS, "status", "content", "text")),
            inner | st.sampled_from(["tool", "assistant", "tool_call", "tool_result", "tool-call", "text"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(json_values)
def test_nothing_raises_and_everything_keeps_its_type(value: Any) -> None:
    for said in read_messages(value):
        assert isinstance(said.role, str)
        assert isinstance(said.text, str)
        assert all(isinstance(call.name, str) and call.name for call in said.calls)
        assert all(call.id is None or isinstance(call.id, str) for call in said.calls)
        for call in said.calls:
            arguments_digest(call.arguments)
