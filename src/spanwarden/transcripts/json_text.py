"""JSON and JSON lines from files, within limits that hostile files cannot exceed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

MAX_FILE = 256 << 20
"""A transcript beyond this many bytes is refused."""
MAX_DEPTH = 200
MAX_EVENTS = 1_000_000


class TranscriptError(ValueError):
    """A transcript cannot be read. The text is one line: the file, the line or event in it, and what is wrong."""

    def __init__(self, where: str, message: str) -> None:
        line = " ".join(f"{where}: {message}".split())
        super().__init__(line.encode("utf-8", "backslashreplace").decode())


class Record(NamedTuple):
    """One line of a JSON lines file: its number from 1, its position among those not blank, its value."""

    line: int
    position: int
    value: Any


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes without a byte order mark. Raises TranscriptError; OSError is left to the caller."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise TranscriptError(str(path), "not a regular file")
    if status.st_size > MAX_FILE:
        raise TranscriptError(str(path), f"larger than {MAX_FILE} bytes")
    return path.read_bytes().removeprefix(b"\xef\xbb\xbf")


def parse(body: bytes, where: str) -> Any:
    """Return the JSON value in `body`. Raises TranscriptError for anything else, and for nesting beyond 200 levels."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _lenient(body, where)
    except RecursionError:
        raise TranscriptError(where, f"nested deeper than {MAX_DEPTH} levels") from None
    if _too_deep(value):
        raise TranscriptError(where, f"nested deeper than {MAX_DEPTH} levels")
    return value


def records(body: bytes, where: str) -> Iterator[Record]:
    """Yield the lines of a JSON lines file, blank ones passed over."""
    position = 0
    start = 0
    line = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line += 1
        text = body[start:end].strip()
        start = end + 1
        if text:
            position += 1
            if position > MAX_EVENTS:
                raise TranscriptError(f"{where}:{line}", f"more than {MAX_EVENTS} lines")
            yield Record(line, position, parse(text, f"{where}:{line}"))


def _lenient(body: bytes, where: str) -> Any:
    """Read what Python's own reader accepts beyond RFC 8259 (NaN, big integers, lone surrogates)."""
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise TranscriptError(_line_of(body, error.start, where), "not UTF-8") from None
    except json.JSONDecodeError as error:
        number = f", line {error.lineno}" if error.lineno > 1 else ""
        raise TranscriptError(where + number, f"not JSON: {error.msg}") from None
    except RecursionError:
        raise TranscriptError(where, f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise TranscriptError(where, "a number with too many digits") from None


def _line_of(body: bytes, offset: int, where: str) -> str:
    line = body.count(b"\n", 0, offset) + 1
    return f"{where}, line {line}" if line > 1 else where


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(child for child in item.values() if isinstance(child, dict | list))
            elif isinstance(item, list):
                below.extend(child for child in item if isinstance(child, dict | list))
        if not below:
            return False
        level = below
    return True
