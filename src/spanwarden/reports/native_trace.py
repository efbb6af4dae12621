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
        **_arguments(event, content),
        "output": content.result,
        "error": content.error,
        "usage": msgspec.structs.asdict(event.usage) if event.usage is not None else None,
        "cost_usd": event.cost_usd,
        "start": event.start or None,
        "end": event.end or None,
    }
    return {key: item for key, item in value.items() if item is not None}


def _arguments(event: Event, content: Content) -> dict[str, Any]:
    """Return what the call was given under the key where reading it back makes neither more nor less of it.

    A path, url or command under `input` is the event's own, so arguments with one that the event has not go elsewhere.
    """
    given = content.arguments
    words = event.written
    command = words.command if words is not None else command_of(event)
    if not isinstance(given, dict):
        # Older readers of this format expect an object under `input`.
        return {"input": None if command is None else {"command": command}, "arguments": given}
    if command is not None:
        return {"input": {**given, "command": command}}
    own = words is None or all(
        given.get(word) in (None, "", getattr(words, word)) for word in ("path", "url", "command")
    )
    return {"input": given} if own else {"arguments": given}
