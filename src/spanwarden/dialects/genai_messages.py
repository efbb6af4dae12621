"""Where the GenAI conventions keep the messages: attributes, span events, or the bodies of log records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes
from spanwarden.dialects.conventional_messages import conventional_messages
from spanwarden.dialects.genai_flattened import flattened
from spanwarden.dialects.genai_names import Names, names_of
from spanwarden.dialects.histories import HISTORIES
from spanwarden.dialects.messages import Call, Response, Said, looks_failed, plain, read_messages
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

MAX_EVENTS = 4000
"""Of a span with more events only the first are read."""
MAX_REQUESTS = 200
"""Of an answer that asks for more tool calls only the first are read."""


class Messages(msgspec.Struct, frozen=True, gc=False):
    """What was sent and what came back."""

    given: tuple[Said, ...] = ()
    answered: tuple[Said, ...] = ()


def span_messages(attributes: Attributes, names: Names, events: Sequence[trimmed_pb2.Span.Event]) -> Messages:
    """Return the messages of a span: from its attributes, else from its events."""
    told = _attributes(attributes, names)
    if told.given and told.answered:
        return told
    if names.flattened and not told.given and not told.answered:
        held = {key: attributes[key] for key in attributes}  # every message takes a dozen look-ups, cheaper here
        prompt, completion = (flattened(held, start) for start in keys.FLATTENED)
        if prompt or completion:
            return Messages(tuple(prompt), tuple(completion))
    given: list[Said] = []
    answered: list[Said] = []
    if not events:
        return told
    tool = _is_tool(attributes, names)
    for event in events[:MAX_EVENTS]:
        name = event.name.decode("utf-8", "replace")
        if name == keys.DETAILS or name in keys.CONTENT_EVENTS:
            found = _attributes(event.attributes, names_of(event.attributes))
        elif name in keys.MESSAGE_EVENTS:
            payload = {key: values.structure(event.attributes[key]) for key in event.attributes}
            found = _tool_event(name, payload) if tool else _event(name, payload)
        else:
            continue
        given += found.given
        answered += found.answered
    return Messages(told.given or tuple(given), told.answered or tuple(answered))


def log_message(name: str, record: trimmed_pb2.LogRecord) -> Messages:
    """Return the messages of a log record: all of a model call's, or the one that an older record carries."""
    body = values.structure(record.body) if record.body else None
    if name == keys.DETAILS:
        told = _attributes(record.attributes, names_of(record.attributes))
        if told.given or told.answered or not isinstance(body, dict):
            return told
        return _told({key: body.get(key) for key in (*keys.SYSTEM, *keys.INPUT, *keys.OUTPUT)})
    payload = {key: values.structure(record.attributes[key]) for key in record.attributes if "." not in key}
    if isinstance(body, dict):
        payload.update(body)
    elif body is not None:
        payload.setdefault("message" if name == keys.CHOICE else "content", body)
    return _event(name, payload)


def log_exchange(record: trimmed_pb2.LogRecord) -> Messages | None:
    """Return what a body of the form `{"input": {"messages": ..}, "output": {"messages": ..}}` says, else None."""
    body = values.structure(record.body) if record.body else None
    if not isinstance(body, dict):
        return None
    given, answered = body.get("input"), body.get("output")
    if not any(isinstance(side, dict) and isinstance(side.get("messages"), list) for side in (given, answered)):
        return None
    return Messages(
        tuple(read_messages(given, "user")) if isinstance(given, dict) else (),
        tuple(read_messages(answered, "assistant")) if isinstance(answered, dict) else (),
    )


def with_requests(messages: Messages, attributes: Attributes) -> Messages:
    """Return the messages of a model call with the tool calls that its answer asked for, where only keys name them.

    Several calls stand in one value with ", " between them. They are requests, however much they look like a call.
    """
    if any(said.calls for said in messages.answered):
        return messages
    names = (_joined(attributes, keys.TOOL) or "").split(", ")[:MAX_REQUESTS]
    ids: list[str | None] = [*(_joined(attributes, keys.CALL_ID) or "").split(", ")]
    arguments = _sequence(_joined(attributes, keys.ARGUMENTS) or "", len(names))
    ids = ids if len(ids) == len(names) else [None] * len(names)
    calls = tuple(
        Call(identity or None, name, given) for name, identity, given in zip(names, ids, arguments, strict=True) if name
    )
    return Messages(messages.given, (*messages.answered, Said("assistant", "", calls))) if calls else messages


