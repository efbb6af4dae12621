from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver, split_endpoint
from spanwarden.receivers.otlp.intake import RECORD_COST, Intake, Message
from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import MemoryJournal

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class Bench:
    """An intake with a real journal that remembers what it handed on."""

    def __init__(self, room: bool = True, journal_bytes: int = 1 << 20) -> None:
        self.telemetry = Telemetry()
        self.journal = MemoryJournal(journal_bytes)
        self.handed: list[tuple[int, Message, int, str]] = []
        self.room = room
        self.intake = Intake(
            self.journal, lambda *_: self.room, lambda *item: self.handed.append(item), self.telemetry, lambda: 1
        )


def request(*ids: tuple[bytes, bytes]) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for trace_id, span_id in ids or ((b"t" * 16, b"s" * 8),):
        scope.spans.add(trace_id=trace_id, span_id=span_id, name="x")
    return message


def over_grpc(bench: Bench, method: str, body: bytes, **settings: Any) -> bytes:
    async def call() -> bytes:
        receiver = GrpcReceiver(GrpcSettings(endpoint="localhost:0", **settings), bench.intake)
        port = await receiver.start()
        try:
            async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
                answer: bytes = await channel.unary_unary(method)(body, timeout=10)
                return answer
        finally:
            await receiver.stop(0)

    return asyncio.run(call())


def over_http(bench: Bench, *raw: bytes, **settings: Any) -> list[tuple[int, dict[str, str], bytes]]:
    """Send raw bytes on one connection, return every response until the server closes or all are answered."""

    async def call() -> list[tuple[int, dict[str, str], bytes]]:
        receiver = HttpReceiver(HttpSettings(endpoint="127.0.0.1:0", **settings), bench.intake)
        port = await receiver.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            answers = []
            for part in raw:
                writer.write(part)
            for _ in raw:
                async with asyncio.timeout(10):
                    answers.append(await read_response(reader))
            return answers
        finally:
            writer.close()
            await receiver.stop(0.1)

    return asyncio.run(call())


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    if head[0].startswith("HTTP/1.1 100"):
        return await read_response(reader)
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, body


def post(
    body: bytes, path: str = "/v1/traces", kind: str = "application/x-protobuf", method: str = "POST", extra: str = ""
) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def test_grpc_stores_before_it_acknowledges() -> None:
    bench = Bench()
    body = request().SerializeToString()
    assert over_grpc(bench, TRACES, body) == b""
    [(position, message, size, _)] = bench.handed
    entry = bench.journal.read(position)
    assert entry is not None
    assert (entry.signal, entry.body, size) == ("traces", body, len(body) + RECORD_COST)
    assert message.SerializeToString() == body
    assert bench.telemetry.value("otelcol_receiver_accepted_spans", receiver="otlp", transport="grpc") == 1


def test_grpc_takes_logs_and_empty_requests() -> None:
    bench = Bench()
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1)
    assert over_grpc(bench, LOGS, logs.SerializeToString()) == b""
    assert over_grpc(bench, TRACES, b"") == b""
    assert len(bench.handed) == 1


def test_grpc_answers_a_truncated_request_with_invalid_argument() -> None:
    bench = Bench()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        over_grpc(bench, TRACES, request().SerializeToString()[:-3])
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailers = dict(error.value.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])  # type: ignore[arg-type]
    assert status.details[0].Is(BadRequest.DESCRIPTOR)
    assert bench.handed == []
    assert bench.telemetry.value("spanwarden_receiver_malformed_requests", signal="traces", transport="grpc") == 1


@pytest.mark.parametrize("bench", [Bench(room=False), Bench(journal_bytes=1)], ids=["corridor full", "journal full"])
def test_grpc_answers_overload_with_unavailable_and_both_retry_hints(bench: Bench) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        over_grpc(bench, TRACES, request().SerializeToString())
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    trailers: dict[str, Any] = dict(error.value.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 3
    assert RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]) == retry
    assert bench.handed == []


def test_grpc_refuses_what_is_too_large_and_unknown_services() -> None:
    bench = Bench()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        over_grpc(bench, TRACES, request().SerializeToString() * 100, max_recv_msg_size=100)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.aio.AioRpcError) as error:
        over_grpc(bench, "/some.Service/Export", b"")
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_spans_with_invalid_ids_are_rejected_in_a_partial_success() -> None:
    bench = Bench()
    body = request((b"t" * 16, b"s" * 8), (b"short", b"s" * 8), (bytes(16), b"s" * 8)).SerializeToString()
    answer = ExportTraceServiceResponse.FromString(over_grpc(bench, TRACES, body))
    assert answer.partial_success.rejected_spans == 2
    assert "invalid trace_id" in answer.partial_success.error_message
    assert len(bench.handed) == 1
    assert bench.telemetry.value("otelcol_receiver_refused_spans", receiver="otlp", transport="grpc") == 2


