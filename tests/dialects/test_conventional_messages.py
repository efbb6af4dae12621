"""What the quick reading of the conventions' own messages says, the reading of any shape says too."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.conventional_messages import conventional_messages
from spanwarden.dialects.messages import MAX_MESSAGES, read_messages
from spanwarden.otlp import files, values
from spanwarden.otlp.requests import decode

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["{", '{"a": 1}', "Error: x"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
)
IDS = st.none() | st.sampled_from(["", "call_1", "call_2"])
PARTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "content": st.text(max_size=8)}),
    st.fixed_dictionaries({"type": st.just("reasoning")}, optional={"content": JSON}),
    st.fixed_dictionaries(
        {"type": st.just("tool_call"), "name": st.sampled_from(["", "ls"])}, optional={"id": IDS, "arguments": JSON}
    ),
    st.fixed_dictionaries(
        {"type": st.just("tool_call_response")},
        optional={"id": IDS, "response": JSON, "result": JSON, "is_error": st.booleans()},
    ),
    st.dictionaries(st.sampled_from(["type", "content", "id", "name"]), SCALARS, max_size=3),
    SCALARS,
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "developer", "model", ""])},
    optional={"parts": st.lists(PARTS, max_size=3), "content": SCALARS, "finish_reason": SCALARS, "name": SCALARS},
)


def attribute(told: str) -> bytes:
    return AnyValue(string_value=told).SerializeToString()


@given(st.lists(MESSAGES, max_size=4))
@settings(max_examples=400, deadline=None)
def test_it_says_what_the_reading_of_any_shape_says(messages: list[dict[str, Any]]) -> None:
    encoded = attribute(json.dumps(messages))
    told = conventional_messages(encoded)
    assert told is None or told == read_messages(values.structure(encoded))


def test_it_agrees_on_every_capture() -> None:
    seen = 0
    for folder in sorted(CORPUS.iterdir()):
        for request in files.read(folder) if folder.is_dir() else ():
            decoded = decode(request.signal, request.body)
            for resource in getattr(decoded, "resource_spans", ()):
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    for key in {*keys.INPUT, *keys.OUTPUT} & set(span.attributes):
                        told = conventional_messages(span.attributes[key])
                        if told is not None:
                            seen += 1
                            assert told == read_messages(values.structure(span.attributes[key]))
    assert seen > 20


def test_the_conventions_own_shape_is_read() -> None:
    parts = [
        {"type": "text", "content": "Look"},
        {"type": "tool_call", "id": "call_1", "name": "ls", "arguments": '{"path": "."}'},
        {"type": "tool_call_response", "id": "call_1", "response": "Error: none"},
    ]
    told = conventional_messages(attribute(json.dumps([{"role": "model", "parts": parts, "finish_reason": "stop"}])))
    assert told is not None
    [said] = told
    assert (said.role, said.text) == ("assistant", "Look")
    assert [(c.id, c.name, c.arguments) for c in said.calls] == [("call_1", "ls", {"path": "."})]
    assert [(r.id, r.result, r.failed) for r in said.responses] == [("call_1", "Error: none", True)]


@pytest.mark.parametrize(
    "encoded",
    [
        attribute(""),
        attribute("<REDACTED>"),
        attribute("{}"),
        attribute('[{"role": "user", "parts": [], "tool_calls": []}]'),
        attribute('[{"role": "user", "content": "hello"}]'),
        attribute('[{"role": "", "parts": []}]'),
        attribute("[[" * 5000),
        attribute("[]")[:-1],
        attribute("[]") + b"\x00",
        b"\x0a\x04[\xff\xff]",
        AnyValue(int_value=3).SerializeToString(),
        b"",
    ],
)
def test_anything_else_is_left_alone(encoded: bytes) -> None:
    assert conventional_messages(encoded) is None


def test_only_the_last_messages_of_a_long_conversation_are_read() -> None:
    many = [{"role": "user", "parts": [{"type": "text", "content": str(n)}]} for n in range(MAX_MESSAGES + 2)]
    told = conventional_messages(attribute(json.dumps(many)))
    assert told is not None
    assert (len(told), told[0].text) == (MAX_MESSAGES, "2")
