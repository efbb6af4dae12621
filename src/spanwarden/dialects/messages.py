"""What was said to a model and what it answered, whichever shape the messages have.

Read here: the conventions' parts, OpenAI's `tool_calls`, Anthropic's `tool_use` and `tool_result` blocks, Bedrock's
`toolUse` and `toolResult`, Gemini's `function_call` and `function_response`, Genkit's `toolRequest` and `toolResponse`,
and the AI SDK's `tool-call` parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from spanwarden.otlp.values import parse_json

MAX_MESSAGES = 2000
"""Of a longer conversation only the last messages are read."""

ROLES = {"developer": "system", "model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}
_CALL_TYPES = frozenset({"tool_call", "tool_use", "tool-call", "function_call", "server_tool_call", "server_tool_use"})
_PROVIDER_TYPES = frozenset({"server_tool_call", "server_tool_use"})
_RESULT_TYPES = frozenset(
    {"tool_call_response", "tool_result", "tool-result", "function_call_output", "server_tool_call_response"}
)
_TYPED_RESULTS = frozenset({"text", "json", "content", "error-text", "error-json"})
"""The AI SDK's word for what kind of result a tool gave, beside its `value`."""
_CALL_HOLDERS = ("toolUse", "function_call", "functionCall", "function", "toolRequest")
_RESULT_HOLDERS = ("toolResult", "function_response", "functionResponse", "toolResponse")
_UNSAID = frozenset({"reasoning", "thinking", "redacted_thinking"})
_IDS = ("id", "call_id", "tool_call_id", "toolCallId", "toolUseId", "tool_use_id", "ref")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "args", "input")
_RESULTS = ("response", "result", "output", "content", "server_tool_call_response")
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_EMPTY = blake2b(digest_size=12)
"""Copied for every digest: building one anew costs more than hashing a short text."""
_ERROR_STARTS = ("Error:", "Error ", "Traceback (most recent call last)")


class Call(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A tool call that a model asked for; `arguments` decoded, None where they were withheld.

    `provider`: the model's provider runs the tool itself, so that asking is doing.
    """

    id: str | None
    name: str
    arguments: Any
    provider: bool = False
    _digest: str | None = None

    @property
    def digest(self) -> str | None:
        """Return the digest of the arguments, worked out once: later model calls tell of this one again."""
        digest = self._digest
        if digest is None and self.arguments is not None:
            digest = arguments_digest(self.arguments)
            msgspec.structs.force_setattr(self, "_digest", digest)
        return digest

    def __eq__(self, other: object) -> bool:
        """Tell whether both ask for the same."""
        if not isinstance(other, Call):
            return NotImplemented
        mine = self.id, self.name, self.arguments, self.provider
        return mine == (other.id, other.name, other.arguments, other.provider)

    __hash__ = None  # type: ignore[assignment]


class Response(msgspec.Struct, frozen=True, gc=False):
    """What a tool call gave back. `failed` is None where nothing was said about it and no result was captured.

    `denied`: the call was refused, so that there is no result.
    """

    id: str | None
    name: str | None
    result: Any
    failed: bool | None
    denied: bool = False


class Said(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One message."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    responses: tuple[Response, ...] = ()
    _digest: str | None = None

    @property
    def digest(self) -> str:
        """Return `message_digest` of it, worked out once: later model calls repeat the message."""
        digest = self._digest
        if digest is None:
            digest = message_digest(self.role, self.text)
            msgspec.structs.force_setattr(self, "_digest", digest)
        return digest

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same."""
        if not isinstance(other, Said):
            return NotImplemented
        mine = self.role, self.text, self.calls, self.responses
        return mine == (other.role, other.text, other.calls, other.responses)

    __hash__ = None  # type: ignore[assignment]


def read_messages(value: Any, role: str = "user") -> list[Said]:
    """Return the messages in a decoded value; `role` is for those that name none. Never raises."""
    value = parse_json(value) if isinstance(value, str) else value
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if not isinstance(value, list):
        value = [value]
    elif value and not any(is_message(item) for item in value):
        return [_message({"content": value}, role)]
    return more_messages(value[-MAX_MESSAGES:], role)


def more_messages(items: list[Any], role: str) -> list[Said]:
    """Return the messages that these decoded items hold, of a conversation in which others are messages."""
    return [_message(item, role) for item in items if item is not None]


def is_message(item: Any) -> bool:
    """Tell whether a decoded value has the shape of a message."""
    return isinstance(item, dict) and ("role" in item or "parts" in item or "tool_calls" in item)


def _message(item: Any, role: str) -> Said:
    if not isinstance(item, dict):
        return Said(role, item if isinstance(item, str) else "")
    spoken = item.get("role")
    said_by = spoken if isinstance(spoken, str) and spoken else role
    said_by = ROLES.get(said_by, said_by)
    content = item.get("parts")
    if content is None:
        content = item.get("content")
    content = parse_json(content) if isinstance(content, str) and said_by != "tool" else content
    if said_by == "tool" and _first(item, _IDS) is not None and not _has_results(content):
        return Said("tool", "", (), (_response(item, "content"),))
    texts: list[str] = []
    calls: list[Call] = []
    responses: list[Response] = []
    for part in content if isinstance(content, list) else [content]:
        _part(part, texts, calls, responses)
    requested = item.get("tool_calls")
    requested = parse_json(requested) if isinstance(requested, str) else requested
    for part in requested if isinstance(requested, list) else []:
        _request(part, calls)
    if isinstance(item.get("function_call"), dict):
        _request(item["function_call"], calls)
    return Said(said_by, "\n".join(text for text in texts if text), tuple(calls), tuple(responses))


def _has_results(content: Any) -> bool:
    content = parse_json(content) if isinstance(content, str) else content
    parts = content if isinstance(content, list) else []
    return any(
        isinstance(p, dict) and (_type(p) in _RESULT_TYPES or any(h in p for h in _RESULT_HOLDERS)) for p in parts
    )


def _type(part: dict[str, Any]) -> str:
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def _part(part: Any, texts: list[str], calls: list[Call], responses: list[Response]) -> None:
    if isinstance(part, str):
        texts.append(part)
        return
    if not isinstance(part, dict):
        return
    kind = _type(part)
    if kind in _UNSAID:
        return
    if kind == "text":
        text = part.get("content", part.get("text"))
        if isinstance(text, str):
            texts.append(text)
    elif kind in _RESULT_TYPES:
        responses.append(_response(part))
    elif kind in _CALL_TYPES:
        _request(part, calls)
    elif (holder := next((part[h] for h in _RESULT_HOLDERS if isinstance(part.get(h), dict)), None)) is not None:
        responses.append(_response(holder))
    elif (holder := next((part[h] for h in _CALL_HOLDERS if isinstance(part.get(h), dict)), None)) is not None:
        _request({**part, **holder} if "id" in part else holder, calls)
    else:
        text = part.get("content", part.get("text"))
        if isinstance(text, str):
            texts.append(text)


def _request(part: Any, calls: list[Call]) -> None:
    if not isinstance(part, dict):
        return
    function = part.get("function")
    inner = function if isinstance(function, dict) else part
    name = _first(inner, _NAMES)
    if name is None:
        return
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), None)
    server = part.get("server_tool_call")
    if arguments is None and isinstance(server, dict):
        arguments = {key: value for key, value in server.items() if key != "type"}
    decoded = parse_json(arguments) if isinstance(arguments, str) else arguments
    calls.append(Call(_first(part, _IDS), name, decoded, _type(part) in _PROVIDER_TYPES))


