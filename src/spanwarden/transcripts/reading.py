"""Files and folders that hold runs, whatever their format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from spanwarden.model.run import Contents, Run
from spanwarden.otlp.files import FileError
from spanwarden.transcripts.claude import is_claude, read_claude
from spanwarden.transcripts.codex import is_codex, read_codex
from spanwarden.transcripts.json_text import TranscriptError, parse, read_bytes, records
from spanwarden.transcripts.native import read_lines, read_value
from spanwarden.transcripts.otlp_runs import read_otlp
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables
from spanwarden.transcripts.troy import is_troy, read_troy

Format = Literal["generic", "codex", "claude", "otlp", "troy"]
FORMATS: tuple[Format, ...] = get_args(Format)
_SUFFIXES = {".json", ".jsonl"}
_OTLP_KEYS = ("resourceSpans", "resourceLogs", "resourceMetrics")
_OTLP_HEAD = tuple(f'"{key}"'.encode() for key in _OTLP_KEYS)
LOOK_AHEAD = 50
"""Records of a JSON lines file that are looked at to tell whose it is."""


class Trace(NamedTuple):
    """One source of runs: where it stands, and what is known of its format (None: look inside)."""

    path: Path
    format: Format | None


def traces(path: Path, format: Format | None) -> list[Trace]:  # noqa: A002 - the option's own name
    """Return the traces in a file or folder, in name order.

    A folder with OTLP files is one stream, any other is one trace for each .json and .jsonl file directly in it.
    Raises TranscriptError for a folder without any.
    """
    if not path.is_dir():
        return [Trace(path, format)]
    files = sorted(file for file in path.iterdir() if file.is_file())
    if format == "otlp" or (format is None and any(map(_looks_like_otlp, files))):
        return [Trace(path, "otlp")]
    found = [Trace(file, format) for file in files if file.suffix.lower() in _SUFFIXES]
    if not found:
        raise TranscriptError(str(path), "no trace (*.json, *.jsonl, *.binpb) in this folder")
    return found


def read_runs(
    path: Path,
    format: Format | None = None,  # noqa: A002
    tables: Tables = DEFAULT_TABLES,
) -> Iterator[tuple[Run, Contents]]:
    """Yield the runs of a file or folder with their contents: one a transcript, any number for OTLP.

    Without `format` it is told from the content. Raises TranscriptError, one line with the file and the line or event
    in it, for what cannot be read; OSError where the system refuses.
    """
    for trace in traces(path, format):
        yield from _read(trace, tables)


def _read(trace: Trace, tables: Tables) -> Iterator[tuple[Run, Contents]]:
    path = trace.path
    if trace.format == "otlp" or path.suffix.lower() == ".binpb":
        yield from _read_otlp(path, tables)
        return
    body = read_bytes(path)
    match trace.format:
        case "codex":
            yield read_codex(body, path, tables)
        case "claude":
            yield read_claude(body, path, tables)
        case "troy":
            yield read_troy(parse(body, str(path)), path, tables)
        case "generic":
            if _is_lines(path):
                yield read_lines(body, path, tables)
            else:
                yield read_value(parse(body, str(path)), path, tables)
        case _ if _is_lines(path):
            yield from _read_lines(body, path, tables)
        case _:
            value = parse(body, str(path))
            if isinstance(value, dict) and not value.keys().isdisjoint(_OTLP_KEYS):
                yield from _read_otlp(path, tables)
            elif is_troy(value):
                yield read_troy(value, path, tables)
            else:
                yield read_value(value, path, tables)


def _read_lines(body: bytes, path: Path, tables: Tables) -> Iterator[tuple[Run, Contents]]:
    found = _told_by(body, path)
    if found == "otlp":
        yield from _read_otlp(path, tables)
    elif found == "codex":
        yield read_codex(body, path, tables)
    elif found == "claude":
        yield read_claude(body, path, tables)
    else:
        yield read_lines(body, path, tables)


def _told_by(body: bytes, path: Path) -> Format:
    for record in records(body, str(path)):
        value: Any = record.value
        if record.position > LOOK_AHEAD:
            break
        if not isinstance(value, dict):
            continue
        if not value.keys().isdisjoint(_OTLP_KEYS):
            return "otlp"
        if is_codex(value):
            return "codex"
        if is_claude(value):
            return "claude"
    return "generic"


def _read_otlp(path: Path, tables: Tables) -> Iterator[tuple[Run, Contents]]:
    try:
        yield from read_otlp([path], tables)
    except FileError as error:
        text = str(error)
        where, mark, message = text.partition(": ")
        raise TranscriptError(where, message) if mark else TranscriptError(str(path), text) from None


def _is_lines(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def _looks_like_otlp(file: Path) -> bool:
    if file.suffix == ".binpb":
        return True
    if file.suffix.lower() not in _SUFFIXES:
        return False
    with file.open("rb") as opened:
        head = opened.read(4096)
    return any(key in head for key in _OTLP_HEAD)
