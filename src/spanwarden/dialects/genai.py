"""OpenTelemetry GenAI semantic conventions: the current ones and those up to version 1.36.

Also the fallback for scopes that no other dialect names: what carries `gen_ai.*` keys is read by what they say.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.final_answers import is_final_answer
from spanwarden.dialects.genai_messages import Messages, log_exchange, log_message, span_messages, with_requests
from spanwarden.dialects.handoff_names import is_handoff
from spanwarden.dialects.messages import Said, arguments_digest, plain
from spanwarden.dialects.usage import read_usage
from spanwarden.dialects.wrapped import call_id_in, tool_message
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Content, Effect, Status
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "genai"
_ERROR = 2
_CLIENT, _SERVER = 3, 2


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings, dialect: str = NAME) -> bool:
    """Read one span; False if it carries no key that says what it is. `dialect` names who speaks the conventions."""
    attributes = span.attributes
    role = _role(attributes)
    if role is None:
        return False
    step = role == "agent" and bool(span.parent_span_id) and _is_step(attributes)
    role = "structure" if step else role
    messages = span_messages(span)
    facts = _facts(attributes, origin, span.trace_id, span.span_id, dialect)
    facts["parent_id"] = span.parent_span_id
    if step:
        facts["agent"] = facts["agent_id"] = None
    timed = {**facts, "start": span.start_time_unix_nano, "end": span.end_time_unix_nano}
    bare = role in {"llm_call", "embedding"}
    timed["root"] = not span.parent_span_id and not bare
    status: Status = "error" if span.status.code == _ERROR or _text(attributes, keys.ERROR) else "ok"
    error = _error_text(span) if status == "error" else None
    if role == "tool_call":
        _tool(span, messages, {**timed, "status": status}, error, out)
        return True
    _operation(role, attributes, messages, {**timed, "status": status}, error, out)
    if role == "llm_call" and any(key in attributes for key in keys.TOOL):
        messages = with_requests(messages, attributes)
    if role in {"llm_call", "agent", "workflow", "structure"} and (messages.given or messages.answered):
        start = span.start_time_unix_nano
        add_messages(out, facts, messages.given, messages.answered, start, max(start, span.end_time_unix_nano))
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, dialect: str = NAME) -> bool:
    """Read one log record: the details of a model call, or messages of it; False if it is neither."""
    name = _event_name(record)
    if name != keys.DETAILS and name not in keys.MESSAGE_EVENTS:
        return _read_exchange(record, origin, out, dialect)
    at = record.time_unix_nano or record.observed_time_unix_nano
    messages = log_message(name, record)
    facts = _facts(record.attributes, origin, record.trace_id, record.span_id, dialect)
    if name == keys.DETAILS and _role(record.attributes) in {None, "llm_call"}:
        status: Status = "error" if _text(record.attributes, keys.ERROR) else "ok"
        timed = {**facts, "source": "log", "start": at, "end": at, "status": status}
        _operation("llm_call", record.attributes, messages, timed, None, out)
    add_messages(out, facts, messages.given, messages.answered, at, at, loose=name != keys.DETAILS)
    return True


def _read_exchange(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, dialect: str) -> bool:
    """Read a record whose body is what went into a model and what came out; AWS's distribution moves content there."""
    exchange = log_exchange(record)
    if exchange is None:
        return False
    at = record.time_unix_nano or record.observed_time_unix_nano
    facts = _facts(record.attributes, origin, record.trace_id, record.span_id, dialect)
    add_messages(out, facts, exchange.given, exchange.answered, at, at)
    return True


def _role(attributes: Attributes) -> str | None:
    """Return what a record is about: an entry of `OPERATIONS`, None where no key tells."""
    operation = values.text(attributes.get(keys.OPERATION))
    method = values.text(attributes.get(keys.MCP_METHOD))
    if method is not None:
        return "tool_call" if method == "tools/call" else "structure"
    kind = values.text(attributes.get(keys.ENTITY_KIND))
    if kind is not None and (told := keys.ENTITY_KINDS.get(kind)) is not None:
        return told
    if operation is not None:
        return keys.OPERATIONS.get(operation.lower(), "structure")
    kind = values.text(attributes.get(keys.SPAN_KIND)) or values.text(attributes.get(keys.REQUEST_TYPE))
    if kind is not None and (told := keys.SPAN_KINDS.get(kind.lower())) is not None:
        return told
    if any(key in attributes for key in (*keys.TOOL, *keys.CALL_ID)):
        return "tool_call"
    if any(key in attributes for key in keys.MODEL) and not any(key in attributes for key in keys.AGENT):
        spoke = (*keys.INPUT, *keys.OUTPUT, *keys.RESPONSE_ID, *keys.USAGE["input"])
        return "llm_call" if any(key in attributes for key in spoke) else None
    return None


