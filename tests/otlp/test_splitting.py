"""A split request holds the records that the whole one holds, in the same places."""

from __future__ import annotations

import pathlib

import pytest

from spanwarden.otlp import files
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import RequestError, decode
from spanwarden.otlp.splitting import Encoded, split

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"


@pytest.mark.parametrize("folder", sorted(CORPUS.iterdir()), ids=lambda folder: folder.name)
def test_records_are_those_of_the_whole_request(folder: pathlib.Path) -> None:
    for request in files.read(folder):
        if request.signal == "metrics":
            continue
        whole, (parts, size) = decode(request.signal, request.body), split(request.signal, request.body)
        assert size == len(request.body)
        if isinstance(whole, trimmed_pb2.Traces) and isinstance(parts, trimmed_pb2.SplitTraces):
            for resource, split_resource in zip(whole.resource_spans, parts.resource_spans, strict=True):
                assert resource.resource == split_resource.resource
                for scope, split_scope in zip(resource.scope_spans, split_resource.scope_spans, strict=True):
                    assert scope.scope == split_scope.scope
                    assert list(scope.spans) == list(Encoded(split_scope.spans, trimmed_pb2.Span))
        else:
            assert isinstance(whole, trimmed_pb2.Logs)
            assert isinstance(parts, trimmed_pb2.SplitLogs)
            for logs, split_logs in zip(whole.resource_logs, parts.resource_logs, strict=True):
                assert logs.resource == split_logs.resource
                for told, split_told in zip(logs.scope_logs, split_logs.scope_logs, strict=True):
                    assert told.scope == split_told.scope
                    assert list(told.log_records) == list(Encoded(split_told.log_records, trimmed_pb2.LogRecord))


def test_what_is_no_request_cannot_be_split() -> None:
    for signal in ("traces", "logs"):
        with pytest.raises(RequestError, match="export request"):
            split(signal, b"\xff")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="metrics"):
        split("metrics", b"")
