"""Codex's log events. A record is written when something has ended; its own time is zero, so others stand for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from spanwarden.dialects import codex_fields as fields
from spanwarden.dialects.base import Attributes, Loader, Origin, Sightings
from spanwarden.dialects.labels import label
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Facts = dict[str, Any]
Reader = Callable[[Attributes, Facts, Sightings], None]


def read(name: str, record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what the event `name` (without the program's prefix) says; start-up and streaming say nothing."""
    reader = _READERS.get(name)
    if reader is None:
        return
    at = record.time_unix_nano or record.observed_time_unix_nano
    traced = len(record.trace_id) == 16 and any(record.trace_id)
    reader(record.attributes, facts_of(record.attributes, origin, at, record.trace_id if traced else b""), out)


def read_call(name: str, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add what a span event says of a tool call. The other events are told by the logs alone or by spans."""
    reader = _CALL_READERS.get(name)
    if reader is not None:
        reader(attributes, facts, out)


def facts_of(attributes: Attributes, origin: Origin, at: int, trace_id: bytes) -> Facts:
    """Return what every event tells. `at` is the record's own time in ns, 0 where it has none."""
    conversation = label(attributes.get("conversation.id"))
    keys = [fields.conversation_key(conversation)] if conversation is not None else []
    if trace_id:
        keys.append(f"trace:{trace_id.hex()}")
    end = at or _spelled_time(attributes)
    return {
        "source": "log",
        "dialect": fields.NAME,
        "keys": tuple(keys) or (f"service:{origin.instance or origin.service or 'unknown'}",),
        "conversation": conversation,
        "service": origin.service,
        "trace_id": trace_id,
        "start": max(0, end - _duration(attributes)),
        "end": end,
        "agent": fields.agent_name(attributes),
        "agent_id": conversation,
    }


def _spelled_time(attributes: Attributes) -> int:
    """Return the time that is spelled out, which has milliseconds only; 0 where there is none."""
    told = values.text(attributes.get("event.timestamp"))
    try:
        return int(datetime.fromisoformat(told[:40]).timestamp() * 1000) * 1_000_000 if told else 0
    except (ValueError, OverflowError, OSError):
        return 0


def _duration(attributes: Attributes) -> int:
    milliseconds = values.number(attributes.get("duration_ms"))
    return int(milliseconds * 1_000_000) if milliseconds is not None and milliseconds > 0 else 0


def _itself(facts: Facts) -> str | None:
    """Return the identity of a record that no other record repeats, except the same one sent twice."""
    return f"log:{facts['end']}" if facts["end"] else None


def _user_prompt(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    told = values.text(attributes.get("prompt")) is not None
    load: Loader | None = (lambda: Content(text=values.text(attributes.get("prompt")))) if told else None
    out.add(load, kind="message", role="user", status="ok", merge=_itself(facts), **facts)


def _sse_event(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add a finished response. It is told twice, the second time with its tokens; only that one counts."""
    if values.text(attributes.get("event.kind")) != "response.completed" or "input_token_count" not in attributes:
        return
    told = fields.usage(attributes)
    if told is not None:
        out.add(
            kind="llm_call",
            status="ok",
            model=label(attributes.get("model")),
            usage=told,
            merge=fields.usage_merge(told),
            executed=True,
            rank=20,
            **facts,
        )


def _api_request(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add an attempt that failed. One that succeeded is told by its response."""
    code = values.integer(attributes.get("http.response.status_code"))
    if "error.message" not in attributes and (code is None or code < 400):
        return
    out.add(
        lambda: Content(error=values.text(attributes.get("error.message")) or f"http {code}"),
        kind="error",
        status="error",
        model=label(attributes.get("model")),
        merge=_itself(facts),
        **facts,
    )


def _tool_decision(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    status = fields.decision(attributes)
    _tool(attributes, facts, out, status=status, rank=60 if status == "denied" else 10)


def _sandbox_outcome(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add that the sandbox stopped a command. The command ran up to there, so this is a failure, not a refusal."""
    if (values.text(attributes.get("outcome")) or "").lower().startswith("denied"):
        _tool(attributes, facts, out, status="error", rank=5)


def _tool_result(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    _tool(attributes, facts, out, status=fields.outcome(attributes), rank=25, executed=True)


def _tool(attributes: Attributes, facts: Facts, out: Sightings, *, status: str, rank: int, **more: Any) -> None:
    given = values.structure(attributes.get("arguments"))
    if fields.is_wrapper(attributes, given):
        return
    tool = fields.tool_name(attributes)
    output = attributes.get("output")
    told = given is not None or output is not None
    if fields.is_about_threads(tool):
        facts["keys"] += fields.threads(given, values.structure(output))
    load: Loader | None = None
    if told:

        def load() -> Content:
            result = values.structure(attributes.get("output"))
            failed = isinstance(result, str) and fields.outcome(attributes) == "error"
            return Content(given, result, error=result if failed else None)

    out.add(
        load,
        kind="tool_call",
        tool=tool,
        status=status,
        merge=label(attributes.get("call_id")) or _itself(facts),
        effects=out.effects(tool or "", given, mcp_server=fields.server(attributes)),
        rank=rank + (20 if given is not None else 0),
        **more,
        **facts,
    )


_CALL_READERS: dict[str, Reader] = {
    "tool_decision": _tool_decision,
    "sandbox_outcome": _sandbox_outcome,
    "tool_result": _tool_result,
}
_READERS: dict[str, Reader] = {
    "user_prompt": _user_prompt,
    "sse_event": _sse_event,
    "api_request": _api_request,
    **_CALL_READERS,
}
