"""The messages of a model call in OpenInference: one attribute a field, with indexes in the keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spanwarden.dialects import openinference_keys as keys
from spanwarden.dialects.base import Attributes
from spanwarden.dialects.messages import MAX_MESSAGES, Said, read_messages
from spanwarden.otlp import values

_GAP = 8
"""So many indexes in a row may be missing: senders number what they then leave out (reasoning, searches)."""
_PARTS = 1000
_CROWDED = 100
"""Only a span with so many attributes can have lost its first messages to an SDK's limit (128 by default)."""
_UNTOLD = frozenset({"tool_use", "tool_result", "reasoning", "thinking", "redacted_thinking"})


def given(attributes: Attributes) -> list[Said]:
    """Return the messages that a model was sent: the flattened ones, else prompts, else what the input's JSON holds."""
    found = _flattened(attributes, keys.INPUT_MESSAGES) or _texts(attributes, keys.PROMPTS, "prompt.text", "user")
    return found or _from_value(attributes.get(keys.INPUT), "user")


def answered(attributes: Attributes) -> list[Said]:
    """Return the messages that a model gave back: the flattened ones, else choices, else those in the output's JSON."""
    found = _flattened(attributes, keys.OUTPUT_MESSAGES)
    found = found or _texts(attributes, keys.CHOICES, "completion.text", "assistant")
    return found or _from_value(attributes.get(keys.OUTPUT), "assistant")


def told_to_agent(attributes: Attributes) -> list[Said]:
    """Return what an agent was asked: its messages, else its input where that is words."""
    return _flattened(attributes, keys.INPUT_MESSAGES) or _words(attributes.get(keys.INPUT), "user")


def told_by_agent(attributes: Attributes) -> list[Said]:
    """Return what an agent answered: its messages, else its output where that is words."""
    return _flattened(attributes, keys.OUTPUT_MESSAGES) or _words(attributes.get(keys.OUTPUT), "assistant")


def _flattened(attributes: Attributes, prefix: str) -> list[Said]:
    messages = [_message(attributes, at) for at in _present(attributes, prefix)]
    role = "assistant" if prefix == keys.OUTPUT_MESSAGES else "user"
    return read_messages([m for m in messages if m], role) if messages else []


def _present(attributes: Attributes, prefix: str) -> Iterator[str]:
    """Yield the beginnings of the keys of every message, in order."""
    missed = index = found = 0
    while missed < _GAP and found < 2 * MAX_MESSAGES:
        at = f"{prefix}.{index}.message."
        if _is_there(attributes, at):
            missed = 0
            found += 1
            yield at
        else:
            missed += 1
        index += 1
    if not found and len(attributes) >= _CROWDED:
        for late in _indexes(attributes, prefix + "."):
            yield f"{prefix}.{late}.message."


def _is_there(attributes: Attributes, at: str) -> bool:
    return (
        at + "role" in attributes
        or at + "content" in attributes
        or at + "tool_calls.0.tool_call.function.name" in attributes
        or at + "contents.0.message_content.type" in attributes
        or at + "contents.0.message_content.text" in attributes
    )


def _indexes(attributes: Attributes, beginning: str) -> list[int]:
    """Return the indexes in the keys with this beginning: for messages whose first ones were dropped."""
    found: set[int] = set()
    for key in attributes:
        if key.startswith(beginning):
            digits = key[len(beginning) :].partition(".")[0]
            if digits.isdecimal() and len(digits) < 8:
                found.add(int(digits))
    return sorted(found)[-2 * MAX_MESSAGES :]


def _message(attributes: Attributes, at: str) -> dict[str, Any]:
    """Return one message in the shape that OpenAI gave the field."""
    calls, parts = _calls(attributes, at), []
    seen = {call["id"] for call in calls if call["id"]}
    text = values.text(attributes.get(at + "content"))
    for index in range(_PARTS):
        part = f"{at}contents.{index}."
        kind = values.text(attributes.get(part + "message_content.type"))
        said = values.text(attributes.get(part + "message_content.text"))
        if kind is None and said is None and part + "tool_call.function.name" not in attributes:
            break
        call = _call(attributes, part + "tool_call.")
        if call is not None and call["id"] not in seen and not (calls and call["id"] is None):
            calls.append(call)
        elif said is not None and kind not in _UNTOLD and said != text:
            parts.append({"type": "text", "text": said})
    if text is None:
        text = values.text(attributes.get(at + "content.0"))
    answers = values.text(attributes.get(at + "tool_call_id"))
    message: dict[str, Any] = {
        "role": "tool" if answers is not None else values.text(attributes.get(at + "role")),
        "content": parts if text is None else [{"type": "text", "text": text}, *parts] if parts else text,
        "tool_calls": calls,
    }
    if answers is not None:
        message["tool_call_id"] = answers
        message["name"] = values.text(attributes.get(at + "name"))
    return {key: value for key, value in message.items() if value}


def _calls(attributes: Attributes, at: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for index in range(_PARTS):
        call = _call(attributes, f"{at}tool_calls.{index}.tool_call.")
        if call is None:
            break
        calls.append(call)
    name = values.text(attributes.get(at + "function_call_name")) if not calls else None
    if name is not None:
        arguments = values.decode(attributes.get(at + "function_call_arguments_json"))
        calls.append({"id": None, "function": {"name": name, "arguments": arguments}})
    return calls


def _call(attributes: Attributes, at: str) -> dict[str, Any] | None:
    name = values.text(attributes.get(at + "function.name"))
    if name is None:
        return None
    arguments = values.structure(attributes.get(at + "function.arguments"))
    return {"id": values.text(attributes.get(at + "id")), "function": {"name": name, "arguments": arguments}}


def _texts(attributes: Attributes, prefix: str, field: str, role: str) -> list[Said]:
    found: list[Said] = []
    for index in range(_PARTS):
        text = values.text(attributes.get(f"{prefix}.{index}.{field}"))
        if text is None:
            break
        found.append(Said(role, text))
    return found


def _words(encoded: bytes | None, role: str) -> list[Said]:
    value = values.structure(encoded)
    if isinstance(value, dict):
        value = value.get("task")
    return [Said(role, value)] if isinstance(value, str) and value else []


def _from_value(encoded: bytes | None, role: str) -> list[Said]:
    """Read the provider's own request or response where the sender flattened nothing."""
    value = values.structure(encoded)
    if isinstance(value, str):
        return [Said(role, value)]
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(choices, list):
            value = [choice.get("message") for choice in choices if isinstance(choice, dict)]
        elif isinstance(value.get("messages"), list):
            value = value["messages"]
        elif "role" not in value and "content" not in value:
            return []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not any(isinstance(item, dict) and "role" in item for item in value):
        return []
    return read_messages([item for item in value if isinstance(item, dict)], role)
