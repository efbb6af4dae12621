"""Hostile input to both receivers and the JSON decoder: no handler fails, and the next request is served."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receivers.bench_receivers import TRACES, Room, answer, body, post
from spanwarden.otlp.requests import SIGNALS, RequestError, Signal, from_json
from spanwarden.receivers.otlp.grpc_server import METHODS, GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings

FUZZ = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Complaints(logging.Handler):
    """Remembers what is logged as an error, which is where an exception would end that a handler did not expect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


class Served:
    """Both receivers with small limits, in a loop of their own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.unhandled: list[str] = []
        self.loop.set_exception_handler(lambda _loop, context: self.unhandled.append(str(context)))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.complaints = Complaints()
        logging.getLogger("spanwarden").addHandler(self.complaints)
        self.grpc_port, self.http_port = self.run(self._start())
        self.channel = grpc.insecure_channel(f"localhost:{self.grpc_port}")

    async def _start(self) -> tuple[int, int]:
        self.room = Room(budget=4 << 20)
        limits = {"max_decompressed_size": "1MiB"}
        self.grpc = GrpcReceiver(
            GrpcSettings.model_validate({"endpoint": "localhost:0", "max_recv_msg_size": "1MiB", **limits}),
            self.room.intake,
        )
        self.http = HttpReceiver(
            HttpSettings.model_validate({"endpoint": "127.0.0.1:0", "max_request_body_size": "1MiB", **limits}),
            self.room.intake,
        )
        return await self.grpc.start(), await self.http.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def over_http(self, raw: bytes, pieces: list[int]) -> bytes:
        """Send bytes cut at places, return everything that comes back."""

        async def talk() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
            try:
                start = 0
                for cut in [*sorted(pieces), len(raw)]:
                    writer.write(raw[start:cut])
                    await writer.drain()
                    start = max(start, cut)
                writer.write_eof()
                async with asyncio.timeout(10):
                    return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        result: bytes = self.run(talk())
        return result

    def good(self) -> None:
        """Hold both receivers to serving a good request now."""

        async def over_http() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
            writer.write(post(body()))
            status = (await answer(reader))[0]
            writer.close()
            return status

        assert self.run(over_http()) == 200
        assert self.channel.unary_unary(TRACES)(body(), timeout=10) == b""
        assert self.complaints.records == []
        assert self.unhandled == []

    def close(self) -> None:
        self.channel.close()
        self.run(self.grpc.stop(0.1))
        self.run(self.http.stop(0.1))
        logging.getLogger("spanwarden").removeHandler(self.complaints)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    running = Served()
    yield running
    running.close()


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["ab" * 16, "cd" * 8, "NaN", "-1", "1e400", "/+8=", "9223372036854775808"])
)
KEYS = st.sampled_from(
    [
        "resourceSpans",
        "scopeSpans",
        "spans",
        "resourceLogs",
        "scopeLogs",
        "logRecords",
        "resourceMetrics",
        "scopeMetrics",
        "metrics",
        "gauge",
        "sum",
        "histogram",
        "dataPoints",
        "attributes",
        "key",
        "value",
        "stringValue",
        "intValue",
        "doubleValue",
        "boolValue",
        "bytesValue",
        "arrayValue",
        "kvlistValue",
        "values",
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "status",
        "code",
        "startTimeUnixNano",
        "events",
        "links",
        "body",
        "flags",
        "asInt",
        "asDouble",
        "bucketCounts",
        "explicitBounds",
        "quantileValues",
        "exemplars",
        "resource",
        "scope",
        "traceState",
        "unknown",
    ]
) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=40
)
WRAPPED = st.builds(
    lambda a, b, c, items: {a: [{b: [{c: items}]}]},
    st.sampled_from(["resourceSpans", "resourceLogs", "resourceMetrics"]),
    st.sampled_from(["scopeSpans", "scopeLogs", "scopeMetrics"]),
    st.sampled_from(["spans", "logRecords", "metrics"]),
    st.lists(st.dictionaries(KEYS, DOCUMENTS, max_size=6), max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SIGNALS), DOCUMENTS | WRAPPED)
def test_the_json_decoder_refuses_or_reads(signal: Signal, document: Any) -> None:
    with contextlib.suppress(RequestError):
        from_json(signal, json.dumps(document).encode())


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SIGNALS), st.binary(max_size=200))
def test_the_json_decoder_refuses_what_is_no_json(signal: Signal, noise: bytes) -> None:
    for text in (noise, b'{"resourceSpans":' + noise, b"[" * 5000 + noise, b'{"resourceSpans":[' * 3000):
        with contextlib.suppress(RequestError):
            from_json(signal, text)


@FUZZ
@given(raw=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_http_survives_noise(served: Served, raw: bytes, cuts: list[int]) -> None:
    served.over_http(raw, cuts)
    served.good()


@FUZZ
@given(
    st.sampled_from(["POST", "GET", "OPTIONS", "HEAD", "FOO"]),
    st.sampled_from(["/v1/traces", "/v1/logs", "/v1/metrics", "/", "*", "/v1/traces?x=%00"]),
    st.sampled_from(["application/x-protobuf", "application/json", "application/json; charset=x", "text/plain", ""]),
    st.dictionaries(
        st.sampled_from(["content-encoding", "transfer-encoding", "expect", "connection", "content-length", "upgrade"]),
        st.sampled_from(
            ["gzip", "zstd", "deflate", "chunked", "100-continue", "close", "h2c", "7", "-1", "9" * 30, ""]
        ),
        max_size=3,
    ),
    st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.lists(st.integers(0, 500), max_size=5),
)
def test_http_survives_odd_requests(
    served: Served, method: str, path: str, kind: str, headers: dict[str, str], payload: bytes, cuts: list[int]
) -> None:
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    text = served.over_http(post(payload, kind, path, method, **named), cuts)
    assert not text.startswith(b"HTTP/1.1 5")
    served.good()


@FUZZ
@given(
    st.sampled_from(["/v1/traces", "/v1/logs", "/v1/metrics"]),
    st.integers(0, 300),
    st.binary(max_size=30),
    st.sampled_from(["", "gzip", "zstd", "deflate"]),
)
def test_http_survives_damaged_requests(served: Served, path: str, at: int, noise: bytes, encoding: str) -> None:
    good = body(3, 20)
    damaged = good[: at % len(good)] + noise + good[at % len(good) + len(noise) :]
    payload = gzip.compress(damaged) if encoding == "gzip" else damaged
    headers = {"content_encoding": encoding} if encoding else {}
    assert served.over_http(post(payload, path=path, connection="close", **headers), [])[:12] in {
        b"HTTP/1.1 200",
        b"HTTP/1.1 400",
        b"HTTP/1.1 413",
    }
    served.good()


@FUZZ
@given(st.sampled_from(sorted(METHODS)), st.binary(max_size=200), st.integers(0, 300), st.booleans())
def test_grpc_survives_damaged_requests(served: Served, method: str, noise: bytes, at: int, wild: bool) -> None:
    good = body(3, 20)
    raw = noise if wild else good[: at % len(good)] + noise + good[at % len(good) + len(noise) :]
    for payload in (raw, gzip.compress(raw), gzip.compress(raw)[:-3], b"\x1f\x8b" + raw, b"\x78\x9c" + raw):
        call = served.channel.unary_unary(method).future(payload, timeout=10)
        assert call.code() in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
    served.good()


def test_nothing_is_held_in_the_end(served: Served) -> None:
    served.good()
    assert served.room.budget.held == 0
