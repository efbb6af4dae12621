"""Messages out of what SDKs record as the input or output of a whole call.

Known are requests and answers of model providers (`{"model", "messages", "tools"}`, `{"choices": [..]}`, OpenAI's
responses, Anthropic's and Gemini's), and LangChain's serialised messages, generations and graph states.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spanwarden.dialects.messages import Said, read_messages

_LAYERS = 8
_INNER = ("messages", "input", "inputs", "output", "outputs", "args", "kwargs", "contents", "new_messages", "response")
"""Keys that lead to messages, where a value holds them deeper."""
_SYSTEM = ("system", "instructions", "system_instruction")
_SPOKEN = frozenset({"human", "ai", "system", "tool", "function", "AIMessageChunk", "HumanMessageChunk"})
"""LangChain's types of messages; it writes `type` where others write `role`."""
_ROLES = {"AIMessageChunk": "assistant", "HumanMessageChunk": "user", "human": "user", "ai": "assistant"}
_TEXTS = ("text", "content", "answer", "result", "output_text", "question", "query", "prompt", "input", "output")
"""Keys of plain words, where an object holds nothing that is a message."""


def conversation_in(value: Any, role: str) -> list[Said]:
    """Return the messages in a decoded value; `role` is for those that name none. Never raises; work is bounded."""
    held = _held(value, _LAYERS)
    if held is None:
        words = _words(value)
        return [Said(role, words)] if words else []
    return [said for said in read_messages(list(held), role) if said.text or said.calls or said.responses]


def _held(value: Any, layers: int) -> list[Any] | None:
    """Return the messages that a value holds, None where it holds none."""
    if layers <= 0:
        return None
    if isinstance(value, list):
        return _listed(value, layers)
    if not isinstance(value, dict):
        return None
    if (message := _message(value)) is not None:
        return [message]
    if isinstance(choices := value.get("choices"), list):
        return [_spelled(c["message"]) for c in choices if isinstance(c, dict) and isinstance(c.get("message"), dict)]
    if isinstance(generations := value.get("generations"), list):
        return _generated(generations, layers)
    if isinstance(update := value.get("update"), dict):
        return _held(update, layers - 1)
    for key in _INNER:
        if (found := _held(value.get(key), layers - 1)) is not None:
            return [*_system(value), *found]
    return None


def _listed(items: list[Any], layers: int) -> list[Any] | None:
    found: list[Any] = []
    for item in items:
        held = _held(item, layers - 1)
        if held is not None:
            found += held
    return found or None


def _generated(generations: list[Any], layers: int) -> list[Any] | None:
    """Return LangChain's generations: lists of candidates, each with a message or with text alone."""
    found: list[Any] = []
    for candidate in _flat(generations, layers):
        held = _held(candidate.get("message"), layers - 1)
        if held is not None:
            found += held
        elif isinstance(text := candidate.get("text"), str) and text:
            found.append({"role": "assistant", "content": text})
    return found or None


def _flat(items: list[Any], layers: int) -> Iterator[dict[Any, Any]]:
    for item in items:
        if isinstance(item, dict):
            yield item
        elif isinstance(item, list) and layers > 0:
            yield from _flat(item, layers - 1)


def _message(value: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return a message as the others spell it, None where the object is none."""
    inner = value.get("kwargs")
    if value.get("lc") == 1 and isinstance(inner, dict) and "content" in inner:
        return _spelled(inner)
    if "role" in value and value.keys() & {"content", "parts", "tool_calls", "function_call"}:
        return None if _is_definition(value) else value
    if _kind(value) in _SPOKEN and ("content" in value or isinstance(value.get("data"), dict)):
        data = value.get("data")
        return _spelled({**data, "type": value["type"]} if isinstance(data, dict) else value)
    return _item(value)


def _item(value: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return an item of OpenAI's responses, or a call that LangGraph hands to its tools, as a message."""
    kind = _kind(value)
    if kind in {"function_call", "tool_call", "custom_tool_call"} and "name" in value:
        return {"role": "assistant", "content": [{**value, "id": value.get("call_id") or value.get("id")}]}
    if kind == "function_call_output":
        return {"role": "tool", "content": [value]}
    return None


def _kind(value: dict[Any, Any]) -> str:
    kind = value.get("type")
    return kind if isinstance(kind, str) else ""


def _spelled(message: dict[Any, Any]) -> dict[Any, Any]:
    kind = _kind(message)
    if "role" in message or not kind:
        return message
    return {**message, "role": _ROLES.get(kind, kind)}


def _is_definition(value: dict[Any, Any]) -> bool:
    """Tell whether a message is the definition of a tool, which some callbacks put among the messages."""
    content = value.get("content")
    return isinstance(content, dict) and content.get("type") == "function" and "tool_call_id" not in value


def _system(value: dict[Any, Any]) -> list[Any]:
    told = next((value[key] for key in _SYSTEM if value.get(key)), None)
    return [{"role": "system", "content": told}] if isinstance(told, str | list) else []


def _words(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        return _words(value[0]) if isinstance(value[0], str) else None
    if not isinstance(value, dict):
        return None
    told = (value.get(key) for key in _TEXTS)
    words = next((text for text in told if isinstance(text, str) and text), None)
    if words is None and len(value) == 1:
        (only,) = value.values()
        return only if isinstance(only, str) else None
    return words
