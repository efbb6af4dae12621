"""OpenTelemetry GenAI semantic conventions: the current ones and those up to version 1.36.

Also the fallback for scopes that no other dialect names: what carries `gen_ai.*` keys is read by what they say.
"""

from __future__ import annotations

import msgspec

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Dialect, Loader, Origin, Shared, Sightings, trace_keys
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.genai_attributes import Act
from spanwarden.dialects.genai_messages import Messages, log_exchange, log_message, span_messages, with_requests
from spanwarden.dialects.genai_names import Names, names_of
from spanwarden.dialects.genai_tools import read_tool
from spanwarden.dialects.usage import read_usage
from spanwarden.model.event import Content, Effect, Kind, Status
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "genai"
_ERROR = 2
_ZERO_TRACE, _ZERO_SPAN = bytes(16), bytes(8)
_SPEAKING = frozenset({"llm_call", "agent", "workflow", "structure"})


TELLING = frozenset(
    (
        keys.OPERATION,
        keys.MCP_METHOD,
        keys.ENTITY_KIND,
        keys.SPAN_KIND,
        keys.REQUEST_TYPE,
        *keys.TOOL,
        *keys.CALL_ID,
        *keys.MODEL,
    )
)
"""A span that has none of these keys is not of these conventions."""


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings, dialect: str = NAME) -> bool:
    """Read one span; False if it carries no key that says what it is. `dialect` names who speaks the conventions."""
    attributes = span.attributes
    names = names_of(attributes)
    role = _role(attributes, names)
    if role is None:
        return False
    parent_id, start, end, events = span.parent_span_id, span.start_time_unix_nano, span.end_time_unix_nano, span.events
    step = role == "agent" and bool(parent_id) and _is_step(attributes, names)
    role = "structure" if step else role
    messages = span_messages(attributes, names, events)
    shared = _shared(attributes, names, origin, span.trace_id, span.span_id, dialect, parent_id)
    if step:
        shared = msgspec.structs.replace(shared, agent=None, agent_id=None)
    failed = span.status.code == _ERROR or (names.error and first_text(attributes, names.error) is not None)
    error = _error_text(span, attributes, names) if failed else None
    act = Act(shared, start, end, "error" if failed else "ok", error, "span", not parent_id)
    if role == "tool_call":
        read_tool(span, attributes, names, messages, act, out)
        return True
    _operation(role, attributes, names, messages, act, out)
    if role == "llm_call" and names.tool:
        messages = with_requests(messages, attributes)
    if role in _SPEAKING and (messages.given or messages.answered):
        add_messages(out, shared, messages.given, messages.answered, start, max(start, end))
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, dialect: str = NAME) -> bool:
    """Read one log record: the details of a model call, or messages of it; False if it is neither."""
    name = _event_name(record)
    if name != keys.DETAILS and name not in keys.MESSAGE_EVENTS:
        return _read_exchange(record, origin, out, dialect)
    at = record.time_unix_nano or record.observed_time_unix_nano
    messages = log_message(name, record)
    attributes = record.attributes
    names = names_of(attributes)
    shared = _shared(attributes, names, origin, record.trace_id, record.span_id, dialect)
    if name == keys.DETAILS and _role(attributes, names) in {None, "llm_call"}:
        status: Status = "error" if first_text(attributes, names.error) else "ok"
        _operation("llm_call", attributes, names, messages, Act(shared, at, at, status, None, source="log"), out)
    if name != keys.DETAILS:
        shared = msgspec.structs.replace(shared, loose=True)
    add_messages(out, shared, messages.given, messages.answered, at, at)
    return True


def _read_exchange(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, dialect: str) -> bool:
    """Read a record whose body is what went into a model and what came out; AWS's distribution moves content there."""
    exchange = log_exchange(record)
    if exchange is None:
        return False
    at = record.time_unix_nano or record.observed_time_unix_nano
    attributes = record.attributes
    shared = _shared(attributes, names_of(attributes), origin, record.trace_id, record.span_id, dialect)
    add_messages(out, shared, exchange.given, exchange.answered, at, at)
    return True


def _role(attributes: Attributes, names: Names) -> str | None:
    """Return what a record is about: an entry of `OPERATIONS`, None where no key tells."""
    if names.mcp_method and (method := values.text(attributes[keys.MCP_METHOD])) is not None:
        return "tool_call" if method == "tools/call" else "structure"
    if names.entity_kind:
        kind = values.text(attributes[keys.ENTITY_KIND])
        if kind is not None and (told := keys.ENTITY_KINDS.get(kind)) is not None:
            return told
    if names.operation and (operation := values.text(attributes[keys.OPERATION])) is not None:
        return keys.OPERATIONS.get(operation.lower(), "structure")
    kind = first_text(attributes, names.span_kind) or first_text(attributes, names.request_type)
    if kind is not None and (told := keys.SPAN_KINDS.get(kind.lower())) is not None:
        return told
    if names.tool or names.call_id:
        return "tool_call"
    if names.model and not names.agent:
        return "llm_call" if names.input or names.output or names.response_id or "input" in names.usage else None
    return None


