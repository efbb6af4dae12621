"""AutoGen: an agent runtime whose messages are spans, a run in many traces that only span links connect.

Tool spans carry no arguments and no results, and model calls have no spans: both stand in the chat messages that the
runtime's spans repeat as JSON, once for every recipient and again in the team's answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from spanwarden.dialects import genai
from spanwarden.dialects.base import Dialect, Origin, Shared, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.messages import Call, Response, Said, plain
from spanwarden.dialects.usage import provider_usage
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "autogen"
MAX_LINKS = 16
MAX_PARTS = 2000
"""Values of one message that are looked through for chat messages."""
_MESSAGE = "message"
_RECIPIENT = "recipient_agent_type"
_TYPE = "messaging.message.type"
_LAST = "GroupChatTermination"
_CODE = "execute_code"


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span of the runtime, or one of an agent or a tool; False if it is neither."""
    attributes = span.attributes
    if "gen_ai.operation.name" in attributes:
        return genai.read_span(span, origin, out, NAME)
    if not span.name.startswith(b"autogen "):
        return False
    facts: dict[str, Any] = {
        "keys": _traces(span),
        "dialect": NAME,
        "conversation": _team(values.text(attributes.get(_RECIPIENT))),
        "service": origin.service,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
    }
    start, end = span.start_time_unix_nano, max(span.start_time_unix_nano, span.end_time_unix_nano)
    out.add(None, **facts, kind="span", parent_id=span.parent_span_id, start=start, end=end)
    if values.text(attributes.get(_TYPE)) == _LAST:
        out.add(None, **facts, kind="end", start=end, end=end)
    sent = attributes.get(_MESSAGE)
    if sent is not None and b'"source"' in sent:
        for message in _chat_messages(values.structure(sent)):
            _add(message, facts, start, out)
    return True


def _traces(span: trimmed_pb2.Span) -> tuple[str, ...]:
    linked = (link.trace_id for link in span.links[:MAX_LINKS] if len(link.trace_id) == 16 and any(link.trace_id))
    return tuple(dict.fromkeys("trace:" + trace.hex() for trace in (span.trace_id, *linked)))


def _team(recipient: str | None) -> str | None:
    """Return the id of the team, which AgentChat writes behind the names of its agents; a team keeps its memory."""
    _, _, identity = (recipient or "").rpartition("_")
    return identity if len(identity) == 36 and identity.count("-") == 4 else None


def _chat_messages(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the chat messages in a runtime message, in order."""
    left = MAX_PARTS
    waiting = [value]
    while waiting and left:
        left -= 1
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("source"), str) and "content" in part:
                yield part
            else:
                waiting += reversed(part.values())
        elif isinstance(part, list):
            waiting += reversed(part[:MAX_PARTS])


def _add(message: dict[str, Any], facts: dict[str, Any], sent: int, out: Sightings) -> None:
    at = _nanoseconds(message.get("created_at")) or sent
    source = message["source"]
    own = {**facts, "agent": None if source in {"user", "system"} else source}
    said = _said(message, source)
    identity = message.get("id")
    usage = provider_usage(message.get("models_usage"))
    if usage is not None:
        out.add(
            lambda: Content(text=said.text or None),
            **own,
            kind="llm_call",
            source="log",
            merge=identity if isinstance(identity, str) and identity else None,
            status="ok",
            usage=usage,
            start=at,
            end=at,
        )
    add_messages(out, Shared(**own), (), (said,), at, at)


def _said(message: dict[str, Any], source: str) -> Said:
    content = message["content"]
    role = "user" if source == "user" else "system" if source == "system" else "assistant"
    calls = [_block(block, message, n) for n, block in enumerate(_blocks(message))]
    if not isinstance(content, list):
        return Said(role, content if isinstance(content, str) else "", tuple(calls))
    responses: list[Response] = []
    for part in content:
        if not isinstance(part, dict):
            continue
        name = part.get("name")
        named = name if isinstance(name, str) and name else None
        if "call_id" in part:
            failed = part.get("is_error")
            told = failed if isinstance(failed, bool) else None
            responses.append(Response(_text(part["call_id"]), named, plain(part.get("content")), told))
        elif named is not None and "arguments" in part:
            arguments = part["arguments"]
            decoded = values.parse_json(arguments) if isinstance(arguments, str) else arguments
            calls.append(Call(_text(part.get("id")), named, decoded))
    return Said("tool" if responses else role, "", tuple(calls), tuple(responses))


def _blocks(message: dict[str, Any]) -> list[Any]:
    """Return the code that a code executor agent is about to run."""
    blocks = message.get("code_blocks") if message.get("type") == "CodeGenerationEvent" else None
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []


def _block(block: dict[str, Any], message: dict[str, Any], number: int) -> Call:
    identity = f"{message['id']}:{number}" if isinstance(message.get("id"), str) else None
    return Call(identity, _CODE, {"language": block.get("language"), "code": block.get("code")})


def _nanoseconds(told: Any) -> int | None:
    if not isinstance(told, str):
        return None
    try:
        at = dt.datetime.fromisoformat(told)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    since = at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return microseconds * 1000 if 0 < microseconds < 1 << 53 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


DIALECT = Dialect(
    NAME,
    ("autogen *", "autogen-core", "autogen_core*"),
    read_span,
    None,
    "autogen-core and autogen-agentchat 0.7",
)
