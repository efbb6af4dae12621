"""Messages out of whole requests, answers and graph states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.messages import Call, Said

CALL = Call("c1", "read_file", {"path": "a"})
ASKED = Said("assistant", "", (CALL,))
TEXT = '{"path": "a"}'
CONSTRUCTED = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain", "schema", "messages", "AIMessage"],
    "kwargs": {
        "content": "",
        "type": "ai",
        "tool_calls": [{"name": "read_file", "args": {"path": "a"}, "id": "c1", "type": "tool_call"}],
    },
}
OPENAI = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": "a"}'}}],
}


@pytest.mark.parametrize(
    "held",
    [
        OPENAI,
        [OPENAI],
        {"model": "m", "choices": [{"index": 0, "message": OPENAI}]},
        {"generations": [[{"text": "", "type": "ChatGeneration", "message": CONSTRUCTED}]], "llm_output": {}},
        {"output": [{"graph": None, "update": {"messages": [CONSTRUCTED]}, "goto": []}]},
        {"type": "ai", "data": {"content": "", "tool_calls": CONSTRUCTED["kwargs"]["tool_calls"]}},
        {"output": [{"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "read_file", "arguments": TEXT}]},
        {"role": "model", "content": [{"type": "tool_use", "id": "c1", "name": "read_file", "input": {"path": "a"}}]},
        {"role": "model", "content": [{"toolRequest": {"name": "read_file", "ref": "c1", "input": {"path": "a"}}}]},
    ],
)  # fmt: skip
def test_a_request_for_a_tool_is_found_in_every_wrapping(held: Any) -> None:
    assert conversation_in(held, "assistant") == [ASKED]


def test_a_prompt_keeps_its_order_and_its_roles() -> None:
    told = {
        "messages": [
            [
                {"lc": 1, "id": ["SystemMessage"], "kwargs": {"content": "be kind", "type": "system"}},
                {"content": "read a", "type": "human", "id": "x"},
                CONSTRUCTED,
                {"content": "text", "type": "tool", "name": "read_file", "tool_call_id": "c1", "status": "error"},
            ]
        ]
    }  # fmt: skip
    said = conversation_in(told, "user")
    assert [one.role for one in said] == ["system", "user", "assistant", "tool"]
    assert said[2] == ASKED
    [response] = said[3].responses
    assert (response.id, response.result, response.failed) == ("c1", "text", True)


def test_the_definitions_of_tools_are_no_messages() -> None:
    definition = {"role": "tool", "content": {"type": "function", "function": {"name": "rm", "parameters": {}}}}
    assert conversation_in([{"role": "user", "content": "hi"}, definition], "user") == [Said("user", "hi")]


@pytest.mark.parametrize(
    ("held", "words"),
    [("hello", "hello"), ({"question": "hello"}, "hello"), ({"anything": "hello"}, "hello"), (["hello"], "hello")],
)
def test_plain_words_are_one_message(held: Any, words: str) -> None:
    assert conversation_in(held, "user") == [Said("user", words)]


@pytest.mark.parametrize("held", [None, {}, [], 3, {"a": 1, "b": 2}, {"kwargs": {}, "args": []}])
def test_what_holds_no_words_is_no_message(held: Any) -> None:
    assert conversation_in(held, "user") == []


def test_anthropic_s_system_prompt_comes_first() -> None:
    told = {"system": "be kind", "messages": [{"role": "user", "content": "hi"}]}
    assert conversation_in(told, "user") == [Said("system", "be kind"), Said("user", "hi")]


def test_deep_nesting_ends() -> None:
    held: Any = OPENAI
    for _ in range(5000):
        held = {"input": [held]}
    assert conversation_in(held, "user") == []


KEYS = ["messages", "content", "role", "type", "kwargs", "lc", "generations", "choices", "message", "update", "data"]
KEYS += ["tool_calls", "parts", "output", "input", "name"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
        max_leaves=20,
    )
)
def test_any_value_gives_messages_or_none(held: Any) -> None:
    assert all(said.text or said.calls or said.responses for said in conversation_in(held, "user"))
