"""Session logs of Claude Code: one JSON record a line, tool uses inside the messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spanwarden.model.run import Contents, Run
from spanwarden.transcripts.entries import Entry, Header, run_of, text_of
from spanwarden.transcripts.json_text import TranscriptError, records
from spanwarden.transcripts.numbers import nanoseconds, number, seconds_between
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables

_SPEAKERS = {"user", "assistant", "system"}
_READERS = {"Read", "Glob", "Grep", "LS"}
_EDITORS = {"Edit", "MultiEdit"}
_NAVIGATE = "mcp__playwright__browser_navigate"


def is_claude(record: dict[str, Any]) -> bool:
    """Tell whether a record is one of a Claude Code session."""
    return "sessionId" in record or (record.get("type") in _SPEAKERS and isinstance(record.get("message"), dict))


def read_claude(body: bytes, path: Path, tables: Tables = DEFAULT_TABLES) -> tuple[Run, Contents]:
    """Return the run of a session log. Raises TranscriptError with the line of a record that is no JSON object."""
    session: str | None = None
    cost: float | None = None
    times: list[int] = []
    entries: list[Entry] = []
    calls: dict[str, Entry] = {}
    for record in records(body, str(path)):
        value = record.value
        if not isinstance(value, dict):
            raise TranscriptError(f"{path}:{record.line}", "a Claude Code session is one JSON object a line")
        time = nanoseconds(value.get("timestamp"))
        if time:
            times.append(time)
        if session is None and value.get("sessionId"):
            session = str(value["sessionId"])
        if value.get("type") == "cost-state":
            cost = number(value.get("totalCostUSD"), f"{path}:{record.line}", "totalCostUSD")
        for entry in _entries(value, record.position):
            entry.start = time
            entries.append(entry)
            if entry.call_id:
                calls[entry.call_id] = entry
        _take_results(value, calls, time)
    header = Header(
        id=session or path.stem,
        agent="Claude Code",
        conversation=session,
        cost_usd=cost,
        runtime_seconds=seconds_between(times),
        start=min(times, default=0),
        end=max(times, default=0),
    )
    return run_of(header, entries, tables)


def _entries(record: dict[str, Any], turn: int) -> Iterator[Entry]:
    speaker = record.get("type")
    if speaker == "attachment":
        attachment = record.get("attachment")
        entry = _attached(attachment, turn) if isinstance(attachment, dict) else None
        if entry is not None:
            entry.raw = record
            yield entry
    elif isinstance(speaker, str) and speaker in _SPEAKERS:
        message = record.get("message")
        content = message.get("content") if isinstance(message, dict) else record.get("content")
        model = message.get("model") if isinstance(message, dict) else None
        yield Entry(
            f"{speaker}_message",
            turn,
            role=speaker,
            model=model if isinstance(model, str) else None,
            text=text_of(content),
            raw=record,
            dialect="claude_code",
        )
        for item in content if isinstance(content, list) else ():
            if isinstance(item, dict) and item.get("type") == "tool_use":
                yield _tool_use(item, turn)


def _tool_use(item: dict[str, Any], turn: int) -> Entry:
    name = str(item.get("name") or "unknown")
    given = item.get("input")
    words = given if isinstance(given, dict) else {}
    entry = Entry("tool_call", turn, tool=name, arguments=given, raw=item, dialect="claude_code")
    entry.call_id = str(item["id"]) if item.get("id") else None
    if name == "Bash":
        entry.tool, entry.command = "shell", _word(words, "command")
    elif name in _READERS:
        entry.type, entry.path = "file_read", _word(words, "file_path", "path", "pattern")
    elif name in _EDITORS:
        entry.type, entry.path = "file_edit", _word(words, "file_path")
    elif name == "Write":
        entry.type, entry.path = "file_write", _word(words, "file_path")
    elif name.startswith(_NAVIGATE):
        entry.type, entry.url = "network_fetch", _word(words, "url")
    return entry


def _attached(attachment: dict[str, Any], turn: int) -> Entry | None:
    kind = attachment.get("type")
    entry = Entry("tool_call", turn, dialect="claude_code")
    if kind == "queued_command":
        entry.tool, entry.command = "shell", _word(attachment, "command")
        code = attachment.get("exitCode")
        entry.status = None if code is None else str(code)
    elif kind == "edited_text_file":
        entry.type, entry.path = "file_edit", _word(attachment, "filePath", "path")
    else:
        return None
    return entry


def _take_results(record: dict[str, Any], calls: dict[str, Entry], time: int) -> None:
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    for item in content if isinstance(content, list) else ():
        if not isinstance(item, dict) or item.get("type") != "tool_result":
            continue
        entry = calls.get(str(item.get("tool_use_id")))
        if entry is None:
            continue
        text = text_of(item.get("content"))
        entry.result = text if text is not None else item.get("content")
        entry.end = time
        if item.get("is_error"):
            # A refusal looks like any other error here, and a tool could forge its words: an error it stays.
            entry.error = text or "error"


def _word(words: dict[str, Any], *keys: str) -> str | None:
    value = next((words[key] for key in keys if words.get(key)), None)
    return value if value is None or isinstance(value, str) else str(value)
