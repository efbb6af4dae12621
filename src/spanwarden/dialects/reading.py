"""From a decoded request to observations, and from a reference back to content."""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from spanwarden.dialects.base import Attributes, Loader, Origin, Sightings
from spanwarden.dialects.metadata_keys import sent_metadata
from spanwarden.dialects.registry import read_log, span_reader
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.model.event import Content, ContentRef, Event
from spanwarden.model.observation import Observation
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.splitting import Split

Request = trimmed_pb2.Traces | trimmed_pb2.Logs
Scope = tuple[Origin, Callable[[Any, Origin, Sightings], object], Sequence[Any]]
"""Where records come from, how they are read, and the records: spans, or log records."""


def observe(
    request: Request, position: int, table: ToolTable = DEFAULT_TABLE, failures: list[Exception] | None = None
) -> list[Observation]:
    """Return what a request says, in its own order. Never raises.

    position: where the journal holds it. table: what tools do. failures: gets the error of every record that a dialect
    failed on; such a record has said what it said until then, and the others of its request are not touched by it.
    """
    out = Sightings(position, table)
    number = 0
    for origin, read, records in _scopes(request):
        out.come_from(origin)
        for record in records:
            out.begin(number)
            number += 1
            try:
                read(record, origin, out)
            except Exception as error:  # noqa: BLE001 - one odd record must not cost the rest of its request
                if failures is not None:
                    failures.append(error)
    return out.observations


def _scopes(request: Request | Split) -> Iterator[Scope]:
    if isinstance(request, Split):
        for part in request.parts:
            origin = _origin(part.resource.attributes, part.scope)
            reader = span_reader(origin.scope) if request.signal == "traces" else read_log
            yield origin, reader, request.records(part)
    elif isinstance(request, trimmed_pb2.Traces):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                origin = _origin(resource.resource.attributes, scope.scope)
                yield origin, span_reader(origin.scope), scope.spans
    else:
        for logs in request.resource_logs:
            for scope_logs in logs.scope_logs:
                yield _origin(logs.resource.attributes, scope_logs.scope), read_log, scope_logs.log_records


def _origin(resource: Attributes, scope: trimmed_pb2.Scope) -> Origin:
    return Origin(
        resource,
        scope.name.decode("utf-8", "replace"),
        scope.version.decode("utf-8", "replace"),
        values.text(resource.get("service.name")),
        values.text(resource.get("service.instance.id")),
    )


class _Told:
    """What one record held: how to load the content of each part, and what its sender wrote beside it."""

    def __init__(self, loads: Sequence[Loader | None], attributes: Attributes, resource: Attributes) -> None:
        self.loads = loads
        self._attributes = attributes
        self._resource = resource

    @functools.cached_property
    def metadata(self) -> dict[str, Any]:
        """Return what was written beside the content."""
        return sent_metadata(self._attributes, self._resource)


_AS_FAR_AS_IT_GOES = contextlib.suppress(Exception)
"""A record that a dialect fails on has said what it said until then."""


class ContentReader:
    """Reads content again from the requests that carried it.

    `fetch` returns the request at a journal position, best one that is only split, or None if it is gone. The last few
    requests are kept, about `limit` bytes of them, and a few records read: runs and their events mostly share both.
    """

    def __init__(
        self, fetch: Callable[[int], Request | Split | None], limit: int = 16 << 20, keep_records: int = 32
    ) -> None:
        self._fetch = fetch
        self._limit = limit
        self._keep_records = keep_records
        self._size = 0
        self._requests: OrderedDict[int, tuple[list[Scope], int]] = OrderedDict()
        self._records: OrderedDict[tuple[int, int], _Told] = OrderedDict()

    def load(self, ref: ContentRef, *, metadata: bool = True) -> Content | None:
        """Return the content at `ref`, or None if its request is gone. metadata: whether that is wanted as well."""
        told = self._told(ref.position, ref.record)
        load = told.loads[ref.part] if ref.part < len(told.loads) else None
        if load is None:
            return None
        content = load()
        if not metadata or not told.metadata:
            return content
        return msgspec.structs.replace(content, metadata=told.metadata)

    def _told(self, position: int, record: int) -> _Told:
        key = position, record
        told = self._records.get(key)
        if told is None:
            told = self._records[key] = self._read(position, record)
            if len(self._records) > self._keep_records:
                self._records.popitem(last=False)
        else:
            self._records.move_to_end(key)
        return told

    def _read(self, position: int, number: int) -> _Told:
        for origin, read, records in self._at(position):
            if number >= len(records):
                number -= len(records)
                continue
            record = records[number]
            out = Sightings(position, loading=True)
            out.begin(number, origin)
            with _AS_FAR_AS_IT_GOES:
                read(record, origin, out)
            return _Told(out.loads or (), record.attributes, origin.resource)
        return _Told((), {}, {})

    def _at(self, position: int) -> list[Scope]:
        known = self._requests.get(position)
        if known is not None:
            self._requests.move_to_end(position)
            return known[0]
        request = self._fetch(position)
        if request is None:
            return []
        scopes = list(_scopes(request))
        size = request.size if isinstance(request, Split) else request.ByteSize()
        self._requests[position] = scopes, size
        self._size += size
        while self._size > self._limit and len(self._requests) > 1:
            self._size -= self._requests.popitem(last=False)[1][1]
        return scopes


_NOTHING = Content()


class EventContents:
    """The content of a run's events, read on demand and kept while the run is evaluated; see `model.Contents`."""

    def __init__(self, events: Sequence[Event], reader: ContentReader) -> None:
        self._events = events
        self._reader = reader
        self._loaded: dict[int, Content] = {}
        self._bodies: dict[int, Content] = {}

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

    def body(self, index: int, /) -> Content:
        """Return the content of one event without its metadata; of a call's records no more are read than it takes."""
        content = self._loaded.get(index) or self._bodies.get(index)
        if content is None:
            event = self._events[index]
            for ref in event.content:
                part = None if ref.bare else self._reader.load(ref, metadata=False)
                if part is not None:
                    content = part if content is None else content.filled_from(part)
                    if event.status == "ok" and content.arguments is not None and content.result is not None:
                        break
            content = self._bodies[index] = content or _NOTHING
        return content

    def __iter__(self) -> Iterator[Content]:
        """Yield the content of every event in order."""
        for index in range(len(self._events)):
            yield self[index]
