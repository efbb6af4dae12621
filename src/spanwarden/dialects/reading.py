"""From a decoded request to observations, and from a reference back to content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import msgspec

from spanwarden.dialects.base import Attributes, Origin, Sightings
from spanwarden.dialects.metadata_keys import sent_metadata
from spanwarden.dialects.registry import read_log, read_span
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.model.event import Content, ContentRef, Event
from spanwarden.model.observation import Observation
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Request = trimmed_pb2.Traces | trimmed_pb2.Logs
Record = tuple[trimmed_pb2.Span | trimmed_pb2.LogRecord, Origin]


def observe(
    request: Request, position: int, table: ToolTable = DEFAULT_TABLE, failures: list[Exception] | None = None
) -> list[Observation]:
    """Return what a request says, in its own order. Never raises.

    position: where the journal holds it. table: what tools do. failures: gets the error of every record that a dialect
    failed on; such a record has said what it said until then, and the others of its request are not touched by it.
    """
    out = Sightings(position, table=table)
    for number, (record, origin) in enumerate(_records(request)):
        out.begin(number, origin)
        try:
            _read(record, origin, out)
        except Exception as error:  # noqa: BLE001 - one odd record must not cost the rest of its request
            if failures is not None:
                failures.append(error)
    return out.observations


def _read(record: trimmed_pb2.Span | trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    if isinstance(record, trimmed_pb2.Span):
        read_span(record, origin, out)
    else:
        read_log(record, origin, out)


def _records(request: Request) -> Iterator[Record]:
    if isinstance(request, trimmed_pb2.Traces):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                origin = _origin(resource.resource.attributes, scope.scope)
                for span in scope.spans:
                    yield span, origin
    else:
        for logs in request.resource_logs:
            for scope_logs in logs.scope_logs:
                origin = _origin(logs.resource.attributes, scope_logs.scope)
                for record in scope_logs.log_records:
                    yield record, origin


def _origin(resource: Attributes, scope: trimmed_pb2.Scope) -> Origin:
    return Origin(
        resource,
        scope.name.decode("utf-8", "replace"),
        scope.version.decode("utf-8", "replace"),
        values.text(resource.get("service.name")),
        values.text(resource.get("service.instance.id")),
    )


class ContentReader:
    """Reads content again from the requests that carried it.

    `fetch` returns the decoded request at a journal position, or None if it is gone. A few requests are kept decoded,
    so that the events of one run, which mostly share requests, are cheap to read together.
    """

    def __init__(self, fetch: Callable[[int], Request | None], keep: int = 16) -> None:
        self._fetch = fetch
        self._keep = keep
        self._records: OrderedDict[int, list[Record]] = OrderedDict()

    def load(self, ref: ContentRef) -> Content | None:
        """Return the content at `ref`, or None if its request is gone."""
        records = self._at(ref.position)
        if ref.record >= len(records):
            return None
        record, origin = records[ref.record]
        out = Sightings(ref.position, wanted=ref)
        out.begin(ref.record, origin)
        _read(record, origin, out)
        if out.content is None:
            return None
        told = sent_metadata(record.attributes, origin.resource)
        return msgspec.structs.replace(out.content, metadata=told) if told else out.content

    def _at(self, position: int) -> list[Record]:
        records = self._records.get(position)
        if records is None:
            request = self._fetch(position)
            records = self._records[position] = [] if request is None else list(_records(request))
            if len(self._records) > self._keep:
                self._records.popitem(last=False)
        else:
            self._records.move_to_end(position)
        return records


class EventContents:
    """The content of a run's events, read on demand and kept while the run is evaluated; see `model.Contents`."""

    def __init__(self, events: Sequence[Event], reader: ContentReader) -> None:
        self._events = events
        self._reader = reader
        self._loaded: dict[int, Content] = {}

    def __getitem__(self, index: int, /) -> Content:
        """Return the content of one event, filled from every record that told of it."""
        content = self._loaded.get(index)
        if content is None:
            content = Content()
            for ref in self._events[index].content:
                part = self._reader.load(ref)
                if part is not None:
                    content = content.filled_from(part)
            self._loaded[index] = content
        return content

    def __iter__(self) -> Iterator[Content]:
        """Yield the content of every event in order."""
        for index in range(len(self._events)):
            yield self[index]
