"""Tool results and call ids out of the objects that frameworks wrap around them.

Known are LangChain's ToolMessage, as its serialised object, as JSON and as Python's spelling of it
(`content='done' name='run_shell' tool_call_id='call_1'`), and MCP's content parts in Python's spelling.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from spanwarden.effects.unwrap import unwrap

MAX_REPR = 1 << 18
"""Longer text in Python's spelling is kept as it is."""

_STARTS = ("content='", 'content="')
_LAYERS = 4
_WAYS = ("output", "kwargs", "data")


class ToolMessage(NamedTuple):
    """What a tool returned; `id` is the call's where the wrapping tells it, `failed` what it says about the outcome."""

    result: Any
    id: str | None = None
    failed: bool = False


def call_id_in(arguments: Any) -> str | None:
    """Return the call id in decoded arguments as they were sent, wrapping included: `{"kwargs": {"tool_call_id": ..}}`.

    Also that of a whole tool call in the place of its arguments: `{"name": .., "args": .., "id": ..}`.
    """
    if not isinstance(arguments, dict):
        return None
    inner = arguments.get("kwargs")
    if isinstance(inner, dict) and "input_str" in arguments:
        return _text(inner.get("tool_call_id"))
    if "args" in arguments and arguments.get("type") == "tool_call":
        return _text(arguments.get("id"))
    return None


def tool_message(value: Any) -> ToolMessage:
    """Return the result in a decoded value; a value in no known wrapping is the result itself. Never raises."""
    for _ in range(_LAYERS):
        if isinstance(value, str):
            return _spelled(value)
        if not isinstance(value, dict):
            return ToolMessage(value)
        if "tool_call_id" in value and "content" in value:
            return ToolMessage(value["content"], _text(value["tool_call_id"]), value.get("status") == "error")
        for key in _WAYS:
            if key in value and _holds(value, key):
                value = value[key]
                break
        else:
            return ToolMessage(value)
    return ToolMessage(value)


def _holds(value: dict[Any, Any], key: str) -> bool:
    """Tell whether a key is the way to a tool message rather than a field of the tool's own result."""
    inner = value.get(key)
    if key == "output":
        wrapper = len(value) == 1 or value.keys() <= {"output", "kwargs"}
        return wrapper and (isinstance(inner, str) or (isinstance(inner, dict) and "kwargs" in inner))
    if not isinstance(inner, dict) or "content" not in inner:
        return False
    return value.get("lc") == 1 if key == "kwargs" else value.get("type") == "tool"


def _spelled(text: str) -> ToolMessage:
    if text.startswith(_STARTS):
        end = _closing(text, 8)
        content = _literal(text[8 : end + 1]) if end else None
        if content is not None:
            rest = text[end + 1 :]
            return ToolMessage(content, _field(rest, " tool_call_id="), " status='error'" in rest)
    elif text.startswith(("{'type': 'text'", "[{'type': 'text'")):
        parts = unwrap(text)
        return ToolMessage(text if isinstance(parts, str) else parts if isinstance(parts, list) else [parts])
    elif text.startswith('"') and text.endswith('"') and len(text) > 1:
        return ToolMessage(unwrap(text))
    return ToolMessage(text)


def _field(text: str, name: str) -> str | None:
    at = text.rfind(name)
    start = at + len(name)
    if at < 0 or text[start : start + 1] not in {"'", '"'}:
        return None
    end = _closing(text, start)
    return _text(_literal(text[start : end + 1])) if end else None


def _closing(text: str, start: int) -> int:
    """Return where the string that opens at `start` closes, 0 where it does not."""
    quote, at = text[start], start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == quote:
            return at
        else:
            at += 1
    return 0


def _literal(quoted: str) -> str | None:
    if len(quoted) > MAX_REPR:
        return None
    try:
        value = ast.literal_eval(quoted)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