def _joined(attributes: Attributes, names: Iterable[str]) -> str | None:
    return next((v for name in names if name in attributes and (v := values.text(attributes[name])) is not None), None)


def _sequence(told: str, count: int) -> list[Any]:
    """Return the arguments of so many calls; where they do not come out even, nobody's are known."""
    if count == 1:
        return [values.parse_json(told) if told else None]
    decoded = values.parse_json(f"[{told}]")
    return decoded if isinstance(decoded, list) and len(decoded) == count else [None] * count


_NOTHING = Messages()


def _attributes(attributes: Attributes, names: Names) -> Messages:
    system = _encoded(attributes, names.system, "system") if names.system else ()
    given = _encoded(attributes, names.input, "user") if names.input else ()
    answered = _encoded(attributes, names.output, "assistant") if names.output else ()
    return Messages((*system, *given), tuple(answered)) if system or given or answered else _NOTHING


def _encoded(attributes: Attributes, names: Iterable[str], role: str) -> list[Said]:
    for name in names:
        encoded = attributes[name]
        said = conventional_messages(encoded) if role == "assistant" else HISTORIES.read(encoded, role)
        if said is not None:
            return said
        value = values.structure(encoded)
        if value is not None:
            return _messages(value, role)
    return []


def _told(decoded: dict[str, Any]) -> Messages:
    system = _decoded(decoded, keys.SYSTEM, "system")
    return Messages(
        (*system, *_decoded(decoded, keys.INPUT, "user")), tuple(_decoded(decoded, keys.OUTPUT, "assistant"))
    )


def _decoded(decoded: dict[str, Any], names: Iterable[str], role: str) -> list[Said]:
    value = next((decoded[name] for name in names if decoded.get(name) is not None), None)
    return [] if value is None else _messages(value, role)


def _messages(value: Any, role: str) -> list[Said]:
    if isinstance(value, dict):
        value = _inner(value)
    return [] if value is None else read_messages(value, role)


def _inner(value: dict[str, Any]) -> Any:
    """Return the messages in a whole request to Gemini (`contents`) or its whole answer (`content`)."""
    contents, content = value.get("contents"), value.get("content")
    if isinstance(contents, list):
        config = value.get("config")
        system = config.get("system_instruction") if isinstance(config, dict) else None
        return [{"role": "system", "content": system}, *contents] if system else contents
    if isinstance(content, dict) and "parts" in content:
        return [content]
    return value or None


def _event(name: str, payload: dict[str, Any]) -> Messages:
    role = keys.MESSAGE_EVENTS[name]
    if name != keys.CHOICE:
        return Messages(tuple(read_messages([{"role": role, **payload}], role)))
    message = payload.get("message")
    if message is None:
        message = {key: payload[key] for key in ("content", "tool_calls", "parts") if payload.get(key) is not None}
    if isinstance(message, dict) and not ({"role", "parts", "tool_calls", "content"} & message.keys()):
        message = {"content": [message]}
    if isinstance(message, dict):
        message = [{"role": role, **message}]
    return Messages((), tuple(read_messages(message, role)) if message else ())


def _tool_event(name: str, payload: dict[str, Any]) -> Messages:
    """On a tool's own span the tool message holds the arguments and the choice the result."""
    identity = payload.get("id")
    call_id = identity if isinstance(identity, str) and identity else None
    if name == keys.CHOICE:
        result = plain(payload.get("message"))
        failed = None if result is None else looks_failed(result)
        return Messages((), (Said("tool", "", (), (Response(call_id, None, result, failed),)),))
    if name == "gen_ai.tool.message":
        return Messages((Said("tool", "", (Call(call_id, "", payload.get("content")),)),))
    return Messages()


def _is_tool(attributes: Attributes, names: Names) -> bool:
    operation = first_text(attributes, names.operation)
    return operation == "execute_tool" or (operation is None and bool(names.tool))
