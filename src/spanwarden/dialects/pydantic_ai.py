"""Pydantic AI and Logfire: the GenAI conventions, and the formats before Pydantic AI followed them.

Since format 3 spans carry the conventions' keys. Format 2 named a tool's arguments and response itself; format 1 put
the messages into one list of events. Older spans are brought to the current keys and then read as such.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.dialects import genai
from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Status
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "pydantic-ai"
SCRUBBED = "[Scrubbed due to "
"""The beginning of a value that Logfire withheld because of a word in it or in its key."""
OPERATION, TOOL, MODEL = "gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.request.model"
OLD_AGENT = "agent_name"
EVENTS = "events"
DEFERRED, FAILURE_STAGE = "pydantic_ai.tool.deferral.name", "pydantic_ai.tool.failure_stage"
"""On a tool's span: the call was put off, or failed before it was made."""
GIVEN, ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"
RENAMED: dict[str, str] = {
    "tool_arguments": "gen_ai.tool.call.arguments",
    "tool_response": "gen_ai.tool.call.result",
    "agent_name": "gen_ai.agent.name",
    "final_result": "gen_ai.output.messages",
}
"""Keys of the formats before 3, and the ones that took their place. `final_result` is an agent's answer to this day."""
AGENT_NAMES = ("agent run", "invoke_agent")
TOOL_NAMES = ("running tool", "running output function", "execute_tool")
CHOICE = "gen_ai.choice"


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if it has no key that says what it is."""
    current = _current(span)
    attributes = current.attributes
    name = values.text(attributes.get(TOOL))
    if name is not None and (DEFERRED in attributes or FAILURE_STAGE in attributes):
        _attempt(
            current,
            name,
            SpanReport(
                current,
                origin,
                out,
                NAME,
                conversation=first_text(attributes, keys.CONVERSATION),
                run_id=first_text(attributes, keys.RUN_ID),
                agent=first_text(attributes, keys.AGENT),
            ),
        )
        return True
    return genai.read_span(current, origin, out, NAME)


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Read one log record: a message of format 1 as an event."""
    return genai.read_log(record, origin, out, NAME)


def _attempt(span: trimmed_pb2.Span, name: str, report: SpanReport) -> None:
    """Add a call that was put off until somebody approves or answers it, or whose arguments did not fit."""
    arguments = unwrap(first_value(span.attributes, keys.ARGUMENTS))
    status: Status = "unknown" if DEFERRED in span.attributes else "error"
    report.tool_call(name, arguments, call_id=first_text(span.attributes, keys.CALL_ID), attempt=status)


def _current(span: trimmed_pb2.Span) -> trimmed_pb2.Span:
    """Return the span with the keys of the current format; itself where it has them already."""
    attributes = span.attributes
    added: dict[str, bytes] = {}
    for old, new in RENAMED.items():
        if (told := attributes.get(old)) is not None and new not in attributes:
            added[new] = told
    events = attributes.get(EVENTS)
    if events is not None and MODEL in attributes:
        added.update(_messages(values.structure(events)))
    operation = attributes.get(OPERATION)
    if operation is None and (told_by := _operation(span, attributes)) is not None:
        added[OPERATION] = _any_value(told_by)
    withheld = [key for key in (*RENAMED.values(), GIVEN) if _is_scrubbed(added.get(key, attributes.get(key)))]
    if not added and not withheld:
        return span
    current = trimmed_pb2.Span()
    current.CopyFrom(span)
    for key, encoded in added.items():
        current.attributes[key] = encoded
    for key in withheld:
        del current.attributes[key]
    return current


def _operation(span: trimmed_pb2.Span, attributes: Attributes) -> str | None:
    """Return the operation of a span that was sent before there were operations' names."""
    name = span.name.decode("utf-8", "replace")
    if name.startswith(TOOL_NAMES) and TOOL in attributes:
        return "execute_tool"
    if name.startswith(AGENT_NAMES) and OLD_AGENT in attributes:
        return "invoke_agent"
    return "chat" if name.startswith("chat ") and MODEL in attributes else None


def _messages(events: Any) -> dict[str, bytes]:
    """Return the events of one request as what was sent and what came back."""
    if not isinstance(events, list):
        return {}
    told = [event for event in events if isinstance(event, dict)]
    given = [event for event in told if event.get("event.name") != CHOICE]
    answered = [event.get("message") for event in told if event.get("event.name") == CHOICE]
    return {GIVEN: _any_value(given), ANSWERED: _any_value([message for message in answered if message])}


def _any_value(value: Any) -> bytes:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
    return trimmed_pb2.AnyValue(string_value=text.encode("utf-8", "replace")).SerializeToString()


def _is_scrubbed(encoded: bytes | None) -> bool:
    return encoded is not None and (values.text(encoded) or "").startswith(SCRUBBED)


DIALECT = Dialect(
    NAME,
    ("pydantic-ai", "logfire", "logfire.*"),
    read_span,
    read_log,
    "pydantic-ai 1.107.10 and 2.68.0 (formats 1 to 6), logfire 5.2.0",
    tells=("logfire.span_type",),
)
