"""Native trace files, which are a superset of tracegate's generic traces: a JSON object, an array or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spanwarden.model.run import Contents, Run
from spanwarden.transcripts.entries import Entry, Header, run_of, text_of
from spanwarden.transcripts.json_text import MAX_EVENTS, TranscriptError, records
from spanwarden.transcripts.numbers import nanoseconds, number, usage_of, whole
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables


def read_lines(body: bytes, path: Path, tables: Tables = DEFAULT_TABLES) -> tuple[Run, Contents]:
    """Return the run of a file with one event a line. Raises TranscriptError with the line."""
    entries = [_entry(record.value, record.position, f"{path}:{record.line}") for record in records(body, str(path))]
    return run_of(Header(path.stem, path.stem), entries, tables)


def read_value(value: Any, path: Path, tables: Tables = DEFAULT_TABLES) -> tuple[Run, Contents]:
    """Return the run of a parsed file. Raises TranscriptError with the event's number, from 1."""
    where = str(path)
    if isinstance(value, list):
        return run_of(Header(path.stem, path.stem), _entries(value, where), tables)
    if not isinstance(value, dict):
        raise TranscriptError(where, "a trace is a JSON object, an array of events, or a .jsonl file of events")
    events = value.get("events")
    if "events" not in value:
        events = []
    if not isinstance(events, list):
        raise TranscriptError(where, "events: expected a list")
    return run_of(_header(value, path), _entries(events, where), tables)


def _header(value: dict[str, Any], path: Path) -> Header:
    where = str(path)
    runtime = number(value.get("runtime_seconds"), where, "runtime_seconds")
    if runtime is None:
        minutes = number(value.get("runtime_minutes"), where, "runtime_minutes")
        runtime = minutes * 60 if minutes is not None else None
    cost = "cost_usd" if "cost_usd" in value else "cost"
    return Header(
        id=str(value.get("id") or value.get("run_id") or path.stem),
        agent=str(value.get("agent") or value.get("name") or "unknown"),
        conversation=_text(value.get("conversation")),
        service=_text(value.get("service")),
        cost_usd=number(value.get(cost), where, cost),
        runtime_seconds=runtime,
        start=_time(value.get("start")),
        end=_time(value.get("end")),
    )


def _entries(events: list[Any], where: str) -> Iterator[Entry]:
    if len(events) > MAX_EVENTS:
        raise TranscriptError(where, f"more than {MAX_EVENTS} events")
    for position, event in enumerate(events, 1):
        yield _entry(event, position, f"{where}: event {position}")


def _entry(event: Any, position: int, where: str) -> Entry:
    if not isinstance(event, dict):
        raise TranscriptError(where, "expected a JSON object")
    given = event.get("input")
    words = given if isinstance(given, dict) else {}
    kind = str(event.get("type") or event.get("event") or event.get("kind") or "unknown")
    error = event.get("error")
    return Entry(
        type=kind,
        turn=_turn(event.get("turn"), position, where),
        tool=_text(event.get("tool") or event.get("name")),
        action=_text(event.get("action")),
        path=_text(event.get("path") or words.get("path")),
        url=_text(event.get("url") or words.get("url")),
        command=_text(event.get("command") or words.get("command")),
        status=_text(event.get("status")),
        role=_role(event, kind),
        agent=_text(event.get("agent")),
        model=_text(event.get("model")),
        call_id=_text(event.get("call_id")),
        arguments=_first(given, event.get("arguments"), event.get("args")),
        result=_first(event.get("output"), event.get("result")),
        text=text_of(_first(event.get("text"), event.get("content"), event.get("message"))),
        error=(error if isinstance(error, str) else str(error)) if error else None,
        raw=event,
        usage=usage_of(event.get("usage")),
        cost_usd=number(event.get("cost_usd"), where, "cost_usd"),
        start=_time(event.get("start")),
        end=_time(event.get("end")),
    )


def _turn(value: Any, position: int, where: str) -> int:
    turn = 0 if value is None else whole(value)
    if turn is None:
        raise TranscriptError(where, f"turn: expected a whole number, got {repr(value)[:60]}")
    return turn or position


def _role(event: dict[str, Any], kind: str) -> str | None:
    role = event.get("role")
    if isinstance(role, str) and role:
        return role
    named, found, _ = kind.lower().partition("_message")
    return named if found else None


def _text(value: Any) -> str | None:
    """Return a value as text, a list or object in Python's spelling; None for an empty or missing one."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _time(value: Any) -> int:
    if isinstance(value, str):
        return nanoseconds(value)
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
