"""How many records a request holds, for the counters."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from spanwarden.exporters.base import Signal
from spanwarden.otlp.proto import trimmed_pb2


def record_count(signal: Signal, body: bytes) -> int:
    """Return the number of spans, log records or data points; 0 for bytes that are no request."""
    try:
        if signal == "traces":
            traces = trimmed_pb2.Traces.FromString(body)
            return sum(len(scope.spans) for resource in traces.resource_spans for scope in resource.scope_spans)
        if signal == "logs":
            logs = trimmed_pb2.Logs.FromString(body)
            return sum(len(scope.log_records) for resource in logs.resource_logs for scope in resource.scope_logs)
        return sum(map(_points, _metrics(ExportMetricsServiceRequest.FromString(body))))
    except DecodeError:
        return 0


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[Metric]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _points(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return len(getattr(metric, kind).data_points) if kind else 0
