"""OTLP/JSON as the specification's JSON Protobuf encoding says."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanwarden.otlp.json_codec import JsonError, decode

TRACE = "0af7651916cd43dd8448eb211c80319c"


def request(**span: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def read(**span: Any) -> Span:
    return decode(request(**span), ExportTraceServiceRequest()).resource_spans[0].scope_spans[0].spans[0]


def refused(body: bytes) -> str:
    with pytest.raises(JsonError) as caught:
        decode(body, ExportTraceServiceRequest())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_ids_are_hex_in_any_case(spell: Any) -> None:
    span = read(traceId=spell(TRACE), spanId=spell("b7ad6b7169203331"), parentSpanId="")
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id) == (TRACE, "b7ad6b7169203331", b"")


@pytest.mark.parametrize("value", ["1544712660000000000", 1544712660000000000, 1544712660000000000.0])
def test_64_bit_integers_are_text_or_numbers(value: Any) -> None:
    assert read(startTimeUnixNano=value).start_time_unix_nano == 1544712660000000000


@pytest.mark.parametrize(
    ("value", "expected"),
    [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf), (1, 1.0), ("0.5", 0.5), (1e300, 1e300)],
)
def test_doubles(value: Any, expected: float) -> None:
    told = read(attributes=[{"key": "k", "value": {"doubleValue": value}}]).attributes[0].value.double_value
    assert told == expected or (math.isnan(told) and math.isnan(expected))


def test_values_of_every_type() -> None:
    attributes = [
        {"key": "s", "value": {"stringValue": "ü"}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "i", "value": {"intValue": "-7"}},
        {"key": "x", "value": {"bytesValue": base64.b64encode(b"\x00\xff").decode()}},
        {"key": "a", "value": {"arrayValue": {"values": [{"intValue": 1}, {}]}}},
        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": ""}}]}}},
        {"key": "n", "value": None},
    ]
    told = {pair.key: pair.value for pair in read(attributes=attributes).attributes}
    assert told["s"].string_value == "ü"
    assert told["b"].bool_value is True
    assert told["i"].int_value == -7
    assert told["x"].bytes_value == b"\x00\xff"
    assert [v.WhichOneof("value") for v in told["a"].array_value.values] == ["int_value", None]
    assert told["m"].kvlist_value.values[0].value.WhichOneof("value") == "string_value"
    assert told["n"].WhichOneof("value") is None


def test_unknown_and_snake_case_keys_are_ignored_and_null_is_absent() -> None:
    span = read(name="n", trace_id=TRACE, start_time_unix_nano=5, somethingNew={"a": [1]}, kind=None, events=None)
    assert span == Span(name="n")


def test_enums_are_integers_even_unknown_ones() -> None:
    assert read(kind=3).kind == 3
    assert read(kind=99).kind == 99
    assert "expected an integer" in refused(request(kind="SPAN_KIND_CLIENT"))


def test_logs_and_their_event_names() -> None:
    record = {"timeUnixNano": "1", "eventName": "gen_ai.choice", "body": {"kvlistValue": {"values": []}}, "flags": 1}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    told = decode(body, ExportLogsServiceRequest()).resource_logs[0].scope_logs[0].log_records[0]
    assert (told.event_name, told.flags, told.body.WhichOneof("value")) == ("gen_ai.choice", 1, "kvlist_value")


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ({"traceId": "xyz"}, "traceId: not hex"),
        ({"traceId": "abc"}, "traceId: not hex"),
        ({"traceId": 5}, "traceId: expected a string"),
        ({"name": 5}, "name: expected a string"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: expected an integer"),
        ({"startTimeUnixNano": -1}, "out of range"),
        ({"startTimeUnixNano": 2**64}, "out of range"),
        ({"startTimeUnixNano": 1.5}, "expected an integer"),
        ({"startTimeUnixNano": True}, "expected an integer"),
        ({"startTimeUnixNano": "9" * 5000}, "expected an integer"),
        ({"attributes": {}}, "expected an array"),
        ({"attributes": [5]}, "attributes[0]: expected an object"),
        ({"status": []}, "status: expected an object"),
        ({"attributes": [{"key": "k", "value": {"bytesValue": "*"}}]}, "bytesValue: not base64"),
        ({"attributes": [{"key": "k", "value": {"doubleValue": "x"}}]}, "doubleValue: expected a number"),
        ({"attributes": [{"key": "k", "value": {"doubleValue": 10**400}}]}, "out of range"),
        ({"attributes": [{"key": "k", "value": {"boolValue": "true"}}]}, "boolValue: expected true or false"),
    ],
)
def test_what_is_refused_names_its_place(span: dict[str, Any], reason: str) -> None:
    told = refused(request(**span))
    assert told.startswith("resourceSpans[0].scopeSpans[0].spans[0].")
    assert reason in told


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"7", b'"x"', b"\xff\xfe", b"{", b"[" * 100_000])
def test_what_is_no_json_object(body: bytes) -> None:
    assert refused(body)


@pytest.mark.parametrize("levels", [200, 2000])
def test_deep_nesting_is_refused_not_followed(levels: int) -> None:
    value: str = '{"intValue": 1}'
    value = '{"arrayValue": {"values": [' * levels + value + "]}}" * levels
    body = '{"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": ' + value + "}]}}]}"
    assert "nested too deeply" in refused(body.encode())


def test_ten_thousand_attributes() -> None:
    attributes = [{"key": f"k{i}", "value": {"intValue": i}} for i in range(10_000)]
    assert read(attributes=attributes).attributes[9_999].value.int_value == 9_999


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "attributes",
                    "key",
                    "value",
                    "stringValue",
                    "traceId",
                    "status",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_only_json_errors_are_raised(value: Any) -> None:
    try:
        told = decode(json.dumps(value).encode(), ExportTraceServiceRequest())
    except JsonError:
        return
    assert ExportTraceServiceRequest.FromString(told.SerializeToString()) == told
