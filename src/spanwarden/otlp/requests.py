"""One OTLP export request: decoding, and the checks that decide what is rejected for good."""

from __future__ import annotations

from typing import Literal, NamedTuple

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.otlp import json_codec
from spanwarden.otlp.proto import trimmed_pb2

Signal = Literal["traces", "logs", "metrics"]
SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")

_OFFICIAL: dict[Signal, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class RequestError(ValueError):
    """The bytes are no OTLP request of this signal."""


class Checked(NamedTuple):
    """How many records a request holds and how many of them can never be accepted, with the first reason."""

    records: int
    rejected: int
    reason: str


def decode_traces(body: bytes) -> trimmed_pb2.Traces:
    """Decode an ExportTraceServiceRequest. Raises RequestError."""
    try:
        return trimmed_pb2.Traces.FromString(body)
    except DecodeError as error:
        raise RequestError(f"not an ExportTraceServiceRequest: {error}") from None


def decode_logs(body: bytes) -> trimmed_pb2.Logs:
    """Decode an ExportLogsServiceRequest. Raises RequestError."""
    try:
        return trimmed_pb2.Logs.FromString(body)
    except DecodeError as error:
        raise RequestError(f"not an ExportLogsServiceRequest: {error}") from None


def decode_metrics(body: bytes) -> trimmed_pb2.Metrics:
    """Decode an ExportMetricsServiceRequest as far as counting needs it. Raises RequestError."""
    try:
        return trimmed_pb2.Metrics.FromString(body)
    except DecodeError as error:
        raise RequestError(f"not an ExportMetricsServiceRequest: {error}") from None


def decode(signal: Signal, body: bytes) -> trimmed_pb2.Traces | trimmed_pb2.Logs:
    """Decode a request that may hold records of runs, which metrics do not. Raises RequestError."""
    if signal == "metrics":
        raise RequestError("metrics hold no records of runs")
    return decode_traces(body) if signal == "traces" else decode_logs(body)


def from_json(signal: Signal, body: bytes) -> bytes:
    """Return the protobuf form of an OTLP/JSON request, nothing lost. Raises RequestError."""
    try:
        return json_codec.decode(body, _OFFICIAL[signal]()).SerializeToString()
    except json_codec.JsonError as error:
        raise RequestError(str(error)) from None


def check_traces(request: trimmed_pb2.Traces) -> Checked:
    """Count spans; a span whose trace id is not 16 bytes or whose span id is not 8, or either all zero, is rejected."""
    records = rejected = 0
    reason = ""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            records += len(scope.spans)
            for span in scope.spans:
                # As in `valid_ids`, whose call would cost as much again for every span.
                trace_id, span_id = span.trace_id, span.span_id
                if len(trace_id) != 16 or len(span_id) != 8 or trace_id == _ZERO_TRACE or span_id == _ZERO_SPAN:
                    rejected += 1
                    reason = reason or "span with an invalid trace_id or span_id"
    return Checked(records, rejected, reason)


def check_logs(request: trimmed_pb2.Logs) -> Checked:
    """Count log records; ids are optional there, so none is rejected."""
    records = sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)
    return Checked(records, 0, "")


def check_metrics(request: trimmed_pb2.Metrics) -> Checked:
    """Count data points; none is rejected."""
    points = 0
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points += (
                    len(metric.gauge.data_points)
                    + len(metric.sum.data_points)
                    + len(metric.histogram.data_points)
                    + len(metric.exponential_histogram.data_points)
                    + len(metric.summary.data_points)
                )
    return Checked(points, 0, "")


def check(request: trimmed_pb2.Traces | trimmed_pb2.Logs) -> Checked:
    """Count the records of a decoded request and those that can never be accepted."""
    return check_traces(request) if isinstance(request, trimmed_pb2.Traces) else check_logs(request)


def valid_ids(trace_id: bytes, span_id: bytes) -> bool:
    """Tell whether both ids have their length and are not all zero."""
    return len(trace_id) == 16 and len(span_id) == 8 and trace_id != _ZERO_TRACE and span_id != _ZERO_SPAN


_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)