def _is_step(attributes: Attributes) -> bool:
    """Tell whether an agent's span is only a step of the agent around it: nameless, or a node of its graph."""
    if not any(key in attributes for key in keys.AGENT_KNOWN):
        return True
    if _text(attributes, keys.PROVIDER) not in keys.GRAPHS:
        return False
    name = _text(attributes, keys.AGENT) or ""
    return name == _text(attributes, keys.AGENT_ID) and (name in keys.NODES or name.endswith(keys.NODE_ENDS))


def _facts(attributes: Attributes, origin: Origin, trace_id: bytes, span_id: bytes, dialect: str) -> dict[str, Any]:
    traced = len(trace_id) == 16 and any(trace_id)
    conversation = _text(attributes, keys.CONVERSATION)
    if conversation is not None and conversation.startswith(keys.NO_CONVERSATION):
        conversation = None
    if traced:
        key = "trace:" + trace_id.hex()
    elif conversation is not None:
        key = "conversation:" + conversation
    else:
        key = "service:" + (origin.instance or origin.service or "unknown")
    return {
        "keys": (key,),
        "dialect": dialect,
        "run_id": _text(attributes, keys.RUN_ID),
        "conversation": conversation,
        "service": origin.service,
        "trace_id": trace_id if traced else b"",
        "span_id": span_id if traced and len(span_id) == 8 and any(span_id) else b"",
        "agent": _text(attributes, keys.AGENT),
        "agent_id": _text(attributes, keys.AGENT_ID),
    }


def _operation(
    role: str,
    attributes: Attributes,
    messages: Messages,
    facts: dict[str, Any],
    error: str | None,
    out: Sightings,
) -> None:
    if role in {"structure", "definition"}:
        out.add(None, **{**facts, "kind": "span", "agent": None, "status": "unknown"})
        return
    if role == "memory":
        _memory(attributes, facts, error, out)
        return
    facts["kind"] = "agent" if role == "workflow" else role
    if role == "workflow":
        facts["agent"] = _text(attributes, keys.WORKFLOW) or facts["agent"]
        facts["role"] = "workflow"
    if role in {"llm_call", "embedding"}:
        facts["merge"] = _text(attributes, keys.RESPONSE_ID)
        facts["expects"] = _asks_for_tools(attributes)
    if role in {"llm_call", "embedding", "agent"}:
        facts["model"] = _text(attributes, keys.MODEL)
        facts["provider"] = _text(attributes, keys.PROVIDER)
        facts["usage"] = read_usage(attributes, keys.USAGE)
        facts.update(_cost(attributes))
    if role == "retrieval":
        query, documents = _first(attributes, keys.QUERY), _first(attributes, keys.DOCUMENTS)
        out.add(lambda: Content(values.structure(query), values.structure(documents), error=error), **facts)
        return
    out.add(lambda: Content(text=_answer(messages.answered), error=error), **facts)


def _asks_for_tools(attributes: Attributes) -> bool:
    for key in keys.FINISH:
        encoded = attributes.get(key)
        if encoded is not None:
            reasons = encoded.lower()
            return b"tool" in reasons or b"function_call" in reasons
    return False


def _memory(attributes: Attributes, facts: dict[str, Any], error: str | None, out: Sightings) -> None:
    operation = values.text(attributes.get(keys.OPERATION)) or "memory"
    reads = operation == "search_memory"
    target = _text(attributes, keys.MEMORY)
    query, records = _first(attributes, keys.QUERY), _first(attributes, keys.DOCUMENTS)
    effect = Effect("memory_read" if reads else "memory_write", target, "delete" if "delete" in operation else None)
    facts.update(kind="retrieval" if reads else "tool_call", effects=(effect,), executed=True)
    facts["tool"] = None if reads else operation
    if reads:
        out.add(lambda: Content(values.structure(query), values.structure(records), error=error), **facts)
    else:
        out.add(lambda: Content(values.structure(records), error=error), **facts)


