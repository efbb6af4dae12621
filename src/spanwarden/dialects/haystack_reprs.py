"""Haystack under OpenInference: an agent's whole conversation as reprs in the output of one span, nothing below it."""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import openinference_keys as keys
from spanwarden.dialects.base import Shared, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.messages import MAX_MESSAGES, Said, read_messages
from spanwarden.dialects.python_repr import ReprError, read_repr
from spanwarden.dialects.usage import provider_usage
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

_MARK = b'"ChatMessage('
_LISTS = ("messages", "tool_messages")
_AGENT = b"Agent."


def add_haystack(span: trimmed_pb2.Span, timed: dict[str, Any], out: Sightings) -> bool:
    """Add what a Haystack agent, or a component that runs tools, did; False if the span is neither.

    The agent's model calls and tool calls have no spans of their own. Its answer repeats the messages it was given.
    """
    is_agent = span.name.startswith(_AGENT)
    told = _reprs(span.attributes.get(keys.OUTPUT))
    if not told and not is_agent:
        return False
    asked = _reprs(span.attributes.get(keys.INPUT))
    if not told and not asked:
        return False
    before, told = set(asked), told or asked  # an agent that failed tells what it was asked
    facts = {key: value for key, value in timed.items() if key not in {"start", "end", "status", "root"}}
    if is_agent:
        out.add(None, **timed, kind="agent")
    else:
        out.add(None, **{**timed, "kind": "span", "agent": None, "status": "unknown"})
    given: list[Said] = []
    answered: list[Said] = []
    for shown in told[-MAX_MESSAGES:]:
        try:
            message = read_repr(shown)
        except ReprError:
            continue
        plain = _message(message)
        if plain is None:
            continue
        said = read_messages([plain])
        old = shown in before or plain["role"] in {"system", "user"}
        if is_agent and not old and plain["role"] == "assistant":
            _model_call(message, said, len(answered) - 1, timed, out)
        (given if old else answered).extend(said)
    add_messages(out, Shared(**facts), given, answered, span.start_time_unix_nano, span.end_time_unix_nano)
    return True


def _reprs(encoded: bytes | None) -> list[str]:
    """Return the messages of a component's input or output, as they are written."""
    value = values.structure(encoded) if encoded is not None and _MARK in encoded else None
    if not isinstance(value, dict):
        return []
    lists = (value.get(name) for name in _LISTS)
    return [text for found in lists if isinstance(found, list) for text in found if isinstance(text, str)]


def _message(shown: Any) -> dict[str, Any] | None:
    """Return a message in the conventions' shape; None for what is none."""
    if not isinstance(shown, dict) or shown.get("") != "ChatMessage":
        return None
    role = shown.get("_role", shown.get("role"))
    content = shown.get("_content", shown.get("content"))
    parts: list[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        if part.get("") == "TextContent":
            parts.append({"type": "text", "content": part.get("text")})
        elif part.get("") == "ToolCall":
            parts.append(_call(part))
        elif part.get("") == "ToolCallResult":
            origin = part.get("origin")
            call = _call(origin) if isinstance(origin, dict) else {}
            answer = {"response": part.get("result"), "is_error": part.get("error") is True}
            parts.append({"type": "tool_call_response", "id": call.get("id"), "name": call.get("name"), **answer})
    return {"role": role if isinstance(role, str) else "assistant", "parts": parts}


def _call(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "tool_call",
        "id": part.get("id"),
        "name": part.get("tool_name"),
        "arguments": part.get("arguments"),
    }


def _model_call(message: dict[str, Any], said: list[Said], index: int, timed: dict[str, Any], out: Sightings) -> None:
    meta = message.get("_meta", message.get("meta"))
    usage = provider_usage(meta.get("usage")) if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or usage is None:
        return
    model = meta.get("model")
    text = said[0].text or None if said else None
    end = timed["end"]
    out.add(
        lambda: Content(text=text),
        **{**timed, "start": end, "root": False, "parent_id": b"", "status": "ok"},
        kind="llm_call",
        source="message",
        sequence=index,
        merge=f"{timed['span_id'].hex()}:{index}",
        model=model if isinstance(model, str) else None,
        usage=usage,
    )
