"""Attribute values: decoded as the official classes would, and never an exception."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanwarden.otlp import values
from spanwarden.otlp.requests import decode_traces

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


def any_value(value: Any) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=k, value=any_value(v)) for k, v in value.items()]))


def encoded(value: Any) -> bytes:
    return any_value(value).SerializeToString()


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def nested(levels: int) -> bytes:
    """Return an AnyValue of arrays in arrays, deeper than the message classes would build."""
    body = encoded("deep")
    for _ in range(levels):
        array = b"\x0a" + varint(len(body)) + body
        body = b"\x2a" + varint(len(array)) + array
    return body


@given(plain_values)
def test_every_value_comes_back(value: Any) -> None:
    back = values.decode(encoded(value))
    assert back == value
    assert type(back) is type(value)


@given(st.binary(max_size=60))
def test_no_bytes_raise(body: bytes) -> None:
    for read in (values.decode, values.text, values.integer, values.number, values.boolean, values.structure):
        read(body)  # type: ignore[operator]


@pytest.mark.parametrize("number", [0, 1, 127, 128, 2**31, 2**63 - 1, -1, -(2**63)])
def test_integers_at_the_edges(number: int) -> None:
    assert values.decode(encoded(number)) == number
    assert values.integer(encoded(number)) == number
    assert values.integer(encoded(str(number))) == number


def test_special_floats() -> None:
    assert math.isnan(values.decode(encoded(math.nan)))
    assert values.decode(encoded(math.inf)) == math.inf
    for odd in (math.nan, math.inf, -math.inf):
        assert values.number(encoded(odd)) is None
        assert values.integer(encoded(odd)) is None


@pytest.mark.parametrize("mark", ["<REDACTED>", "[REDACTED]", "__REDACTED__", "N/A", ""])
def test_withheld_content_carries_nothing(mark: str) -> None:
    assert values.text(encoded(mark)) is None
    assert values.structure(encoded(mark)) is None


def test_text_spells_out_what_is_no_text() -> None:
    assert values.text(encoded(True)) == "true"
    assert values.text(encoded(7)) == "7"
    assert values.text(encoded({"a": [1]})) == '{"a":[1]}'
    assert values.text(None) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7), ("7.9", 7), (7.0, 7), (True, None), ("x", None), ([], None), ("9" * 5000, None), ("1e3", None)],
)
def test_integer(value: Any, expected: int | None) -> None:
    assert values.integer(encoded(value)) == expected


@pytest.mark.parametrize(("value", "expected"), [("0.5", 0.5), (2, 2.0), (True, None), ("x", None), ("1e999", None)])
def test_number(value: Any, expected: float | None) -> None:
    assert values.number(encoded(value)) == expected


@pytest.mark.parametrize(("value", "expected"), [(True, True), ("False", False), ("yes", None), (1, None)])
def test_boolean(value: Any, expected: bool | None) -> None:
    assert values.boolean(encoded(value)) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        (' [1, "x"]', [1, "x"]),
        ('{"cut": "of', '{"cut": "of'),
        ("words", "words"),
        ("7", "7"),
        ({"a": 1}, {"a": 1}),
        ("[" * 100_000, "[" * 100_000),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
    ],
)
def test_structure(value: Any, expected: Any) -> None:
    assert values.structure(encoded(value)) == expected


def test_invalid_text_is_replaced_and_bytes_become_base64() -> None:
    assert values.decode(b"\x0a\x02\xff\xfe") == "\ufffd\ufffd"
    assert values.decode(encoded(b"\x00\xff")) == base64.b64encode(b"\x00\xff").decode()


def test_nesting_is_cut_and_a_request_with_200_levels_still_decodes() -> None:
    within = values.decode(nested(30))
    for _ in range(30):
        (within,) = within
    assert within == "deep"
    assert values.decode(nested(200)) is None
    pair = b"\x0a\x01k\x12" + varint(len(nested(200))) + nested(200)
    span = b"\x0a\x10" + bytes(range(16)) + b"\x12\x08" + bytes(range(8)) + b"\x4a" + varint(len(pair)) + pair
    for _ in range(3):
        span = (b"\x12" if _ < 2 else b"\x0a") + varint(len(span)) + span
    (read,) = decode_traces(span).resource_spans[0].scope_spans[0].spans
    assert read.trace_id == bytes(range(16))
    assert values.decode(read.attributes["k"]) is None


def test_ten_thousand_attributes() -> None:
    assert values.attributes({f"k{i}": encoded(i) for i in range(10_000)})["k9999"] == 9999


PIECES = st.sampled_from(
    [
        b'{"a": ',
        b"[",
        b"]",
        b"}",
        b'"\xff"',
        b'"\xc3\xa9"',
        b'"\\ud800"',
        b"1",
        b",",
        b" ",
        b'"b"',
        b"\xed\xa0\x80",
        b"\x00",
    ]
)


@given(st.lists(PIECES, max_size=6).map(b"".join))
def test_json_is_read_from_bytes_as_it_is_from_text(told: bytes) -> None:
    length = len(told)
    encoded = bytes([0x0A, length]) + told
    assert values.structure(encoded) == (values.parse_json(told.decode("utf-8", "replace")) if told else None)
    assert values.string_bytes(encoded) == told


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 130, 16383, 16384, 16385, 2097151, 2097152])
def test_text_of_any_length_is_found(size: int) -> None:
    encoded = AnyValue(string_value="x" * size).SerializeToString()
    assert values.decode(encoded) == "x" * size
    assert values.string_bytes(encoded) == b"x" * size
    assert values.string_bytes(encoded + b"\x00") is None


@pytest.mark.parametrize("number", [0, 127, 128, 16383, 16384, -1])
def test_integers_of_any_length(number: int) -> None:
    assert values.decode(AnyValue(int_value=number).SerializeToString()) == number


def test_the_first_text_that_says_something() -> None:
    told = {"a": AnyValue(string_value="").SerializeToString(), "b": AnyValue(string_value="x").SerializeToString()}
    assert values.first_text(told, ("none", "a", "b")) == "x"
    assert values.first_text(told, ("a",)) is None
