"""Send recorded OTLP requests again, at their own pace or faster, with their times moved to now."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.otlp import files
from spanwarden.otlp.requests import Signal
from spanwarden.receivers.otlp.grpc_server import METHODS

_METHODS: dict[Signal, str] = {signal: method for method, signal in METHODS.items()}
_ATTEMPTS = 5


class Recorded(NamedTuple):
    """One recorded request: when it was sent (ns since the epoch, by its newest record) and what it was."""

    sent: int
    signal: Signal
    message: ExportTraceServiceRequest | ExportLogsServiceRequest


class ReplayError(Exception):
    """The receiver did not take a request."""


def load(path: pathlib.Path) -> list[Recorded]:
    """Read a recording (any OTLP file or folder). Raises files.FileError, OSError."""
    recorded = []
    newest = 0
    for request in files.read(path):
        message: ExportTraceServiceRequest | ExportLogsServiceRequest
        if request.signal == "traces":
            message = ExportTraceServiceRequest.FromString(request.body)
        else:
            message = ExportLogsServiceRequest.FromString(request.body)
        # Requests keep their order even where their times do not.
        newest = max(newest, *_times(message), 0)
        recorded.append(Recorded(newest, request.signal, message))
    return recorded


def replay(
    recorded: Sequence[Recorded],
    endpoint: str,
    now: int,
    sleep: Callable[[float], None],
    longest: float = 2.0,
) -> Iterator[int]:
    """Send a recording over OTLP/gRPC to `endpoint` (host:port, plain text); yield the records of each request sent.

    now: the time (ns since the epoch) that the recording's end is moved to. longest: the whole recording is sped up
    to take at most this many seconds. Raises ReplayError.
    """
    if not recorded:
        return
    first, last = recorded[0].sent, recorded[-1].sent
    scale = min(1.0, longest / max((last - first) / 1e9, 1e-9))
    with grpc.insecure_channel(endpoint) as channel:
        previous = first
        for item in recorded:
            sleep((item.sent - previous) / 1e9 * scale)
            previous = item.sent
            _shift(item.message, now - last)
            _send(channel, item, sleep)
            yield sum(1 for _ in _records(item.message))


def _send(channel: grpc.Channel, item: Recorded, sleep: Callable[[float], None]) -> None:
    call = channel.unary_unary(_METHODS[item.signal], None, None)
    body = item.message.SerializeToString()
    for attempt in range(_ATTEMPTS):
        try:
            call(body, timeout=10)
            return
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or attempt == _ATTEMPTS - 1:
                raise ReplayError(f"{error.code().name}: {error.details()}") from None
            sleep(0.2 * 2**attempt)


def _records(message: ExportTraceServiceRequest | ExportLogsServiceRequest) -> Iterator[object]:
    if isinstance(message, ExportTraceServiceRequest):
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans
    else:
        for logs in message.resource_logs:
            for scope_logs in logs.scope_logs:
                yield from scope_logs.log_records


def _times(message: ExportTraceServiceRequest | ExportLogsServiceRequest) -> list[int]:
    if isinstance(message, ExportTraceServiceRequest):
        return [s.end_time_unix_nano for r in message.resource_spans for c in r.scope_spans for s in c.spans]
    records = [x for r in message.resource_logs for c in r.scope_logs for x in c.log_records]
    return [max(x.time_unix_nano, x.observed_time_unix_nano) for x in records]


def _shift(message: ExportTraceServiceRequest | ExportLogsServiceRequest, delta: int) -> None:
    """Move every time that is set; a time that was never set stays so."""
    if isinstance(message, ExportTraceServiceRequest):
        for span in (s for r in message.resource_spans for c in r.scope_spans for s in c.spans):
            span.start_time_unix_nano = _moved(span.start_time_unix_nano, delta)
            span.end_time_unix_nano = _moved(span.end_time_unix_nano, delta)
            for event in span.events:
                event.time_unix_nano = _moved(event.time_unix_nano, delta)
    else:
        for record in (x for r in message.resource_logs for c in r.scope_logs for x in c.log_records):
            record.time_unix_nano = _moved(record.time_unix_nano, delta)
            record.observed_time_unix_nano = _moved(record.observed_time_unix_nano, delta)


def _moved(time: int, delta: int) -> int:
    return max(0, time + delta) if time else 0
