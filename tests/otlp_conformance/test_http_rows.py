"""OTLP/HTTP, row by row of the specification."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable

import pytest
import zstandard
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp_conformance.conftest import Target
from otlp_conformance.wire import (
    JSON,
    JSON_REQUESTS,
    PATHS,
    PROTOBUF,
    REQUESTS,
    RESPONSES,
    SIGNALS,
    Answer,
    pieces,
    traces,
)


def media(answer: Answer) -> str:
    return answer.headers["content-type"].partition(";")[0].strip()


def status_of(answer: Answer) -> str:
    """Return the message of a google.rpc.Status in the encoding that the answer says."""
    if media(answer) == JSON:
        return str(json.loads(answer.body)["message"])
    assert media(answer) == PROTOBUF
    return Status.FromString(answer.body).message


@pytest.mark.parametrize("signal", SIGNALS)
def test_protobuf_success_is_an_empty_message(target: Target, signal: str) -> None:
    answer = target.http.post(signal, REQUESTS[signal]().SerializeToString())
    assert (answer.status, media(answer)) == (200, PROTOBUF)
    response = RESPONSES[signal].FromString(answer.body)
    assert not response.HasField("partial_success") or not response.partial_success.ByteSize()  # type: ignore[attr-defined]


@pytest.mark.parametrize("signal", SIGNALS)
def test_json_success_is_an_empty_object(target: Target, signal: str) -> None:
    answer = target.http.post(signal, json.dumps(JSON_REQUESTS[signal]), JSON)
    assert (answer.status, media(answer)) == (200, JSON)
    assert json.loads(answer.body) in ({}, {"partialSuccess": {}})


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(("kind", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_an_empty_request_succeeds(target: Target, signal: str, kind: str, body: bytes) -> None:
    answer = target.http.post(signal, body, kind)
    assert (answer.status, media(answer)) == (200, kind)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/json;charset=UTF-8"])
def test_parameters_of_the_media_type_are_tolerated(target: Target, kind: str) -> None:
    answer = target.http.post("traces", json.dumps(JSON_REQUESTS["traces"]), kind)
    assert (answer.status, media(answer)) == (200, JSON)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "zlib": lambda body: zlib.compress(body, 1),
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_compressed_requests(target: Target, encoding: str, kind: str) -> None:
    body = traces(50).SerializeToString() if kind == PROTOBUF else json.dumps(JSON_REQUESTS["traces"]).encode()
    answer = target.http.post("traces", ENCODINGS[encoding](body), kind, content_encoding=encoding)
    assert (answer.status, media(answer)) == (200, kind)


def test_an_unknown_encoding_is_refused(target: Target) -> None:
    answer = target.http.post("traces", b"whatever", content_encoding="lz77")
    assert answer.status in target.allowed.unknown_encoding


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_not_compressed_as_it_says_is_bad_data(target: Target, encoding: str) -> None:
    assert target.http.post("traces", b"not compressed at all", content_encoding=encoding).status == 400


@pytest.mark.parametrize("encoding", ["gzip", "zlib"])
def test_a_compressed_body_that_ends_early_is_bad_data(target: Target, encoding: str) -> None:
    body = ENCODINGS[encoding](traces(50).SerializeToString())
    assert target.http.post("traces", body[: len(body) // 2], content_encoding=encoding).status == 400


def test_chunked_bodies(target: Target) -> None:
    body = traces(50).SerializeToString()
    assert target.http.post("traces", pieces(body, 7)).status == 200


def test_the_limit_of_the_body(target: Target) -> None:
    limit = target.allowed.http_body_limit
    assert target.http.post("traces", traces(1, limit - 1024).SerializeToString()).status == 200
    assert target.http.post("traces", traces(1, limit + 1024).SerializeToString()).status in target.allowed.too_large
    chunked = pieces(traces(1, limit + 1024).SerializeToString(), 1 << 16)
    assert target.http.post("traces", chunked).status in target.allowed.too_large


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_limit_after_decompression(target: Target, encoding: str) -> None:
    limit = target.allowed.decompressed_limit
    small, large = (traces(1, limit + by).SerializeToString() for by in (-4096, 4096))
    answer = target.http.post("traces", ENCODINGS[encoding](large), content_encoding=encoding)
    assert answer.status in target.allowed.too_large
    assert target.http.post("traces", ENCODINGS[encoding](small), content_encoding=encoding).status == 200


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("signal", SIGNALS)
def test_undecodable_data_is_bad_data(target: Target, signal: str, kind: str) -> None:
    answer = target.http.post(signal, b"\x0a\xff\xff\xff\xff\x0f{", kind)
    assert media(answer) == kind
    assert answer.status in (target.allowed.not_utf8 if kind == JSON else {400})
    assert status_of(answer)
    if kind == PROTOBUF and target.allowed.details_on_bad_data:
        assert Status.FromString(answer.body).details[0].Is(BadRequest.DESCRIPTOR)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_only_post_is_allowed(target: Target, signal: str, method: str) -> None:
    answer = target.http.request(method, PATHS[signal], b"", {"content-type": PROTOBUF})
    assert answer.status == 405
    if 405 in target.allowed.status_body_on:
        assert status_of(answer)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/jsonp", ""])
def test_other_media_types_are_refused(target: Target, kind: str) -> None:
    answer = target.http.post("traces", b"", kind)
    assert answer.status == 415
    if 415 in target.allowed.status_body_on:
        assert status_of(answer)


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/v1/traces/more", "/V1/TRACES"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_other_paths_are_not_found(target: Target, path: str, kind: str) -> None:
    answer = target.http.request("POST", path, b"", {"content-type": kind})
    assert answer.status == 404
    if 404 in target.allowed.status_body_on:
        assert media(answer) == kind
        assert status_of(answer)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_a_permanently_bad_record_is_a_partial_success(target: Target, kind: str) -> None:
    if kind == PROTOBUF:
        message = traces(2)
        message.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short", span_id=b"s" * 8)
        body = message.SerializeToString()
    else:
        good = {"traceId": "5b" * 16, "spanId": "ee" * 8}
        spans = [good, {"traceId": "5b5b", "spanId": "ee" * 8}]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answer = target.http.post("traces", body, kind)
    if target.allowed.odd_ids == "malformed":
        assert answer.status == 400
        return
    assert (answer.status, media(answer)) == (200, kind)
    if kind == JSON:
        partial = json.loads(answer.body)["partialSuccess"]
        # 64-bit integers are strings in protobuf's JSON.
        assert (partial["rejectedSpans"], bool(partial["errorMessage"])) == ("1", True)
    else:
        response = ExportTraceServiceResponse.FromString(answer.body)
        assert (response.partial_success.rejected_spans, bool(response.partial_success.error_message)) == (1, True)


def test_a_connection_serves_many_requests(target: Target) -> None:
    connection = target.http.connection()
    try:
        for _ in range(20):
            connection.request("POST", "/v1/traces", traces().SerializeToString(), {"content-type": PROTOBUF})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200
            assert not ExportTraceServiceResponse.FromString(body).partial_success.ByteSize()
    finally:
        connection.close()


def test_what_is_not_http_is_answered_or_cut_off(target: Target) -> None:
    host, port = target.http.connection().host, target.http.connection().port
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"rubbish\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        with socket.create_connection((host, port), timeout=30) as connection:
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
    assert target.http.post("traces", b"").status == 200


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_overload_is_503_with_a_short_wait(target: Target, kind: str) -> None:
    body = traces().SerializeToString() if kind == PROTOBUF else json.dumps(JSON_REQUESTS["traces"]).encode()
    target.overload(True)
    try:
        answer = target.http.post("traces", body, kind)
    finally:
        target.overload(False)
    assert (answer.status, media(answer)) == (503, kind)
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    assert status_of(answer)
    if kind == PROTOBUF:
        assert Status.FromString(answer.body).details[0].Is(RetryInfo.DESCRIPTOR)
    assert target.http.post("traces", body, kind).status == 200
