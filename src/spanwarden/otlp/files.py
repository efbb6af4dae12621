"""OTLP in files: raw requests (.binpb), OTLP/JSON, and the lines that the Collector's file exporter writes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from spanwarden.otlp.requests import RequestError, Signal, decode, from_json

MAX_FILE = 1 << 30
"""A single file beyond this many bytes is refused."""


class FileRequest(NamedTuple):
    """One request read from a file: where it stood, what it is, its protobuf bytes."""

    source: str
    signal: Signal
    body: bytes


class FileError(ValueError):
    """A file is not readable as OTLP; the text names the file and the place in it."""


def is_otlp(path: pathlib.Path) -> bool:
    """Tell whether a file or folder holds OTLP, by name and by the first bytes."""
    if path.is_dir():
        return any(True for _ in _members(path))
    if path.suffix == ".binpb":
        return True
    if path.suffix not in {".json", ".jsonl"}:
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return any(key in head for key in (b'"resourceSpans"', b'"resourceLogs"', b'"resourceMetrics"'))


def read(path: pathlib.Path) -> Iterator[FileRequest]:
    """Yield the trace and log requests of a file, or of every OTLP file in a folder in name order.

    Metrics are passed over. Raises FileError for a file that is not what its name says, OSError if it cannot be read.
    """
    if path.is_dir():
        members = list(_members(path))
        if not members:
            raise FileError(f"{path}: no OTLP file (*.binpb, *.json, *.jsonl) in this folder")
        for member in members:
            yield from _file(member)
    else:
        yield from _file(path)


def _members(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in sorted(folder.iterdir()):
        named = any(part in path.name for part in ("traces", "logs", "metrics"))
        if path.is_file() and (
            path.suffix == ".binpb" or (path.suffix in {".json", ".jsonl"} and (named or is_otlp(path)))
        ):
            yield path


def _file(path: pathlib.Path) -> Iterator[FileRequest]:
    if path.stat().st_size > MAX_FILE:
        raise FileError(f"{path}: larger than {MAX_FILE} bytes")
    body = path.read_bytes()
    if path.suffix == ".binpb":
        yield from _binary(path, body)
    else:
        yield from _json(path, body)


def _binary(path: pathlib.Path, body: bytes) -> Iterator[FileRequest]:
    if ".metrics." in path.name:
        return
    signals: tuple[Signal, ...] = ("logs",) if ".logs." in path.name else ("traces",)
    try:
        for signal in signals:
            decode(signal, body)
            yield FileRequest(str(path), signal, body)
    except RequestError as error:
        raise FileError(f"{path}: {error}") from None


def _json(path: pathlib.Path, body: bytes) -> Iterator[FileRequest]:
    """One JSON document, pretty-printed or not, or one document a line."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        documents = [(str(path), body)]
    except msgspec.DecodeError:
        lines = body.split(b"\n")
        documents = [(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    for source, document in documents:
        try:
            keys = msgspec.json.decode(document, type=dict[str, msgspec.Raw]).keys()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FileError(f"{source}: not JSON: {error}") from None
        try:
            if "resourceSpans" in keys:
                yield FileRequest(source, "traces", from_json("traces", document))
            if "resourceLogs" in keys:
                yield FileRequest(source, "logs", from_json("logs", document))
        except RequestError as error:
            raise FileError(f"{source}: {error}") from None
        if not keys & {"resourceSpans", "resourceLogs", "resourceMetrics"}:
            raise FileError(f"{source}: no resourceSpans, resourceLogs or resourceMetrics")
