"""Hand-made OTLP requests through the real encoder and decoder, and the runs that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.model.event import Content, Event
from spanwarden.model.run import Run
from spanwarden.otlp.requests import decode_logs, decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

MS = 1_000_000
TRACE = bytes(range(1, 17))


class Log(NamedTuple):
    """One log record; times in milliseconds."""

    attributes: Mapping[str, Any]
    at: int = 1000
    observed: int = 0
    trace: bytes = b""
    span: int = 0


class Span(NamedTuple):
    """One span; ids are small numbers, times in milliseconds, events are (name, attributes)."""

    name: str
    own: int
    parent: int = 0
    start: int = 1000
    end: int = 1010
    attributes: Mapping[str, Any] = {}
    trace: bytes = TRACE
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    error: bool = False
    links: tuple[bytes, ...] = ()
    """Trace ids of linked spans."""


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(v) for v in value]))
    return AnyValue(string_value=value)


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def logs(scope: str, *records: Log, resource: Mapping[str, Any] | None = None) -> Request:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(pairs(resource or {}))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    for one in records:
        scope_logs.log_records.add(
            time_unix_nano=one.at * MS,
            observed_time_unix_nano=one.observed * MS,
            trace_id=one.trace,
            span_id=one.span.to_bytes(8, "big") if one.span else b"",
            attributes=pairs(one.attributes),
        )
    return decode_logs(request.SerializeToString())


def spans(scope: str, *made: Span, resource: Mapping[str, Any] | None = None) -> Request:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(pairs(resource or {}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    for one in made:
        span = scope_spans.spans.add(
            name=one.name,
            trace_id=one.trace,
            span_id=one.own.to_bytes(8, "big"),
            parent_span_id=one.parent.to_bytes(8, "big") if one.parent else b"",
            start_time_unix_nano=one.start * MS,
            end_time_unix_nano=one.end * MS,
            attributes=pairs(one.attributes),
        )
        span.status.code = 2 if one.error else 0
        for linked in one.links:
            span.links.add(trace_id=linked, span_id=bytes([1] * 8))
        for name, attributes in one.events:
            span.events.add(name=name, time_unix_nano=one.end * MS, attributes=pairs(attributes))
    return decode_traces(request.SerializeToString())


def runs_of(requests: Iterable[Request]) -> list[tuple[Run, list[Content]]]:
    """Return every run with the contents of its events, all windows closed at the end."""
    held = list(requests)
    windows = Windows(WindowSettings())
    for position, request in enumerate(held):
        windows.add(observe(request, position), 0.0)
    reader = ContentReader(lambda position: held[position])
    decided = [decision.run for decision in windows.close(1.0)]
    return [(run, list(EventContents(run.events, reader))) for run in decided]


def events_of(*requests: Request) -> list[Event]:
    """Return the events of the only run."""
    [(run, _)] = runs_of(requests)
    return list(run.events)


def only(*requests: Request) -> tuple[Event, Content]:
    """Return the only event of the only run, and its content."""
    [(run, contents)] = runs_of(requests)
    [event] = run.events
    return event, contents[0]
