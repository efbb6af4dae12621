"""JSON from hostile files: limits, and errors that name the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.transcripts import json_text
from spanwarden.transcripts.json_text import MAX_DEPTH, TranscriptError, parse, read_bytes, records


def error(body: bytes) -> str:
    with pytest.raises(TranscriptError) as caught:
        parse(body, "t.json")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_beyond_strict_json_are_read() -> None:
    assert parse(b'[NaN, 123456789012345678901234567890, "\\ud800"]', "t")[1:] == [
        123456789012345678901234567890,
        "\ud800",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "t.json: not JSON"),
        (b'{\n"a": 1,\n}', "t.json, line 3: not JSON"),
        (b'{"a": "\xff"}', "t.json: not UTF-8"),
        (b'\n\n"\xff"', "t.json, line 3: not UTF-8"),
        (b"[" * 100_000, f"t.json: nested deeper than {MAX_DEPTH} levels"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper"),
        (b"9" * 5000, "t.json: a number with too many digits"),
        (b"", "t.json: not JSON"),
    ],
)
def test_bad_text_is_named_with_its_place(body: bytes, expected: str) -> None:
    assert expected in error(body)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "t")


def test_records_know_line_and_position() -> None:
    found = list(records(b'{"a":1}\r\n\n  \n2\n[3]', "t.jsonl"))
    assert [(r.line, r.position, r.value) for r in found] == [(1, 1, {"a": 1}), (4, 2, 2), (5, 3, [3])]
    with pytest.raises(TranscriptError, match=r"t\.jsonl:2: not JSON"):
        list(records(b"1\nx\n", "t.jsonl"))


def test_files_beyond_the_limits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_FILE", 4)
    monkeypatch.setattr(json_text, "MAX_EVENTS", 2)
    (tmp_path / "t").write_bytes(b"12345")
    with pytest.raises(TranscriptError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "t")
    with pytest.raises(TranscriptError, match="t:3: more than 2 lines"):
        list(records(b"1\n2\n3\n", "t"))


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbf{}")
    assert read_bytes(tmp_path / "t") == b"{}"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_value_or_an_error(body: bytes) -> None:
    message = ""
    try:
        parse(body, "t")
    except TranscriptError as caught:
        message = str(caught)
    assert "\n" not in message