def test_a_taken_port_is_an_error_not_a_shared_one() -> None:
    async def twice(make: Callable[[str], Any]) -> None:
        first = make("127.0.0.1:0")
        port = await first.start()
        try:
            with pytest.raises(OSError, match=r"."):
                await make(f"127.0.0.1:{port}").start()
        finally:
            await first.stop(0)

    bench = Bench()
    asyncio.run(twice(lambda endpoint: GrpcReceiver(GrpcSettings(endpoint=endpoint), bench.intake)))
    asyncio.run(twice(lambda endpoint: HttpReceiver(HttpSettings(endpoint=endpoint), bench.intake)))


def test_http_protobuf() -> None:
    bench = Bench()
    [(status, headers, body)] = over_http(bench, post(request().SerializeToString()))
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    assert len(bench.handed) == 1


def test_http_json_answers_in_json() -> None:
    bench = Bench()
    span = {"traceId": "AB" * 16, "spanId": "cd" * 8, "name": "x", "startTimeUnixNano": "5", "unknown": 1}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    [(status, headers, answer)] = over_http(bench, post(body, kind="application/json; charset=utf-8"))
    assert (status, headers["content-type"], answer) == (200, "application/json", b"{}")
    stored = bench.journal.read(bench.handed[0][0])
    assert stored is not None
    read = ExportTraceServiceRequest.FromString(stored.body).resource_spans[0].scope_spans[0].spans[0]
    assert (read.trace_id.hex(), read.start_time_unix_nano) == ("ab" * 16, 5)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_http_compression(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    bench = Bench()
    body = compress(request().SerializeToString())
    [(status, _, _)] = over_http(bench, post(body, extra=f"content-encoding: {encoding}\r\n"))
    assert status == 200
    assert len(bench.handed) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(b"", path="/v2/traces"), 404),
        (post(b"", method="GET"), 405),
        (post(b"", kind="text/plain"), 415),
        (post(b"\xff\xff"), 400),
        (post(b"{", kind="application/json"), 400),
        (post(b"x", extra="content-encoding: gzip\r\n"), 400),
        (post(gzip.compress(b"abc")[:-6], extra="content-encoding: gzip\r\n"), 400),
        (post(b"x", extra="content-encoding: lz77\r\n"), 415),
        (post(gzip.compress(bytes(10_000)), extra="content-encoding: gzip\r\n"), 413),
        (post(bytes(5000)), 413),
        (
            b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n1388\r\n" + bytes(5000),
            413,
        ),
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_http_refusals_carry_a_status(raw: bytes, status: int) -> None:
    bench = Bench()
    [(got, headers, body)] = over_http(bench, raw, max_request_body_size=4000, max_decompressed_size=4000)
    assert got == status
    if headers["content-type"] == "application/json":
        assert json.loads(body)["message"]
    else:
        assert Status.FromString(body).message
    assert bench.handed == []


def test_http_overload_asks_to_come_again() -> None:
    [(status, headers, body)] = over_http(Bench(room=False), post(request().SerializeToString()))
    assert status == 503
    assert 1 <= int(headers["retry-after"]) <= 3
    assert Status.FromString(body).details[0].Is(RetryInfo.DESCRIPTOR)


def test_http_answers_pipelined_requests_in_order() -> None:
    bench = Bench()
    good, bad = post(request().SerializeToString()), post(b"", path="/nowhere")
    answers = over_http(bench, good, bad, good, *([bad] * 40), good)
    assert [status for status, _, _ in answers] == [200, 404, 200, *([404] * 40), 200]
    assert len(bench.handed) == 3


def test_http_continues_a_client_that_asks_first() -> None:
    bench = Bench()
    [(status, _, _)] = over_http(bench, post(request().SerializeToString(), extra="expect: 100-continue\r\n"))
    assert status == 200


@pytest.mark.parametrize("endpoint", ["localhost", "localhost:", ":x", "localhost:99999"])
def test_an_endpoint_without_port_is_an_error(endpoint: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_endpoint(endpoint)


def test_endpoints() -> None:
    assert split_endpoint("localhost:4318") == ("localhost", 4318)
    assert split_endpoint("[::1]:4318") == ("::1", 4318)
    assert split_endpoint(":4318") == ("", 4318)
