"""The trimmed schema loses and changes nothing that the official classes read."""

from __future__ import annotations

import base64
import math
import pathlib
from collections.abc import Iterable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanwarden.otlp import files, values
from spanwarden.otlp.requests import decode_logs, decode_traces

HERE = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "corpus" / "otlp"
"""All captures, beside the repository where it is developed; absent elsewhere."""
CAPTURES = [folder for root in (HERE, SHARED) if root.is_dir() for folder in sorted(root.iterdir())]


def plain(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return getattr(value, which)


def official(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in attributes}


def same(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float) and math.isnan(one):
        return math.isnan(two)
    return bool(one == two) and type(one) is type(two)


def assert_attributes(trimmed: Any, known: Iterable[KeyValue]) -> None:
    mine, theirs = values.attributes(trimmed), official(known)
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        assert same(value, theirs[key]), key


def assert_traces(body: bytes) -> int:
    mine, theirs = decode_traces(body), ExportTraceServiceRequest.FromString(body)
    count = 0
    for resource, known_resource in zip(mine.resource_spans, theirs.resource_spans, strict=True):
        assert_attributes(resource.resource.attributes, known_resource.resource.attributes)
        for scope, known_scope in zip(resource.scope_spans, known_resource.scope_spans, strict=True):
            assert scope.scope.name.decode() == known_scope.scope.name
            assert scope.scope.version.decode() == known_scope.scope.version
            assert_attributes(scope.scope.attributes, known_scope.scope.attributes)
            for span, known in zip(scope.spans, known_scope.spans, strict=True):
                count += 1
                for field in (
                    "trace_id", "span_id", "parent_span_id", "kind", "start_time_unix_nano", "end_time_unix_nano",
                    "dropped_attributes_count", "flags",
                ):  # fmt: skip
                    assert getattr(span, field) == getattr(known, field), field
                assert span.name.decode() == known.name
                assert (span.status.code, span.status.message.decode()) == (known.status.code, known.status.message)
                assert_attributes(span.attributes, known.attributes)
                for event, known_event in zip(span.events, known.events, strict=True):
                    assert (event.time_unix_nano, event.name.decode()) == (known_event.time_unix_nano, known_event.name)
                    assert_attributes(event.attributes, known_event.attributes)
                for link, known_link in zip(span.links, known.links, strict=True):
                    assert (link.trace_id, link.span_id) == (known_link.trace_id, known_link.span_id)
                    assert_attributes(link.attributes, known_link.attributes)
    return count


def assert_logs(body: bytes) -> int:
    mine, theirs = decode_logs(body), ExportLogsServiceRequest.FromString(body)
    count = 0
    for resource, known_resource in zip(mine.resource_logs, theirs.resource_logs, strict=True):
        assert_attributes(resource.resource.attributes, known_resource.resource.attributes)
        for scope, known_scope in zip(resource.scope_logs, known_resource.scope_logs, strict=True):
            assert scope.scope.name.decode() == known_scope.scope.name
            for record, known in zip(scope.log_records, known_scope.log_records, strict=True):
                count += 1
                for field in (
                    "time_unix_nano", "observed_time_unix_nano", "severity_number", "dropped_attributes_count",
                    "flags", "trace_id", "span_id",
                ):  # fmt: skip
                    assert getattr(record, field) == getattr(known, field), field
                assert record.event_name.decode() == known.event_name
                assert same(values.decode(record.body), plain(known.body))
                assert_attributes(record.attributes, known.attributes)
    return count


@pytest.mark.parametrize("folder", CAPTURES, ids=lambda folder: f"{folder.parents[2].name}-{folder.name}")
def test_a_capture_reads_alike(folder: pathlib.Path) -> None:
    if not any(path.suffix in {".binpb", ".json"} and path.name[0].isdigit() for path in folder.iterdir()):
        pytest.skip("nothing was sent in this capture")
    records = sum(
        assert_traces(request.body) if request.signal == "traces" else assert_logs(request.body)
        for request in files.read(folder)
    )
    if folder.parent == HERE:
        assert records
