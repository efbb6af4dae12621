"""GitHub Copilot: its command line and its chat in VS Code. Both speak the GenAI conventions.

What is their own: a refusal is an error type, a command's exit code is an attribute, and a few arguments have
attributes beside the arguments. `github.copilot.cost` is a multiplier and no money; nobody reads it.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import genai
from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.labels import label
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "copilot"
PERMISSION = "github.copilot.permission.result"
PARAMETERS: dict[str, str] = {
    "command": "github.copilot.tool.parameters.command",
    "file_path": "github.copilot.tool.parameters.file_path",
    "url": "github.copilot.tool.parameters.url",
    "skill": "github.copilot.tool.parameters.skill_name",
}
"""Arguments that are attributes of their own, sent where the arguments as a whole are not."""
MCP_SERVER = ("github.copilot.tool.parameters.mcp_server_name", "mcp.server.name", "mcp_server_name")
EXIT_CODE = "process.exit.code"
_REFUSED = ("denied", "rejected")
_MAX_EVENTS = 64


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says; False if it carries nothing of the conventions."""
    attributes = span.attributes
    if values.text(attributes.get(keys.OPERATION)) == "execute_tool" and _text(attributes, keys.TOOL_NAME):
        _tool(span, origin, out)
        return True
    if PERMISSION in attributes:
        _permission(span, origin, out)
        return True
    return genai.read_span(span, origin, out, NAME)


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record of the conventions says; the program's own events repeat its spans."""
    return genai.read_log(record, origin, out, NAME)


def _tool(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    code = values.integer(attributes.get(EXIT_CODE))
    arguments = first_value(attributes, keys.ARGUMENTS)
    failed = code not in {None, 0} or attributes.get("error.type") is not None
    report = SpanReport(
        span, origin, out, NAME, conversation=_text(attributes, keys.CONVERSATION), agent=None, failed=failed
    )
    report.tool_call(
        _text(attributes, keys.TOOL_NAME) or "",
        _parameters(attributes) if arguments is None else arguments,
        first_value(attributes, keys.RESULT),
        call_id=_text(attributes, keys.CALL_ID),
        mcp_server=_text(attributes, MCP_SERVER),
        denied=_refused(span),
    )


def _text(attributes: Attributes, names: tuple[str, ...]) -> str | None:
    return first_text(attributes, names)


def _parameters(attributes: Attributes) -> dict[str, Any] | None:
    told = {name: text for name, key in PARAMETERS.items() if (text := values.text(attributes.get(key))) is not None}
    return told or None


def _refused(span: trimmed_pb2.Span) -> bool:
    """Tell whether a call was refused; VS Code's spans say it in an event only."""
    told = values.text(span.attributes.get("error.type")) or ""
    if told.lower() in keys.DENIED:
        return True
    codes = (event.attributes.get("github.copilot.error_code") for event in span.events[:_MAX_EVENTS])
    return any((values.text(code) or "").lower() in keys.DENIED for code in codes if code is not None)


def _permission(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add the wait for a permission. A refusal is told of the tool's span, its parent, which may be lost."""
    report = SpanReport(span, origin, out, NAME)
    report.structure()
    if (values.text(span.attributes.get(PERMISSION)) or "").lower().startswith(_REFUSED) and span.parent_span_id:
        out.add(
            kind="tool_call",
            status="denied",
            source="log",
            dialect=NAME,
            keys=(f"trace:{span.trace_id.hex()}",),
            conversation=label(span.attributes.get("gen_ai.conversation.id")),
            service=origin.service,
            trace_id=span.trace_id,
            span_id=span.parent_span_id,
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
        )


DIALECT = Dialect(
    NAME, ("github.copilot*", "copilot-chat*", "copilot_chat*"), read_span, read_log, "Copilot CLI 1.0.102"
)
