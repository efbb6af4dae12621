"""What an OTLP receiver answers: success, partial success, errors with the details that exporters read."""

from __future__ import annotations

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanwarden.otlp.requests import Checked, Signal

# google.rpc.Code
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

OVERLOADED = "no room at the moment"


def success(signal: Signal, checked: Checked) -> Message:
    """Return the response message; partial_success is set only if records were rejected for good."""
    if signal == "traces":
        traces = ExportTraceServiceResponse()
        if checked.rejected:
            traces.partial_success.rejected_spans = checked.rejected
            traces.partial_success.error_message = checked.reason
        return traces
    if signal == "metrics":
        metrics = ExportMetricsServiceResponse()
        if checked.rejected:
            metrics.partial_success.rejected_data_points = checked.rejected
            metrics.partial_success.error_message = checked.reason
        return metrics
    logs = ExportLogsServiceResponse()
    if checked.rejected:
        logs.partial_success.rejected_log_records = checked.rejected
        logs.partial_success.error_message = checked.reason
    return logs


def retry_info(after: float) -> RetryInfo:
    """Return google.rpc.RetryInfo for a wait in seconds."""
    seconds = int(after)
    return RetryInfo(retry_delay=Duration(seconds=seconds, nanos=int((after - seconds) * 1e9)))


def status(code: int, message: str, after: float | None = None) -> Status:
    """Return google.rpc.Status; bad data carries BadRequest, overload carries RetryInfo."""
    result = Status(code=code, message=message)
    detail: Message | None = None
    if after is not None:
        detail = retry_info(after)
    elif code == INVALID_ARGUMENT:
        detail = BadRequest(field_violations=[BadRequest.FieldViolation(description=message)])
    if detail is not None:
        packed = Any()
        packed.Pack(detail)
        result.details.append(packed)
    return result


def as_json(message: Message) -> bytes:
    """Return a message as OTLP/JSON (an empty one is `{}`)."""
    return json_format.MessageToJson(message, indent=None).encode()
