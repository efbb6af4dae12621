"""A tool's span in OpenInference: which tool, what it was given, what came back."""

from __future__ import annotations

from typing import Any, NamedTuple

from spanwarden.dialects import openinference_keys as keys
from spanwarden.dialects.base import Attributes
from spanwarden.dialects.messages import plain
from spanwarden.effects.unwrap import unwrap
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

_SCHEMA = frozenset({"properties", "required", "type", "title", "description", "additionalProperties", "$defs"})


class Executed(NamedTuple):
    """What a tool's span tells. `bare`: the arguments are the only argument's value, its name is lost."""

    name: str
    call_id: str | None
    arguments: Any
    bare: bool
    result: Any
    failed: bool


def executed(span: trimmed_pb2.Span) -> Executed:
    """Read a tool's span."""
    attributes = span.attributes
    name = values.text(attributes.get(keys.TOOL[0])) or values.text(attributes.get(keys.TOOL[1]))
    arguments = _arguments(attributes)
    result, answered, failed = _result(values.structure(attributes.get(keys.OUTPUT)))
    call_id = next((v for key in keys.CALL_ID if (v := values.text(attributes.get(key))) is not None), answered)
    title = span.name.decode("utf-8", "replace")
    return Executed(name or _named_by(title), call_id, arguments, isinstance(arguments, str), result, failed)


def handed_to(span: trimmed_pb2.Span) -> str | None:
    """Return the agent that a span hands the work to, None where the span is a tool's."""
    title = span.name.decode("utf-8", "replace")
    if not title.startswith(keys.HANDOFF) or keys.TOOL[0] in span.attributes:
        return None
    return values.text(span.attributes.get(keys.OUTPUT)) or title[len(keys.HANDOFF) :] or None


def _named_by(title: str) -> str:
    for beginning in ("execute_tool ", "tools/call "):
        title = title.removeprefix(beginning)
    return title.removesuffix(".run").strip("[]") or "tool"


def _arguments(attributes: Attributes) -> Any:
    value = values.structure(attributes.get(keys.INPUT))
    if value is None:
        value = values.structure(attributes.get(keys.TOOL_ARGUMENTS))
    if value is None:
        value = values.structure(attributes.get(keys.PARAMETERS))
        if not isinstance(value, dict) or _is_schema(value):
            return None
    value = unwrap(value)
    return {} if value == [] else value


def _is_schema(value: dict[str, Any]) -> bool:
    """Tell a schema, or a table of types by parameter, from arguments."""
    if "properties" in value or (value and _SCHEMA.issuperset(value)):
        return True
    return bool(value) and all(isinstance(v, dict) and "type" in v for v in value.values())


def _result(value: Any) -> tuple[Any, str | None, bool]:
    """Return the result out of what frameworks wrap around it, the call id that it answers and whether it failed."""
    inner = _tool_message(value)
    if inner is not None:
        answered = inner.get("tool_call_id")
        text = answered if isinstance(answered, str) and answered else None
        return plain(inner.get("content")), text, inner.get("status") == "error"
    if not isinstance(value, dict):
        return plain(value), None, False
    if isinstance(value.get("blocks"), list) and "tool_name" in value:
        return plain(value["blocks"]), None, value.get("is_error") is True
    if isinstance(value.get("content"), list) and ("isError" in value or len(value) == 1):
        return plain(value["content"]), None, value.get("isError") is True
    if value.get("type") == "text" and isinstance(value.get("text"), str):
        return plain([value]), None, False
    if "response" in value and "name" in value and isinstance(value.get("id"), str):
        return value["response"], value["id"] or None, False
    return value, None, False


def _tool_message(value: Any) -> dict[str, Any] | None:
    """Return the fields of a LangChain tool message, also of one that a command to the graph carries."""
    if not isinstance(value, dict):
        return None
    update = value.get("update")
    if isinstance(update, dict) and isinstance(update.get("messages"), list):
        return next((m for item in update["messages"] if (m := _tool_message(item)) is not None), None)
    for holder in ("data", "kwargs"):
        inner = value.get(holder)
        if isinstance(inner, dict) and "tool_call_id" in inner:
            return inner
    return value if "tool_call_id" in value and "content" in value else None