def _response(part: dict[str, Any], *keys: str) -> Response:
    raw = next((part[key] for key in keys or _RESULTS if part.get(key) is not None), None)
    return response_of(_first(part, _IDS), _first(part, _NAMES), raw, part)


def response_of(identity: str | None, name: str | None, raw: Any, part: Mapping[str, Any]) -> Response:
    """Return what a call gave back; `raw` is the result as it was sent, `part` may say whether the call failed."""
    typed = _type(raw) if isinstance(raw, dict) else ""
    if typed == "execution-denied":
        return Response(identity, name, None, None, True)
    if isinstance(raw, dict) and typed in _TYPED_RESULTS and "value" in raw:
        raw = raw["value"]
    result = plain(raw)
    flag = part.get("is_error", part.get("isError"))
    status = part.get("status")
    failed: bool | None
    if isinstance(flag, bool):
        failed = flag
    elif typed in {"error-text", "error-json"}:
        failed = True
    elif isinstance(status, str) and status in {"error", "success"}:
        failed = status == "error"
    else:
        failed = None if result is None else looks_failed(result)
    return Response(identity, name, result, failed)


def looks_failed(result: Any) -> bool:
    """Tell whether a result reads like an error; many senders show failures only as the text given to the model."""
    if isinstance(result, dict):
        return bool(result.get("error")) or result.get("isError") is True
    return isinstance(result, str) and result.startswith(_ERROR_STARTS)


def plain(value: Any) -> Any:
    """Return a result without its wrapping: a list of text parts becomes text, JSON text becomes what it holds."""
    if isinstance(value, str):
        return parse_json(value)
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("parts"), list):
        value = value["parts"]
    if not isinstance(value, list) or not value:
        return value
    texts = [_text(part) for part in value]
    return "\n".join(t for t in texts if t is not None) if all(t is not None for t in texts) else value


def _text(part: Any) -> str | None:
    if not isinstance(part, dict) or _type(part) not in {"", "text"}:
        return None
    text = part.get("text", part.get("content"))
    return text if isinstance(text, str) else None


def _first(item: dict[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        value = item.get(key)
        if value and isinstance(value, str):
            return value
    return None


def message_digest(role: str, text: str) -> str:
    """Return a short digest that repeated history shares."""
    digest = _EMPTY.copy()
    digest.update(f"{role}\x1f{text.strip()}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def arguments_digest(arguments: Any) -> str | None:
    """Return a short digest of decoded arguments, whatever the order of their keys; None where there are none."""
    if arguments is None:
        return None
    try:
        encoded = _encode_sorted(arguments)
    except (RecursionError, TypeError, ValueError, OverflowError):
        return None
    digest = _EMPTY.copy()
    digest.update(encoded)
    return digest.hexdigest()
