"""Content taken out of a request before it is forwarded: dropped, or replaced by its digest. All else stays."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanwarden.exporters.base import Signal
from spanwarden.service.forwarding import content_keys

_REQUESTS: dict[Signal, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_LONGEST_KNOWN = 128
_FEW = 64
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class ContentError(ValueError):
    """The request cannot be read, so nothing can be taken out of it."""


class ContentFilter:
    """Drops or hashes content in spans, span events, links, log records, scopes and resources.

    `extra` are further keys; one that ends in * stands for all that begin so. A digest is "blake2b:" and 32 hex
    digits of BLAKE2b over the text in UTF-8 (over the encoded AnyValue where the value is no text): equal content has
    equal digests, and short or guessable content can be found by trying.
    """

    def __init__(self, how: Literal["drop", "hash"], extra: Iterable[str] = ()) -> None:
        extra = tuple(extra)
        self._hash = how == "hash"
        self._keys = content_keys.KEYS.union(key for key in extra if not key.endswith("*"))
        self._known = functools.lru_cache(maxsize=4096)(self._look_up)
        self._prefixes = (*content_keys.PREFIXES, *(key[:-1] for key in extra if key.endswith("*")))

    def apply(self, signal: Signal, body: bytes) -> bytes:
        """Return the request without content. Raises ContentError for bytes that are no request of this signal."""
        try:
            request: Any = _REQUESTS[signal].FromString(body)
        except DecodeError as error:
            raise ContentError(f"not a request of signal {signal}: {error}") from None
        if signal == "traces":
            self._traces(request)
        elif signal == "logs":
            self._logs(request)
        else:
            self._metrics(request)
        return bytes(request.SerializeToString())

    def is_content(self, key: str) -> bool:
        """Tell whether an attribute of this name carries content."""
        # Long names are not remembered: what hostile senders write must not fill memory.
        return self._known(key) if len(key) <= _LONGEST_KNOWN else self._look_up(key)

    def _look_up(self, key: str) -> bool:
        if key in self._keys or key.startswith(self._prefixes):
            return True
        return any(
            key.startswith(start) and key[len(start) : len(start) + 1].isdigit() for start in content_keys.INDEXED
        )

    def _traces(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self._attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self._attributes(scope.scope.attributes)
                for span in scope.spans:
                    self._span(span)

    def _span(self, span: Span) -> None:
        self._attributes(span.attributes)
        for event in span.events:
            self._attributes(event.attributes)
        for link in span.links:
            self._attributes(link.attributes)

    def _logs(self, request: ExportLogsServiceRequest) -> None:
        for resource in request.resource_logs:
            self._attributes(resource.resource.attributes)
            for scope in resource.scope_logs:
                self._attributes(scope.scope.attributes)
                for record in scope.log_records:
                    if record.HasField("body") and not _names_its_event(record):
                        self._body(record)
                    self._attributes(record.attributes)

    def _metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            self._attributes(resource.resource.attributes)
            for scope in resource.scope_metrics:
                self._attributes(scope.scope.attributes)

    def _body(self, record: LogRecord) -> None:
        if self._hash:
            _replace(record.body)
        else:
            record.ClearField("body")

    def _attributes(self, attributes: Any) -> None:
        found = [index for index, attribute in enumerate(attributes) if self.is_content(attribute.key)]
        if self._hash:
            for index in found:
                _replace(attributes[index].value)
        elif found:
            _delete(attributes, found)


def _delete(attributes: Any, found: Sequence[int]) -> None:
    if len(found) <= _FEW:
        for index in reversed(found):
            del attributes[index]
        return
    # Each deletion moves all that follow; a hostile sender must not make that quadratic.
    dropped = set(found)
    kept = [_copy(attribute) for index, attribute in enumerate(attributes) if index not in dropped]
    del attributes[:]
    attributes.extend(kept)


def _copy(attribute: KeyValue) -> KeyValue:
    copy = KeyValue()
    copy.CopyFrom(attribute)
    return copy


def _replace(value: AnyValue) -> None:
    text = value.string_value if value.WhichOneof("value") == "string_value" else None
    content = value.SerializeToString(deterministic=True) if text is None else text.encode()
    value.Clear()
    value.string_value = "blake2b:" + hashlib.blake2b(content, digest_size=16).hexdigest()


def _names_its_event(record: LogRecord) -> bool:
    """Tell whether the body only repeats the name of the event, or has nothing in it."""
    kind = record.body.WhichOneof("value")
    if kind is None:
        return not record.body.ByteSize()
    if kind != "string_value":
        return False
    text = record.body.string_value
    if not text:
        return True
    if not _IDENTIFIER.fullmatch(text):
        return False
    names = {record.event_name, *(a.value.string_value for a in record.attributes if a.key == "event.name")} - {""}
    return any(text == name or text.endswith("." + name) for name in names)
