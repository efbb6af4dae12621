"""Sends finding notices as log records and evaluation notices as spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from spanwarden.exporters.base import Notice, NoticeKind, RefusedError, RetryableError, Signal
from spanwarden.exporters.otlp.attributes import key_values
from spanwarden.exporters.otlp.records import log_record
from spanwarden.exporters.otlp.settings import OtlpSettings
from spanwarden.exporters.otlp.spans import evaluation_span
from spanwarden.exporters.otlp.transport import Transport
from spanwarden.exporters.redaction import presentable

VERSION = metadata.version("spanwarden")


class OtlpExporter:
    """Delivers to one OTLP receiver. Raises ValueError for settings that cannot work."""

    wants: frozenset[NoticeKind] = frozenset({"finding", "evaluation"})
    max_batch = 128

    def __init__(self, name: str, settings: OtlpSettings) -> None:
        self._name = name
        self._endpoint = settings.endpoint
        self._content = settings.content
        self._transport = open_transport(settings)
        self._settled: dict[tuple[Signal, bytes], RefusedError | None] = {}

    def __repr__(self) -> str:
        return f"OtlpExporter({self._name!r}, {self._endpoint})"

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Send the notices' log records, then their spans, in at most two requests.

        Raises RetryableError where either failed for now: the next call with the same notices sends only what is
        still due. Raises RefusedError where the receiver refused some, after sending the rest.
        """
        shown = [presentable(notice, self._content) for notice in notices]
        waiting: RetryableError | None = None
        outcomes: dict[tuple[Signal, bytes], RefusedError | None] = {}
        for request in _requests(shown):
            try:
                outcomes[request] = self._settled[request] if request in self._settled else self._attempt(*request)
            except RetryableError as error:
                waiting = waiting or error
        self._settled = outcomes if waiting is not None else {}
        if waiting is not None:
            raise waiting
        refused = [error for error in outcomes.values() if error is not None]
        if refused:
            raise RefusedError("; ".join(map(str, refused)))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _attempt(self, signal: Signal, request: bytes) -> RefusedError | None:
        try:
            self._transport.send(signal, request)
        except RefusedError as error:
            return error
        return None


def open_transport(settings: OtlpSettings) -> Transport:
    """Return the transport for these settings; it connects at the first request. Raises ValueError."""
    if settings.protocol == "grpc":
        if settings.logs_endpoint or settings.traces_endpoint or settings.metrics_endpoint:
            raise ValueError("logs_endpoint, traces_endpoint and metrics_endpoint are for protocol http/protobuf")
        from spanwarden.exporters.otlp.grpc_transport import GrpcTransport

        return GrpcTransport(settings)
    from spanwarden.exporters.otlp.http_transport import HttpTransport

    return HttpTransport(settings)


def _requests(notices: Sequence[Notice]) -> Iterator[tuple[Signal, bytes]]:
    """Yield one encoded request for each signal that the notices need; the same notices give the same bytes."""
    resource = Resource(attributes=key_values({"service.name": "spanwarden", "service.version": VERSION}))
    scope = InstrumentationScope(name="spanwarden", version=VERSION)
    records = [log_record(notice, item) for notice in notices if notice.kind == "finding" for item in notice.findings]
    if records:
        logs = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(scope=scope, log_records=records)])
        yield "logs", ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString(deterministic=True)
    spans = [evaluation_span(notice) for notice in notices if notice.kind == "evaluation"]
    if spans:
        traces = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=scope, spans=spans)])
        yield "traces", ExportTraceServiceRequest(resource_spans=[traces]).SerializeToString(deterministic=True)
