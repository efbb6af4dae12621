"""Messages spread over indexed keys: `gen_ai.prompt.0.content`, `gen_ai.completion.0.tool_calls.1.arguments`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from spanwarden.dialects.base import Attributes
from spanwarden.dialects.messages import Said, read_messages
from spanwarden.otlp import values

MAX_MESSAGES = 1000
MAX_CALLS = 200
"""Of one message."""


def flattened(attributes: Attributes, start: str) -> list[Said]:
    """Return the messages under keys that begin with `start`, up to the first index that is not there."""
    messages: list[dict[str, Any]] = []
    for index in range(MAX_MESSAGES) if present(attributes, first_keys(start)) else ():
        message = _message(attributes, f"{start}.{index}.")
        if message is None:
            break
        messages.append(message)
    return read_messages(messages, "assistant" if start.endswith("completion") else "user") if messages else []


def present(attributes: Attributes, names: tuple[str, ...]) -> bool:
    """Tell whether any of these keys is there."""
    for name in names:  # noqa: SIM110 - a generator costs more than the look-ups
        if name in attributes:
            return True
    return False


@lru_cache(16)
def first_keys(start: str) -> tuple[str, ...]:
    """Return the keys of which a first message has at least one."""
    return f"{start}.0.role", f"{start}.0.content", f"{start}.0.tool_calls.0.name"


def _message(attributes: Attributes, start: str) -> dict[str, Any] | None:
    role = attributes.get(start + "role")
    content = attributes.get(start + "content")
    calls = _calls(attributes, start + "tool_calls.")
    if role is None and content is None and not calls:
        return None
    message: dict[str, Any] = {"content": values.structure(content), "tool_calls": calls}
    said_by, call_id = values.text(role), values.text(attributes.get(start + "tool_call_id"))
    if said_by is not None:
        message["role"] = said_by
    if call_id is not None:
        message["tool_call_id"] = call_id
        message.setdefault("role", "tool")
    return message


def _calls(attributes: Attributes, start: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    for index in range(MAX_CALLS):
        name = values.text(attributes.get(f"{start}{index}.name"))
        if name is None:
            break
        identity = values.text(attributes.get(f"{start}{index}.id"))
        calls.append(
            {"id": identity, "name": name, "arguments": values.decode(attributes.get(f"{start}{index}.arguments"))}
        )
    return calls
