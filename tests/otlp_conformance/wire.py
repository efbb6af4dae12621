"""Raw OTLP clients: HTTP by http.client, gRPC by byte strings, requests by the official messages."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SIGNALS = ("traces", "logs", "metrics")
PATHS = {signal: f"/v1/{signal}" for signal in SIGNALS}
_SERVICE = "/opentelemetry.proto.collector"
METHODS = {
    "traces": f"{_SERVICE}.trace.v1.TraceService/Export",
    "logs": f"{_SERVICE}.logs.v1.LogsService/Export",
    "metrics": f"{_SERVICE}.metrics.v1.MetricsService/Export",
}
RESPONSES: dict[str, type[Message]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


class Answer(NamedTuple):
    """An HTTP response; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def traces(count: int = 1, content: int = 0) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(count):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"), name="chat")
        span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
        if content:
            span.attributes.add(key="content").value.string_value = "x" * content
    return message


def logs() -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1, event_name="x")
    return message


def metrics() -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="a").gauge.data_points.add(as_int=1, time_unix_nano=1)
    scope.metrics.add(name="b").sum.data_points.add(as_double=1.5, time_unix_nano=1)
    scope.metrics.add(name="c").histogram.data_points.add(count=1, time_unix_nano=1)
    scope.metrics.add(name="d").exponential_histogram.data_points.add(count=1, time_unix_nano=1)
    scope.metrics.add(name="e").summary.data_points.add(count=1, time_unix_nano=1)
    return message


REQUESTS: dict[str, Any] = {"traces": traces, "logs": logs, "metrics": metrics}

JSON_REQUESTS: dict[str, dict[str, Any]] = {
    "traces": {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5b" * 16, "spanId": "ee" * 8, "name": "chat"}]}]}]
    },
    "logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", "body": {"stringValue": "x"}}]}]}]},
    "metrics": {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}]}}]}]}]
    },
}


class HttpTarget:
    """Talks to an OTLP/HTTP receiver."""

    def __init__(self, address: str) -> None:
        self._address = address

    def request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, signal: str, body: Any, kind: str = PROTOBUF, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", PATHS[signal], body, {"content-type": kind, **named})

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=30)


class CallFailedError(Exception):
    """A call that did not end in OK."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(str(error))
        self.code: grpc.StatusCode = error.code()
        self.trailers: dict[str, Any] = dict(error.trailing_metadata() or ())

    @property
    def status(self) -> Status:
        return Status.FromString(self.trailers["grpc-status-details-bin"])


class GrpcTarget:
    """Talks to an OTLP/gRPC receiver."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])

    def call(self, method: str, body: bytes, **options: Any) -> bytes:
        try:
            answer: bytes = self.channel.unary_unary(method)(body, timeout=30, **options)
            return answer
        except grpc.RpcError as error:
            raise CallFailedError(error) from None

    def export(self, signal: str, body: bytes, **options: Any) -> bytes:
        return self.call(METHODS[signal], body, **options)


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body in pieces; http.client sends an iterator chunked."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
