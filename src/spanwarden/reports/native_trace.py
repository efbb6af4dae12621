"""A run written as a native trace file."""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.model.event import Content, Event
from spanwarden.model.run import Contents, Run
from spanwarden.reports.overview import command_of, path_of, url_of


def native_trace(run: Run, contents: Contents) -> dict[str, Any]:
    """Return the run in the native format, which `check` and `inspect` read back to the same events."""
    value = {
        "id": run.id,
        "agent": run.agent,
        "conversation": run.conversation,
        "cost_usd": run.cost_usd,
        "runtime_seconds": run.runtime_seconds,
        "events": [_event(event, content) for event, content in zip(run.events, contents, strict=True)],
    }
    if value["conversation"] is None:
        del value["conversation"]
    return value


def _event(event: Event, content: Content) -> dict[str, Any]:
    written = event.written
    value: dict[str, Any] = {
        "type": written.type if written is not None else event.kind,
        "role": event.role,
        "agent": event.agent,
        "tool": event.tool,
        "model": event.model,
        "action": written.action if written is not None else None,
        "path": written.path if written is not None else path_of(event),
        "url": written.url if written is not None else url_of(event),
        "status": written.status if written is not None else event.status,
        "turn": event.turn,
        "call_id": event.call_id,
        "text": content.text,
        "input": _input(event, content),
        # Older readers of this format expect an object under `input`.
        "arguments": None if isinstance(content.arguments, dict) else content.arguments,
        "output": content.result,
        "error": content.error,
        "usage": msgspec.structs.asdict(event.usage) if event.usage is not None else None,
        "cost_usd": event.cost_usd,
        "start": event.start or None,
        "end": event.end or None,
    }
    return {key: item for key, item in value.items() if item is not None}


def _input(event: Event, content: Content) -> Any:
    command = event.written.command if event.written is not None else command_of(event)
    given = content.arguments
    if command is None:
        return given if isinstance(given, dict) else None
    return {**given, "command": command} if isinstance(given, dict) else {"command": command}
