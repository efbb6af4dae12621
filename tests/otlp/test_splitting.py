"""A split request holds the records that the whole one holds, in the same places."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.otlp import files
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import RequestError, decode_logs, decode_traces
from spanwarden.otlp.splitting import split

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"


def whole_traces(body: bytes) -> Iterator[tuple[Any, Any, list[Any]]]:
    for resource in decode_traces(body).resource_spans:
        for scope in resource.scope_spans:
            yield resource.resource, scope.scope, list(scope.spans)


def whole_logs(body: bytes) -> Iterator[tuple[Any, Any, list[Any]]]:
    for resource in decode_logs(body).resource_logs:
        for scope in resource.scope_logs:
            yield resource.resource, scope.scope, list(scope.log_records)


WHOLE = {"traces": whole_traces, "logs": whole_logs}


def parts(signal: Any, body: bytes) -> Iterator[tuple[Any, Any, list[Any]]]:
    found = split(signal, body)
    for part in found.parts:
        yield part.resource, part.scope, list(found.records(part))


@pytest.mark.parametrize("folder", sorted(CORPUS.iterdir()), ids=lambda folder: folder.name)
def test_records_are_those_of_the_whole_request(folder: pathlib.Path) -> None:
    for request in files.read(folder):
        if request.signal != "metrics":
            assert list(parts(request.signal, request.body)) == list(WHOLE[request.signal](request.body))


def varint(number: int, longer: int = 0) -> bytes:
    """Encode a number, in more bytes than it takes if asked to."""
    out = bytearray()
    while number >= 128 or longer > 0:
        out.append(number & 127 | 128)
        number >>= 7
        longer -= 1
    return bytes([*out, number])


def delimited(number: int, content: bytes, longer: int = 0) -> bytes:
    return varint(number << 3 | 2, longer) + varint(len(content), longer) + content


def message(*fields: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Fields in any order, as often as it comes, among some that nobody knows."""
    return st.lists(st.one_of(*fields, UNKNOWN), max_size=5).map(b"".join)


UNKNOWN = st.sampled_from(
    [
        varint(9 << 3) + varint(300),
        varint(9 << 3 | 1) + bytes(8),
        varint(9 << 3 | 5) + bytes(4),
        varint(1 << 3) + b"\x00",  # a number known, a kind that is not its own
        delimited(900, b"\x12\x02no"),
        varint(9 << 3 | 3) + delimited(2, b"inside") + varint(8 << 3 | 3) + varint(8 << 3 | 4) + varint(9 << 3 | 4),
    ]
)
LONGER = st.integers(0, 2)
NAMED = st.builds(delimited, st.just(1), st.binary(max_size=4).map(lambda name: delimited(1, name)), LONGER)
RESOURCE = st.builds(
    delimited,
    st.just(1),
    st.lists(
        st.sampled_from("abc").map(lambda key: delimited(1, delimited(1, key.encode()) + delimited(2, b"\x0a\x01x")))
    ).map(b"".join),
    LONGER,
)
IDS = st.builds(delimited, st.sampled_from([1, 2, 9, 10]), st.binary(max_size=200))  # of spans and of log records
RECORD = st.builds(delimited, st.just(2), IDS, LONGER)
SCOPE = st.builds(delimited, st.just(2), message(NAMED, RECORD, RECORD), LONGER)
OUTER = st.builds(delimited, st.just(1), message(RESOURCE, SCOPE, SCOPE), LONGER)


@pytest.mark.parametrize("signal", ["traces", "logs"])
@given(body=message(OUTER, OUTER))
def test_whatever_can_be_decoded_is_split_alike(signal: str, body: bytes) -> None:
    try:
        whole = list(WHOLE[signal](body))
    except RequestError:
        return
    assert list(parts(signal, body)) == whole


@given(body=st.binary(max_size=60) | message(OUTER).flatmap(lambda body: st.integers(0, 60).map(lambda n: body[:n])))
def test_nothing_but_request_errors_come_of_bytes(body: bytes) -> None:
    try:
        list(parts("traces", body))
    except (RequestError, DecodeError):
        return


def test_records_may_be_read_from_elsewhere() -> None:
    body = delimited(1, delimited(2, delimited(2, delimited(1, b"trace")) + delimited(2, b"")))
    asked: list[tuple[int, int]] = []

    def read(start: int, end: int) -> bytes:
        asked.append((start, end))
        return body[start:end]

    found = split("traces", body, read)
    [part] = found.parts
    records = found.records(part)
    assert [len(records), asked] == [2, []]
    assert [record.trace_id for record in records] == [b"trace", b""]
    assert [body[start:end] for start, end in asked] == [delimited(1, b"trace"), b""]
    assert found.size < split("traces", body).size
    for outside in (-1, 2):
        with pytest.raises(IndexError):
            records[outside]


def test_what_is_no_request_cannot_be_split() -> None:
    for signal in ("traces", "logs"):
        with pytest.raises(RequestError, match="export request"):
            split(signal, b"\xff")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="metrics"):
        split("metrics", b"")


def test_the_kinds_of_records_are_those_of_the_signal() -> None:
    body = delimited(1, delimited(2, delimited(2, b"")))
    assert [type(record) for _, _, [record] in (*parts("traces", body), *parts("logs", body))] == [
        trimmed_pb2.Span,
        trimmed_pb2.LogRecord,
    ]