def _is_step(attributes: Attributes, names: Names) -> bool:
    """Tell whether an agent's span is only a step of the agent around it: nameless, or a node of its graph."""
    if not names.agent_known:
        return True
    if first_text(attributes, names.provider) not in keys.GRAPHS:
        return False
    name = first_text(attributes, names.agent) or ""
    return name == first_text(attributes, names.agent_id) and (name in keys.NODES or name.endswith(keys.NODE_ENDS))


def _shared(
    attributes: Attributes,
    names: Names,
    origin: Origin,
    trace_id: bytes,
    span_id: bytes,
    dialect: str,
    parent_id: bytes = b"",
) -> Shared:
    traced = len(trace_id) == 16 and trace_id != _ZERO_TRACE
    conversation = first_text(attributes, names.conversation) if names.conversation else None
    if conversation is not None and conversation.startswith(keys.NO_CONVERSATION):
        conversation = None
    if traced:
        tied = trace_keys(trace_id)
    elif conversation is not None:
        tied = ("conversation:" + conversation,)
    else:
        tied = ("service:" + (origin.instance or origin.service or "unknown"),)
    return Shared(
        tied,
        dialect,
        first_text(attributes, names.run_id) if names.run_id else None,
        conversation,
        origin.service,
        trace_id if traced else b"",
        span_id if traced and len(span_id) == 8 and span_id != _ZERO_SPAN else b"",
        parent_id,
        first_text(attributes, names.agent) if names.agent else None,
        first_text(attributes, names.agent_id) if names.agent_id else None,
    )


def _operation(role: str, attributes: Attributes, names: Names, messages: Messages, act: Act, out: Sightings) -> None:
    shared, start, end, status, error = act.shared, act.start, act.end, act.status, act.error
    source, root = act.source, act.root
    if role in {"structure", "definition"}:
        out.tell(msgspec.structs.replace(shared, agent=None), None, "span", start, end, source=source, root=root)
    elif role in {"llm_call", "embedding"}:
        out.tell(
            shared,
            _answer(messages, error),
            "llm_call" if role == "llm_call" else "embedding",
            start,
            end,
            status,
            source=source,
            merge=first_text(attributes, names.response_id),
            expects=_asks_for_tools(attributes, names),
            model=first_text(attributes, names.model),
            provider=first_text(attributes, names.provider),
            usage=read_usage(attributes, names.usage),
            cost=_cost(attributes, names),
        )
    elif role == "agent":
        out.tell(
            shared,
            _answer(messages, error),
            "agent",
            start,
            end,
            status,
            root=root,
            model=first_text(attributes, names.model),
            provider=first_text(attributes, names.provider),
            usage=read_usage(attributes, names.usage),
            cost=_cost(attributes, names),
        )
    elif role == "workflow":
        named = msgspec.structs.replace(shared, agent=first_text(attributes, names.workflow) or shared.agent)
        out.tell(named, _answer(messages, error), "agent", start, end, status, root=root, role="workflow")
    elif role == "memory":
        _memory(attributes, names, act, out)
    elif role == "retrieval":
        query, documents = _first(attributes, names.query), _first(attributes, names.documents)
        load = lambda: Content(values.structure(query), values.structure(documents), error=error)  # noqa: E731
        out.tell(shared, load, "retrieval", start, end, status, root=root)
    else:
        out.tell(shared, _answer(messages, error), "decision", start, end, status, root=root)


def _asks_for_tools(attributes: Attributes, names: Names) -> bool:
    reasons = _first(attributes, names.finish)
    if reasons is None:
        return False
    reasons = reasons.lower()
    return b"tool" in reasons or b"function_call" in reasons


def _memory(attributes: Attributes, names: Names, act: Act, out: Sightings) -> None:
    shared, start, end, status, error, root = act.shared, act.start, act.end, act.status, act.error, act.root
    operation = first_text(attributes, names.operation) or "memory"
    reads = operation == "search_memory"
    target = first_text(attributes, names.memory)
    query, records = _first(attributes, names.query), _first(attributes, names.documents)
    effect = Effect("memory_read" if reads else "memory_write", target, "delete" if "delete" in operation else None)

    def load() -> Content:
        found = values.structure(records)
        return Content(values.structure(query), found, error=error) if reads else Content(found, error=error)

    kind: Kind = "retrieval" if reads else "tool_call"
    tool = None if reads else operation
    out.tell(shared, load, kind, start, end, status, tool=tool, effects=(effect,), executed=True, root=root)


def _cost(attributes: Attributes, names: Names) -> float | None:
    """Return the reported cost. Zero means that the sender had no price."""
    for key in names.cost:
        cost = values.number(attributes[key])
        if cost is not None and cost > 0:
            return cost
    return None


def _answer(messages: Messages, error: str | None) -> Loader:
    def load() -> Content:
        words = "\n".join(said.text for said in messages.answered if said.text and said.role == "assistant")
        return Content(text=words or None, error=error)

    return load


def _error_text(span: trimmed_pb2.Span, attributes: Attributes, names: Names) -> str | None:
    if span.status.message:
        return str(span.status.message, "utf-8", "replace")
    for event in span.events:
        if event.name.decode("utf-8", "replace") in keys.EXCEPTION_EVENTS:
            message = values.text(event.attributes.get("exception.message"))
            if message is not None:
                return message
    return first_text(attributes, names.error)


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


def _first(attributes: Attributes, names: tuple[str, ...]) -> bytes | None:
    return attributes[names[0]] if names else None


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
