"""troy's traces: a JSON object with steps, alone or inside of an audit report of troy's or ours.

Every event keeps its step as it was, in `raw`: troy's conditions read that and nothing that is derived.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from spanwarden.model.run import Contents, Run
from spanwarden.transcripts.entries import Entry, Header, run_of
from spanwarden.transcripts.json_text import MAX_EVENTS, TranscriptError
from spanwarden.transcripts.numbers import nanoseconds
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables

StepType = Literal["tool_call", "llm_call", "decision", "observation"]
STEP_TYPES: tuple[StepType, ...] = get_args(StepType)
DIALECT = "troy"
_WRITTEN = {"observation": "message"}
_OBJECTS = ("input", "output", "metadata")


def is_troy(value: Any) -> bool:
    """Tell whether a JSON value is a trace of troy's, or a report that holds one."""
    return _is_trace(value) or (isinstance(value, dict) and _is_trace(value.get("trace")))


def _is_trace(value: Any) -> bool:
    return isinstance(value, dict) and "steps" in value and ("trace_id" in value or "agent_name" in value)


def read_troy(value: Any, path: Path, tables: Tables = DEFAULT_TABLES) -> tuple[Run, Contents]:
    """Return the run of a parsed file. Raises TranscriptError with the step's number, from 1."""
    where = str(path)
    if isinstance(value, dict) and _is_trace(value.get("trace")):
        value = value["trace"]
    if not isinstance(value, dict):
        raise TranscriptError(where, "expected a JSON object with 'steps'")
    steps = value.get("steps")
    if not isinstance(steps, list) or not steps:
        raise TranscriptError(where, "steps: expected a list of at least one step")
    if len(steps) > MAX_EVENTS:
        raise TranscriptError(where, f"more than {MAX_EVENTS} steps")
    agent = _text(value, "agent_name", where)
    metadata = _object(value, "metadata", where)
    run, contents = run_of(Header(_text(value, "trace_id", where), agent), _entries(steps, where), tables)
    return msgspec.structs.replace(run, metadata=metadata), contents


def entry_of(step: dict[str, Any], position: int) -> Entry:
    """Return the event of a step that has all of step_id, type, description, input, output and metadata."""
    kind, description = step["type"], step["description"]
    call = kind == "tool_call"
    return Entry(
        type=_WRITTEN.get(kind, kind),
        turn=position,
        tool=description if call else None,
        arguments=step["input"] if call else step["input"] or None,
        result=step["output"] or None,
        text=None if call else description,
        raw=step,
        start=nanoseconds(step.get("timestamp")),
        dialect=DIALECT,
    )


def _entries(steps: list[Any], where: str) -> Iterator[Entry]:
    for position, step in enumerate(steps, 1):
        place = f"{where}: step {position}"
        if not isinstance(step, dict):
            raise TranscriptError(place, "expected a JSON object")
        kind = _text(step, "type", place)
        if kind not in STEP_TYPES:
            raise TranscriptError(place, f"type: {kind[:60]!r} is not one of {', '.join(STEP_TYPES)}")
        named = {name: _text(step, name, place) for name in ("step_id", "type", "description")}
        yield entry_of({**step, **named, **{name: _object(step, name, place) for name in _OBJECTS}}, position)


def _text(holder: dict[str, Any], key: str, where: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str):
        raise TranscriptError(where, f"{key}: expected text, got {'nothing' if value is None else repr(value)[:60]}")
    return value


def _object(holder: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = holder.get(key, {})
    if not isinstance(value, dict):
        raise TranscriptError(where, f"{key}: expected an object, got {repr(value)[:60]}")
    return value
