"""Content is read again from whole and from split requests alike; of these so many bytes are kept."""

from __future__ import annotations

from dialects.payloads import Span, spans
from spanwarden.dialects.reading import ContentReader, observe
from spanwarden.model.event import ContentRef
from spanwarden.otlp.splitting import Split, split

SENT = [
    spans("any", Span(f"call {number}", number + 1, attributes={"gen_ai.tool.name": "f", "input.value": "x" * 1000}))
    for number in range(5)
]


def reader(limit: int, fetched: list[int]) -> ContentReader:
    def fetch(position: int) -> Split | None:
        fetched.append(position)
        return split("traces", SENT[position].SerializeToString()) if position < len(SENT) else None

    return ContentReader(fetch, limit, keep_records=1)


def refs() -> list[ContentRef]:
    told = [observation.content for at, request in enumerate(SENT) for observation in observe(request, at)]
    return [ref for ref in told if ref is not None]


def test_split_requests_hold_the_content_of_whole_ones() -> None:
    whole, parts = ContentReader(SENT.__getitem__), reader(1 << 20, [])
    assert len(refs()) == len(SENT)
    for ref in refs():
        content = parts.load(ref)
        assert content is not None
        assert content == whole.load(ref)
        assert content.arguments == "x" * 1000


def test_requests_are_kept_as_far_as_their_bytes_go() -> None:
    fetched: list[int] = []
    three = sum(split("traces", request.SerializeToString()).size for request in SENT[:3])
    read = reader(three + 100, fetched)
    for position in (0, 1, 2, 0, 3, 0, 1):
        read.load(refs()[position])
    assert fetched == [0, 1, 2, 3, 1]


def test_one_request_is_kept_however_big() -> None:
    fetched: list[int] = []
    read = reader(1, fetched)
    for position in (0, 0, 1, 1, 0):
        read.load(refs()[position])
    assert fetched == [0, 1, 0]


def test_what_is_gone_has_no_content() -> None:
    fetched: list[int] = []
    read = reader(1 << 20, fetched)
    for _ in range(2):
        assert read.load(ContentRef(9, 0, 0)) is None
    assert fetched == [9]  # its record is known to be gone as long as it is kept
