"""What goes out is what came in, byte for byte, and is counted."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from exporters.receiving import HttpReceiver
from service.forwarding.upstreams import NAME, Upstream, captures, eventually, forwarding, multiset, points, spans
from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.intake import Intake
from spanwarden.receivers.otlp.settings import GrpcSettings
from spanwarden.service.forwarding.records import record_count
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import MemoryJournal

REQUESTS = [(signal, body) for _, signal, body in captures()]
UNKNOWN_FIELD = b"\xfa\x3e\x03abc"  # field 1007, length 3


def odd_spelling(body: bytes) -> bytes:
    """The same request with a field that no schema knows, as no encoder would write it again."""
    return UNKNOWN_FIELD + body + UNKNOWN_FIELD


def test_every_capture_arrives_byte_for_byte_over_grpc() -> None:
    telemetry = Telemetry()
    offered = [*REQUESTS, ("metrics", points(7)), ("traces", odd_spelling(spans(2)))]
    with Upstream() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry)
        sender.start()
        for signal, body in offered:
            sender.offer(signal, body)
        sender.close(20)
    assert multiset(upstream.taken) == multiset(offered)
    for signal, what in (("traces", "spans"), ("logs", "log_records"), ("metrics", "metric_points")):
        expected = sum(record_count(s, body) for s, body in offered if s == signal)
        assert expected > 0
        assert telemetry.value(f"otelcol_exporter_sent_{what}", exporter=NAME) == expected


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_every_capture_arrives_byte_for_byte_over_http(compression: str) -> None:
    offered = [*REQUESTS, ("metrics", points(7)), ("traces", odd_spelling(spans(2)))]
    with HttpReceiver() as upstream:
        sender = forwarding(upstream.url, protocol="http/protobuf", compression=compression)
        sender.start()
        for signal, body in offered:
            sender.offer(signal, body)
        sender.close(20)
    arrived = [
        (r.path.removeprefix("/v1/"), gzip.decompress(r.body) if compression == "gzip" else r.body)
        for r in upstream.requests
    ]
    assert multiset(arrived) == multiset(offered)


class OwnReceiver:
    """Our own OTLP receiver in a thread, with the journal it fills."""

    def __init__(self) -> None:
        self.journal = MemoryJournal(64 << 20)
        self.port = 0
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    async def _serve(self) -> None:
        intake = Intake(self.journal, lambda *_: True, lambda *_: None, Telemetry(), lambda: 1)
        receiver = GrpcReceiver(GrpcSettings(endpoint="127.0.0.1:0"), intake)
        self.port = await receiver.start()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()
        await receiver.stop(1)

    def __enter__(self) -> OwnReceiver:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()


def test_another_spanwarden_journals_the_same_bytes() -> None:
    offered = [item for item in REQUESTS if record_count(*item)]
    with OwnReceiver() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}")
        sender.start()
        for signal, body in offered:
            sender.offer(signal, body)
        eventually(sender.idle)
        sender.close(20)
        entries = [upstream.journal.read(position) for position in range(len(offered))]
    assert multiset((e.signal, e.body) for e in entries if e) == multiset(offered)


def test_partly_rejected_requests_are_counted_apart() -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    telemetry = Telemetry()
    with Upstream(lambda _: answer.SerializeToString()) as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry)
        sender.start()
        sender.offer("traces", spans(5))
        sender.close(10)
    assert len(upstream.taken) == 1
    assert telemetry.value("otelcol_exporter_sent_spans", exporter=NAME) == 3
    assert telemetry.value("otelcol_exporter_send_failed_spans", exporter=NAME) == 2


def test_only_the_signals_of_the_pipelines_go_out() -> None:
    with Upstream() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", signals="logs")
        sender.start()
        for signal, body in [*REQUESTS, ("metrics", points(1))]:
            sender.offer(signal, body)
        sender.close(10)
    assert multiset(upstream.taken) == multiset(item for item in REQUESTS if item[0] == "logs")


def test_data_points_of_every_kind_are_counted() -> None:
    assert record_count("metrics", points(13)) == 13
    assert record_count("traces", spans(4)) == 4
    assert record_count("traces", b"\xff\xff") == 0
