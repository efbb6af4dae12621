"""OTLP/JSON, row by row of the specification.

What a receiver has read does not show in its answer. Where a key must be ignored, the value behind it is one that would
be refused if it were read.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_conformance.conftest import Target
from otlp_conformance.wire import JSON, JSON_REQUESTS

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def spans(**fields: Any) -> dict[str, Any]:
    span = {"traceId": TRACE, "spanId": SPAN, "name": "chat", **fields}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def status(target: Target, document: Any) -> int:
    return target.http.post("traces", json.dumps(document), JSON).status


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": TRACE.upper(), "spanId": SPAN.upper(), "parentSpanId": SPAN.title()},
        {"startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000},
        {"attributes": [{"key": "a", "value": {"intValue": "9223372036854775807"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": -9223372036854775808}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "NaN"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "-Infinity"}}]},
        {"attributes": [{"key": "a", "value": {"bytesValue": "/+8="}}]},
        {"attributes": [{"key": "a", "value": {"arrayValue": {"values": [{"kvlistValue": {"values": []}}]}}}]},
        {"attributes": [{"key": "a", "value": {}}]},
        {"kind": 3, "status": {"code": 2, "message": "x"}},
        {"kind": 77, "status": {"code": 99}},
        {"name": None, "attributes": None, "status": None},
        {"parentSpanId": ""},
        {"flags": 257, "traceState": "a=b", "droppedAttributesCount": 1},
        {"somethingOfTheFuture": {"traceId": [1, 2, {"deep": None}]}},
        {"links": [{"traceId": TRACE, "spanId": SPAN}], "events": [{"timeUnixNano": "5", "name": "e"}]},
        {"name": "naïve ☃ \u0000 \ud83d\ude00"},
    ],
    ids="-".join,
)
def test_accepted(target: Target, fields: dict[str, Any]) -> None:
    assert status(target, spans(**fields)) == 200


@pytest.mark.parametrize(
    "fields",
    [
        # base64 of an id is no hex; a receiver that takes it for base64 would say 200.
        {"traceId": "W47/95gDgQPSabYzgT/GDA=="},
        {"spanId": "not hex at all!!"},
        {"startTimeUnixNano": "tomorrow"},
        {"attributes": [{"key": "a", "value": {"intValue": "9223372036854775808"}}]},
        {"attributes": {"key": "a"}},
        {"status": "ok"},
    ],
    ids="-".join,
)
def test_refused(target: Target, fields: dict[str, Any]) -> None:
    assert status(target, spans(**fields)) == 400


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"resourceSpans": 1}', '"x"'])
def test_what_is_no_request(target: Target, text: str) -> None:
    if text == "null" and target.kind == "collector":
        # pdata takes null for an empty request.
        assert target.http.post("traces", text, JSON).status in {200, 400}
        return
    assert target.http.post("traces", text, JSON).status == 400


def test_unknown_keys_are_ignored_at_every_level(target: Target) -> None:
    wrong = {"traceId": "not hex"}
    span = {"traceId": TRACE, "spanId": SPAN, "future": wrong}
    scope = {"spans": [span], "future": [wrong], "scope": {"name": "x", "future": wrong}}
    resource = {"scopeSpans": [scope], "future": wrong, "resource": {"attributes": [], "future": 1}}
    assert status(target, {"resourceSpans": [resource], "future": wrong}) == 200


def test_snake_case_keys_are_not_read(target: Target) -> None:
    bad = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "not hex"}]}]}]}
    assert status(target, bad) == (400 if target.allowed.reads_snake_case else 200)
    assert status(target, spans(start_time_unix_nano="tomorrow")) == (400 if target.allowed.reads_snake_case else 200)


def test_enums_are_integers(target: Target) -> None:
    assert status(target, spans(kind="SPAN_KIND_CLIENT")) in target.allowed.enum_names


def test_integers_of_64_bits_and_ids_are_read_exactly(target: Target) -> None:
    """Holds our own receiver to what it stored; an answer alone cannot tell."""
    if target.local is None:
        assert status(target, JSON_REQUESTS["traces"]) == 200
        return
    target.local.forwarded.clear()
    values = [{"key": "a", "value": {"intValue": "-9007199254740993"}}]
    document = spans(startTimeUnixNano="1544712660000000001", traceId=TRACE.upper(), kind=77, attributes=values)
    assert status(target, document) == 200
    [(_, body)] = target.local.forwarded
    span = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0]
    assert (span.trace_id.hex(), span.span_id.hex()) == (TRACE, SPAN)
    assert (span.start_time_unix_nano, span.kind) == (1544712660000000001, 77)
    assert span.attributes[0].value.int_value == -9007199254740993
