"""Real upstreams that keep the bytes they were sent, and what the tests of forwarding share."""

from __future__ import annotations

import itertools
import pathlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.exporters.base import Signal
from spanwarden.service.clock import SystemClock
from spanwarden.service.forwarding import Forwarding, build_forwarding
from spanwarden.service.loading import check
from spanwarden.service.metrics import Telemetry

CORPUS = pathlib.Path(__file__).parents[2] / "corpus" / "otlp"
METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
NAME = "otlp/upstream"


def captures(folder: pathlib.Path = CORPUS) -> Iterator[tuple[str, Signal, bytes]]:
    """Yield name, signal and body of every captured request of a folder."""
    for path in sorted(folder.rglob("*.binpb")):
        signal = path.name.split(".")[-2]
        assert signal in {"traces", "logs", "metrics"}
        yield f"{path.parent.name}/{path.name}", signal, path.read_bytes()  # type: ignore[misc]


def spans(count: int = 1, start: int = 1, filler: int = 0) -> bytes:
    """Return a request of `count` spans with ids from `start`."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(start, start + count):
        scope.spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="x" * filler)
    return request.SerializeToString()


def points(count: int) -> bytes:
    """Return a request of `count` data points in several kinds of metrics."""
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for number in range(count):
        metric = metrics.add(name=f"m{number}")
        kind = ("gauge", "sum", "histogram", "exponential_histogram", "summary")[number % 5]
        getattr(metric, kind).data_points.add(time_unix_nano=number + 1)
    return request.SerializeToString()


class Upstream(grpc.GenericRpcHandler):
    """An OTLP/gRPC server; answers in turn with the given behaviours, then with success."""

    def __init__(self, *behaviours: Callable[[Any], Any], port: int = 0) -> None:
        self.seen: list[tuple[Signal, bytes]] = []
        self.taken: list[tuple[Signal, bytes]] = []
        self.times: list[float] = []
        self._behaviours = itertools.chain(behaviours, itertools.repeat(None))
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    def service(self, details: Any) -> Any:
        signal = METHODS[details.method]
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._export(signal, body, context))

    def _export(self, signal: Signal, body: bytes, context: Any) -> bytes:
        with self._lock:
            self.seen.append((signal, body))
            self.times.append(time.monotonic())
            behaviour = next(self._behaviours)
        answer = behaviour(context) if behaviour else b""
        with self._lock:
            self.taken.append((signal, body))
        return answer or b""

    def __enter__(self) -> Upstream:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


def settings(endpoint: str, *, queue: Any = None, signals: str = "traces logs metrics", **more: Any) -> Any:
    """Return service settings with one upstream that is tried again fast."""
    retry = {"initial_interval": "5ms", "max_interval": "20ms", "max_elapsed_time": "60s"}
    exporter = {
        "endpoint": endpoint,
        "tls": {"insecure": True},
        "retry_on_failure": retry,
        "sending_queue": queue or {},
        "timeout": "2s",
        **more,
    }
    pipelines = {signal: {"exporters": [NAME]} for signal in signals.split()}
    return check({"exporters": {NAME: exporter}, "service": {"pipelines": pipelines}})


def forwarding(endpoint: str, telemetry: Telemetry | None = None, **more: Any) -> Forwarding:
    chosen = settings(endpoint, **more)
    return build_forwarding(chosen, chosen.service.pipelines, telemetry or Telemetry(), SystemClock())


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look often until a condition holds; fail if it does not in time."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.002)


def multiset(requests: Any) -> Counter[tuple[Signal, bytes]]:
    return Counter(requests)