def _tool(span: trimmed_pb2.Span, messages: Messages, facts: dict[str, Any], error: str | None, out: Sightings) -> None:
    attributes = span.attributes
    name = _text(attributes, keys.TOOL_NAME) or _name_in(span.name.decode("utf-8", "replace"))
    wrapped = _content(attributes, keys.ARGUMENTS)
    arguments = unwrap(wrapped)
    if name is None or name.startswith("(") or name in keys.NO_TOOLS or is_final_answer(name, arguments):
        # Parallel calls are summed up in one more span whose name stands in parentheses.
        out.add(None, **{**facts, "kind": "span", "status": "unknown", "agent": None})
        return
    returned = tool_message(_content(attributes, keys.RESULT))
    result = returned.result
    asked = next((call for said in messages.given for call in said.calls), None)
    given = next((r for said in (*messages.answered, *messages.given) for r in said.responses), None)
    if arguments is None and asked is not None:
        arguments = asked.arguments
    if result is None and given is not None:
        result = given.result
    said = (_text(attributes, keys.TOOL_STATUS) or "") in keys.FAILED
    if said or returned.failed or (given is not None and given.failed is True):
        facts["status"] = "error"
    if (_text(attributes, keys.ERROR) or "").lower() in keys.DENIED:
        facts["status"] = "denied"
    handoff = is_handoff(name, arguments)
    digest = arguments_digest(arguments)
    mcp = keys.MCP_METHOD in attributes
    out.add(
        lambda: Content(arguments, plain(result), error=error),
        **facts,
        kind="handoff" if handoff else "tool_call",
        tool=name,
        merge=_text(attributes, keys.CALL_ID)
        or call_id_in(wrapped)
        or returned.id
        or (asked.id if asked is not None else None),
        executed=facts["status"] != "denied",
        digest=digest,
        rank=(-1 if span.kind == _CLIENT else -2 if span.kind == _SERVER else 0) if mcp else 0,
        effects=()
        if handoff
        else out.effects(
            name,
            arguments,
            mcp_server=_text(attributes, keys.MCP_SERVER),
            tool_type=_text(attributes, keys.TOOL_TYPE),
            digest=digest,
        ),
    )


def _name_in(span_name: str) -> str | None:
    """Return the tool's name in a span's name."""
    for marker in ("tools/call ", "execute_tool "):
        _, found, name = span_name.partition(marker)
        if found and name.strip():
            return name.strip()
    return None


def _cost(attributes: Attributes) -> dict[str, Any]:
    """Return the reported cost. Zero means that the sender had no price."""
    for key in keys.COST:
        cost = values.number(attributes.get(key))
        if cost is not None and cost > 0:
            return {"cost_usd": cost, "cost_source": "reported"}
    return {}


def _answer(answered: tuple[Said, ...]) -> str | None:
    return "\n".join(said.text for said in answered if said.text and said.role == "assistant") or None


def _error_text(span: trimmed_pb2.Span) -> str | None:
    if span.status.message:
        return str(span.status.message, "utf-8", "replace")
    for event in span.events:
        if event.name.decode("utf-8", "replace") in keys.EXCEPTION_EVENTS:
            message = values.text(event.attributes.get("exception.message"))
            if message is not None:
                return message
    return _text(span.attributes, keys.ERROR)


def _event_name(record: trimmed_pb2.LogRecord) -> str:
    if record.event_name:
        return str(record.event_name, "utf-8", "replace")
    named = values.text(record.attributes.get("event.name"))
    if named is not None:
        return named
    body = values.decode(record.body)
    if isinstance(body, dict):
        body = body.get("event.name") or body.get("name")
    return body if isinstance(body, str) else ""


def _text(attributes: Attributes, names: tuple[str, ...]) -> str | None:
    for name in names:
        encoded = attributes.get(name)
        if encoded is not None and (told := values.text(encoded)) is not None:
            return told
    return None


def _content(attributes: Attributes, names: tuple[str, ...]) -> Any:
    for name in names:
        encoded = attributes.get(name)
        if encoded is not None:
            value = values.structure(encoded)
            if value is not None and (value != {} or name not in keys.EMPTY_IS_WITHHELD):
                return value
    return None


def _first(attributes: Attributes, names: tuple[str, ...]) -> bytes | None:
    return next((attributes[name] for name in names if name in attributes), None)


DIALECT = Dialect(
    NAME,
    (
        "opentelemetry.instrumentation.genai.*",
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.instrumentation.google_genai",
        "opentelemetry.instrumentation.vertexai",
        "opentelemetry.util.genai.*",
        "gen_ai",
        "mcp-python-sdk",
    ),
    read_span,
    read_log,
    "semantic conventions 1.28 to 1.41 and semconv-genai of 2026-08; opentelemetry-instrumentation-genai-* 1.3b0",
)
