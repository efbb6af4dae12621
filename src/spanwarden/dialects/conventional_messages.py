"""The conventions' own shape of messages, decoded straight into what they say.

Most telemetry has this shape. Whatever departs from it in the least is left to `messages.read_messages`, which knows
every shape and takes several times as long; for what is read here the two agree.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.dialects.messages import MAX_MESSAGES, ROLES, Call, Response, Said, response_of
from spanwarden.otlp.values import parse_json, string_bytes


class _Text(msgspec.Struct, tag_field="type", tag="text", forbid_unknown_fields=True, gc=False):
    content: str


class _Thought(msgspec.Struct, tag_field="type", tag="reasoning", forbid_unknown_fields=True, gc=False):
    content: Any = None


class _Request(msgspec.Struct, tag_field="type", tag="tool_call", forbid_unknown_fields=True, gc=False):
    name: str
    id: str | None = None
    arguments: Any = None


class _Answer(msgspec.Struct, tag_field="type", tag="tool_call_response", forbid_unknown_fields=True, gc=False):
    id: str | None = None
    response: Any = None
    result: Any = None


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    parts: list[_Text | _Thought | _Request | _Answer]
    finish_reason: Any = None
    name: Any = None


_decode = msgspec.json.Decoder(list[_Message]).decode


def conventional_messages(encoded: bytes) -> list[Said] | None:
    """Return the messages in an encoded attribute value, None where they have not exactly the conventions' shape."""
    text = string_bytes(encoded)
    return None if text is None else conventional(text)


def conventional(text: bytes) -> list[Said] | None:
    """Return the messages in JSON text, None where they have not exactly the conventions' shape."""
    try:
        messages = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = [_said(message) for message in messages[-MAX_MESSAGES:] if message.role]
    return said if len(said) == min(len(messages), MAX_MESSAGES) else None


def _said(message: _Message) -> Said:
    role = ROLES.get(message.role, message.role)
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is _Text:
        return Said(role, parts[0].content)
    texts: list[str] = []
    calls: list[Call] = []
    responses: list[Response] = []
    for part in parts:
        if type(part) is _Text:
            if part.content:
                texts.append(part.content)
        elif type(part) is _Request:
            if part.name:
                given = part.arguments
                calls.append(Call(part.id or None, part.name, parse_json(given) if isinstance(given, str) else given))
        elif type(part) is _Answer:
            raw = part.response if part.response is not None else part.result
            responses.append(response_of(part.id or None, None, raw, {}))
    return Said(role, "\n".join(texts), tuple(calls), tuple(responses))
