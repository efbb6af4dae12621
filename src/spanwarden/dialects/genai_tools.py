"""The spans of tools in the GenAI conventions."""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Sightings
from spanwarden.dialects.conversation import acts
from spanwarden.dialects.final_answers import is_final_answer
from spanwarden.dialects.genai_attributes import Act, content
from spanwarden.dialects.genai_messages import Messages
from spanwarden.dialects.genai_names import Names
from spanwarden.dialects.handoff_names import is_handoff
from spanwarden.dialects.messages import Call, Response, arguments_digest, plain
from spanwarden.dialects.wrapped import ToolMessage, call_id_in, tool_message
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Content, Effect
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

_CLIENT, _SERVER = 3, 2
_STRING, _MARKS = 0x0A, 64
"""The first byte of a string value, and a length that no mark of withheld content has."""


def read_tool(
    span: trimmed_pb2.Span, attributes: Attributes, names: Names, messages: Messages, act: Act, out: Sightings
) -> None:
    """Add one execution of a tool; `messages` are those that its span carries."""
    shared, status, error = act.shared, act.status, act.error
    load = lambda: _content(attributes, names, messages, error)  # noqa: E731
    if not out.collecting:
        out.tell(shared, load, "tool_call", act.start, act.end)
        return
    name = first_text(attributes, names.tool_name) or _name_in(span.name.decode("utf-8", "replace"))
    wrapped = content(attributes, names.arguments)
    arguments = unwrap(wrapped)
    plainly = name is not None and acts(name)
    if name is None or name in keys.NO_TOOLS or (not plainly and is_final_answer(name, arguments)) or name[0] == "(":
        # Parallel calls are summed up in one more span whose name stands in parentheses.
        nobody = msgspec.structs.replace(shared, agent=None)
        out.tell(nobody, None, "span", act.start, act.end, root=act.root)
        return
    returned = _returned(attributes, names)
    result: Any = returned.result
    asked, given = _exchanged(messages)
    if arguments is None and asked is not None:
        arguments = asked.arguments
    if result is None and given is not None:
        result = given.result
    said = names.tool_status and (first_text(attributes, names.tool_status) or "") in keys.FAILED
    if said or returned.failed or (given is not None and given.failed is True):
        status = "error"
    if names.error and (first_text(attributes, names.error) or "").lower() in keys.DENIED:
        status = "denied"
    handoff = not plainly and is_handoff(name, arguments)
    digest = arguments_digest(arguments)
    rank = 0
    if names.mcp_method:
        rank = -1 if span.kind == _CLIENT else -2 if span.kind == _SERVER else 0
    effects: tuple[Effect, ...] = ()
    if not handoff:
        server = first_text(attributes, names.mcp_server) if names.mcp_server else None
        tool_type = first_text(attributes, names.tool_type) if names.tool_type else None
        effects = out.effects(name, arguments, mcp_server=server, tool_type=tool_type, digest=digest)
    out.tell(
        shared,
        load,
        "handoff" if handoff else "tool_call",
        act.start,
        act.end,
        status,
        tool=name,
        merge=first_text(attributes, names.call_id)
        or call_id_in(wrapped)
        or returned.id
        or (asked.id if asked is not None else None),
        executed=status != "denied",
        digest=digest,
        rank=rank,
        effects=effects,
        root=act.root,
        bare=arguments is None and result is None and error is None,
    )


_NOTHING = ToolMessage(None)


def _content(attributes: Attributes, names: Names, messages: Messages, error: str | None) -> Content:
    """Return what an execution was given and what it gave back."""
    arguments, result = unwrap(content(attributes, names.arguments)), _returned(attributes, names).result
    if arguments is None or result is None:
        asked, given = _exchanged(messages)
        arguments = asked.arguments if arguments is None and asked is not None else arguments
        result = given.result if result is None and given is not None else result
    return Content(arguments, _loaded(result), error=error)


def _exchanged(messages: Messages) -> tuple[Call | None, Response | None]:
    """Return the call and the response that the messages on the span of a tool tell of."""
    if not messages.given and not messages.answered:
        return None, None
    asked = next((call for said in messages.given for call in said.calls), None)
    return asked, next((r for said in (*messages.answered, *messages.given) for r in said.responses), None)


class _Later(msgspec.Struct, frozen=True, gc=False):
    """A result that says nothing of the call that it is of, so that it need not be decoded until it is loaded."""

    encoded: bytes


def _returned(attributes: Attributes, names: Names) -> ToolMessage:
    if not names.result:
        return _NOTHING
    encoded = attributes[names.result[0]]
    if (
        names.result[0] == keys.RESULT[0]
        and len(encoded) > _MARKS
        and encoded[0] == _STRING
        and not _tells_of_call(encoded)
    ):
        return ToolMessage(_Later(encoded))
    return tool_message(content(attributes, names.result))


def _tells_of_call(encoded: bytes) -> bool:
    """Tell whether a result may be wrapped in a message, which has a `content`, maybe spelled in escapes."""
    if b"content" in encoded:
        return True
    return b"\\" in encoded and (b"\\u006" in encoded or b"\\u007" in encoded)  # one byte is found far faster


def _loaded(result: Any) -> Any:
    return plain(tool_message(values.structure(result.encoded)).result if type(result) is _Later else result)


def _name_in(span_name: str) -> str | None:
    """Return the tool's name in a span's name."""
    for marker in ("tools/call ", "execute_tool "):
        _, found, name = span_name.partition(marker)
        if found and name.strip():
            return name.strip()
    return None
