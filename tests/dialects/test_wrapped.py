"""Results and call ids come out of what LangChain, MCP and instrumentations wrap around them."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.dialects.wrapped import MAX_REPR, ToolMessage, call_id_in, tool_message

SERIALISED = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain", "schema", "messages", "ToolMessage"],
    "kwargs": {"content": "4.2", "type": "tool", "name": "web_fetch", "tool_call_id": "call_2", "status": "success"},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SERIALISED, ToolMessage("4.2", "call_2")),
        ({"output": SERIALISED, "kwargs": {"tags": []}}, ToolMessage("4.2", "call_2")),
        ({"type": "tool", "data": {"content": "4.2", "tool_call_id": "call_2"}}, ToolMessage("4.2", "call_2")),
        ({"content": "no", "tool_call_id": "c", "status": "error"}, ToolMessage("no", "c", True)),
        ("content='it\\'s ok' name='x' tool_call_id='call_1'", ToolMessage("it's ok", "call_1")),
        ("content=\"a'b\" name='x' tool_call_id=\"c\" status='error'", ToolMessage("a'b", "c", True)),
        ("{'type': 'text', 'text': '{\"n\": 1}'}", ToolMessage([{"type": "text", "text": '{"n": 1}'}])),
        ('"DB=1\\n"', ToolMessage("DB=1\n")),
        ("content='never closed", ToolMessage("content='never closed")),
        ("content=['a', 'b'] name='x'", ToolMessage("content=['a', 'b'] name='x'")),
        ("content='" + "x" * MAX_REPR + "'", ToolMessage("content='" + "x" * MAX_REPR + "'")),
        ({"output": {"rows": [1]}, "took": 3}, ToolMessage({"output": {"rows": [1]}, "took": 3})),
        ({"output": {"rows": [1]}}, ToolMessage({"output": {"rows": [1]}})),
        ({"data": {"content": "mine"}}, ToolMessage({"data": {"content": "mine"}})),
        ("plain words", ToolMessage("plain words")),
        ([1, 2], ToolMessage([1, 2])),
        (None, ToolMessage(None)),
    ],
)
def test_a_result_comes_out_of_its_wrapping(value: Any, expected: ToolMessage) -> None:
    assert tool_message(value) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"input_str": "{'path': 'a'}", "inputs": {"path": "a"}, "kwargs": {"tool_call_id": "call_1"}}, "call_1"),
        ({"type": "tool_call", "name": "f", "args": {}, "id": "call_2"}, "call_2"),
        ({"kwargs": {"tool_call_id": "an argument of the tool"}}, None),
        ({"input_str": "x", "kwargs": {"tool_call_id": 7}}, None),
        ({"id": "17", "args": "x"}, None),
        ("text", None),
    ],
)
def test_a_call_id_hides_in_wrapped_arguments(arguments: Any, expected: str | None) -> None:
    assert call_id_in(arguments) == expected


def test_wrapping_without_end_is_left_alone() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = {"output": {"kwargs": deep}}
    assert tool_message(deep).id is None
