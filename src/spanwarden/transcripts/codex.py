"""Session logs of Codex: one JSON record a line, what was done under `payload`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spanwarden.model.run import Contents, Run
from spanwarden.transcripts.entries import Entry, Header, run_of, text_of
from spanwarden.transcripts.json_text import TranscriptError, records
from spanwarden.transcripts.numbers import nanoseconds, seconds_between
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables

RECORD_TYPES = frozenset({"session_meta", "event_msg", "response_item", "turn_context", "compacted"})
_OUTPUTS = {"function_call_output", "custom_tool_call_output", "local_shell_call_output"}


def is_codex(record: dict[str, Any]) -> bool:
    """Tell whether a record is one of a Codex session."""
    return record.get("type") in RECORD_TYPES and "payload" in record


def read_codex(body: bytes, path: Path, tables: Tables = DEFAULT_TABLES) -> tuple[Run, Contents]:
    """Return the run of a session log. Raises TranscriptError with the line of a record that is no JSON object."""
    session: str | None = None
    times: list[int] = []
    entries: list[Entry] = []
    calls: dict[str, Entry] = {}
    for record in records(body, str(path)):
        if not isinstance(record.value, dict):
            raise TranscriptError(f"{path}:{record.line}", "a Codex session is one JSON object a line")
        time = nanoseconds(record.value.get("timestamp"))
        if time:
            times.append(time)
        payload = record.value.get("payload")
        if not isinstance(payload, dict) or not isinstance(payload.get("type"), str | None):
            continue
        if record.value.get("type") == "session_meta" and session is None and payload.get("id"):
            session = str(payload["id"])
        entry = _entry(payload, record.position)
        if entry is not None:
            entry.start, entry.raw = time, record.value
            entries.append(entry)
            if entry.call_id:
                calls[entry.call_id] = entry
        elif payload.get("type") in _OUTPUTS:
            _answer(calls.get(str(payload.get("call_id"))), payload.get("output"), time)
    header = Header(
        id=session or path.stem,
        agent="Codex",
        conversation=session,
        runtime_seconds=seconds_between(times),
        start=min(times, default=0),
        end=max(times, default=0),
    )
    return run_of(header, entries, tables)


def _entry(payload: dict[str, Any], turn: int) -> Entry | None:
    kind = payload.get("type")
    entry = Entry("message", turn, dialect="codex")
    if kind in {"user_message", "agent_message"}:
        entry.role = "user" if kind == "user_message" else "assistant"
        entry.text = text_of(payload.get("message"))
    elif kind == "message":
        role = payload.get("role")
        entry.role = role if isinstance(role, str) and role else None
        entry.type = f"{entry.role}_message" if entry.role else "message"
        entry.text = text_of(payload.get("content"))
    elif kind == "function_call":
        _call(entry, payload)
        entry.arguments = _arguments(payload.get("arguments"))
        if entry.tool == "exec_command":
            _command(entry)
    elif kind == "custom_tool_call":
        _call(entry, payload)
        entry.arguments = payload.get("input")
        if entry.tool == "apply_patch":
            entry.type = "file_edit"
    else:
        return None
    return entry


def _call(entry: Entry, payload: dict[str, Any]) -> None:
    entry.type = "tool_call"
    entry.tool = str(payload.get("name") or "unknown")
    entry.call_id = str(payload["call_id"]) if payload.get("call_id") else None


def _command(entry: Entry) -> None:
    entry.tool = "shell"
    given = entry.arguments if isinstance(entry.arguments, dict) else {}
    command = given.get("cmd")
    if command:
        entry.command = command if isinstance(command, str) else str(command)
        rest = {key: value for key, value in given.items() if key != "cmd"}
        entry.arguments = {"command": entry.command, **rest}


def _arguments(value: Any) -> Any:
    """Return a call's arguments, given as an object or as JSON text; {} where they are neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _answer(entry: Entry | None, output: Any, time: int) -> None:
    if entry is None:
        return
    text = text_of(output)
    entry.result = text if text is not None else output
    entry.end = time
