"""What the gRPC and the HTTP side of the exporter have in common."""

from __future__ import annotations

import logging
from typing import Protocol

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanwarden.exporters.base import RefusedError, Signal
from spanwarden.exporters.plain_text import one_line
from spanwarden.exporters.retry_after import bounded

_LOG = logging.getLogger(__name__)
_RECORDS: dict[Signal, str] = {"logs": "log records", "traces": "spans", "metrics": "metric points"}


class Transport(Protocol):
    """Sends encoded export requests of any signal. One thread at a time."""

    def send(self, signal: Signal, request: bytes) -> None:
        """Make one attempt. Raises RetryableError, or RefusedError, also where records were rejected."""
        ...

    def close(self) -> None:
        """Close the connections; closing twice is fine."""
        ...


def accept(signal: Signal, response: bytes, where: str) -> None:
    """Take the receiver's success answer. Raises RefusedError where it rejected records (partial success).

    A warning without rejections is logged. An answer that cannot be read counts as success, as its status said so.
    """
    try:
        if signal == "logs":
            logs = ExportLogsServiceResponse.FromString(response).partial_success
            rejected, message = logs.rejected_log_records, logs.error_message
        elif signal == "metrics":
            points = ExportMetricsServiceResponse.FromString(response).partial_success
            rejected, message = points.rejected_data_points, points.error_message
        else:
            spans = ExportTraceServiceResponse.FromString(response).partial_success
            rejected, message = spans.rejected_spans, spans.error_message
    except DecodeError:
        _LOG.warning("%s: the answer to %s could not be read", where, signal)
        return
    if rejected > 0:
        reason = one_line(message, 200) or "no reason given"
        raise RefusedError(f"{where}: rejected {rejected} {_RECORDS[signal]}: {reason}", rejected)
    if message:
        _LOG.warning("%s: warns: %s", where, one_line(message, 200))


def requested_wait(status: bytes) -> float | None:
    """Return the delay in seconds that the RetryInfo of an encoded google.rpc.Status asks for, None without one."""
    try:
        details = Status.FromString(status).details
    except DecodeError:
        return None
    for detail in details:
        if detail.Is(RetryInfo.DESCRIPTOR):
            return retry_delay(detail.value)
    return None


def retry_delay(retry_info: bytes) -> float | None:
    """Return the delay in seconds of an encoded google.rpc.RetryInfo, None where it cannot be read."""
    try:
        delay = RetryInfo.FromString(retry_info).retry_delay
    except DecodeError:
        return None
    return bounded(delay.seconds + delay.nanos / 1e9)
