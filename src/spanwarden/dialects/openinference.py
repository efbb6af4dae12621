"""OpenInference (Arize): whatever the scope, a span that says its `openinference.span.kind`."""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import openinference_keys as keys
from spanwarden.dialects import openinference_messages as messages
from spanwarden.dialects.base import Attributes, Dialect, Origin, Shared, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.final_answers import is_final_answer
from spanwarden.dialects.handoff_names import is_handoff
from spanwarden.dialects.haystack_reprs import add_haystack
from spanwarden.dialects.messages import Said, arguments_digest, read_messages
from spanwarden.dialects.openinference_tools import executed, handed_to
from spanwarden.dialects.usage import read_usage
from spanwarden.model.event import Content, Status
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "openinference"
_ERROR = 2
_MAX_ID = 200
_MAX_DOCUMENTS = 1000
_CALLS_IN = b'[{"name"'
_CALL_IN = b'"tool_call_with_context"'

Facts = dict[str, Any]


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if it does not say its kind, or says that it knows none."""
    attributes = span.attributes
    kind = values.text(attributes.get(keys.KIND))
    role = keys.KINDS.get(kind.upper()) if kind is not None else None
    if kind is None or (role is None and kind.upper() == "UNKNOWN"):
        return False
    facts = _facts(span, origin)
    if role == "llm_call" and _was_asked(span):
        _model_call(span, facts, out)
    elif role == "tool_call" and (keys.TOOL[0] in attributes or not _title(span).startswith(keys.STEPS)):
        _tool(span, facts, out)
    elif role == "agent":
        _agent(span, facts, out)
    elif role in {"retrieval", "embedding", "decision"}:
        _other(span, role, facts, out)
    else:
        _chain(span, facts, out)
    return True


def _facts(span: trimmed_pb2.Span, origin: Origin) -> Facts:
    attributes = span.attributes
    return {
        "keys": ("trace:" + span.trace_id.hex(),),
        "dialect": NAME,
        "conversation": _text(attributes, keys.CONVERSATION),
        "service": origin.service,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_span_id,
        "agent": _text(attributes, keys.AGENT) or _metadata_agent(attributes),
        "agent_id": _text(attributes, keys.AGENT_ID),
    }


def _timed(span: trimmed_pb2.Span, facts: Facts, *, bare: bool = False) -> Facts:
    status: Status = "error" if span.status.code == _ERROR else "ok"
    return {
        **facts,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": status,
        "root": not span.parent_span_id and not bare,
    }


def _add_messages(
    span: trimmed_pb2.Span, facts: Facts, given: list[Said], answered: list[Said], out: Sightings
) -> None:
    start = span.start_time_unix_nano
    add_messages(out, Shared(**facts), given, answered, start, max(start, span.end_time_unix_nano))


def _was_asked(span: trimmed_pb2.Span) -> bool:
    """Tell a request to a model from a step that only prepares one: both are of kind LLM."""
    attributes = span.attributes
    if span.status.code == _ERROR or any(key in attributes for key in keys.CALLED):
        return True
    if any(key + ".0.message.role" in attributes for key in (keys.OUTPUT_MESSAGES, keys.INPUT_MESSAGES)):
        return True
    if keys.PROMPT_TEMPLATE in attributes and not _text(attributes, keys.MODEL):
        return False
    method = _title(span).rpartition(".")[2]
    return not method.startswith("_") or method.startswith("__")


def _model_call(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    given, answered = messages.given(attributes), messages.answered(attributes)
    text = "\n".join(said.text for said in answered if said.text and said.role == "assistant") or None
    error = _error(span)
    out.add(
        lambda: Content(text=text, error=error),
        **_timed(span, facts, bare=True),
        kind="llm_call",
        merge=_response_id(attributes),
        model=_text(attributes, keys.MODEL),
        provider=_text(attributes, keys.PROVIDER),
        usage=read_usage(attributes, keys.USAGE),
        **_cost(attributes),
    )
    _add_messages(span, facts, given, answered, out)


def _tool(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    timed = _timed(span, facts)
    error = _error(span)
    heir = handed_to(span)
    if heir is not None:
        # Named as the model asks for it unless told otherwise, so that the request and the hand-over are one.
        name = "transfer_to_" + heir.replace(" ", "_").lower()
        out.add(lambda: Content(result=heir, error=error), **timed, kind="handoff", tool=name, executed=True)
        return
    told = executed(span)
    if told.failed:
        timed["status"] = "error"
    arguments = None if told.bare else told.arguments
    if is_final_answer(told.name, arguments):
        out.add(None, **{**timed, "kind": "span", "agent": None, "status": "unknown"})
        return
    handoff = is_handoff(told.name, arguments)
    out.add(
        lambda: Content(arguments, told.result, error=error),
        **timed,
        kind="handoff" if handoff else "tool_call",
        tool=told.name,
        merge=told.call_id,
        executed=True,
        digest=arguments_digest(arguments),
        effects=() if handoff else out.effects(told.name, told.arguments),
    )
    if told.bare:
        # Below what the model's own request says: that has the argument's name.
        bare = {**timed, "status": "unknown", "kind": "handoff" if handoff else "tool_call", "tool": told.name}
        out.add(lambda: Content(told.arguments), **bare, merge=told.call_id, rank=-1)


def _agent(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    name = _agent_named(span, facts["agent"])
    workflow = name is None
    facts = {**facts, "agent": _title(span) if workflow and "." not in _title(span) else name}
    given, answered = messages.told_to_agent(attributes), messages.told_by_agent(attributes)
    text = answered[-1].text or None if answered else None
    error = _error(span)
    out.add(
        lambda: Content(text=text, error=error),
        **_timed(span, facts),
        kind="agent",
        role="workflow" if workflow else None,
        model=_text(attributes, keys.MODEL),
        provider=_text(attributes, keys.PROVIDER),
        usage=read_usage(attributes, keys.USAGE),
        **_cost(attributes),
    )
    _add_messages(span, facts, given, answered, out)


def _other(span: trimmed_pb2.Span, role: str, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    timed = _timed(span, facts, bare=role == "embedding")
    error = _error(span)
    if role == "embedding":
        timed.update(usage=read_usage(attributes, keys.USAGE), **_cost(attributes))
        timed.update(model=_text(attributes, keys.MODEL), provider=_text(attributes, keys.PROVIDER))

    def load() -> Content:
        asked = values.structure(attributes.get(keys.QUERY)) or values.structure(attributes.get(keys.INPUT))
        found = _documents(attributes) or values.structure(attributes.get(keys.OUTPUT))
        return Content(asked, found if role != "embedding" else None, error=error)

    out.add(load, **timed, kind=role)


def _chain(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Read a step: structure, unless it is an agent by another name or holds calls that nothing else tells of."""
    attributes = span.attributes
    if facts["agent"] is not None and facts["agent"] == _title(span):
        out.add(None, **_timed(span, facts), kind="agent")
        return
    timed = _timed(span, facts)
    if add_haystack(span, timed, out):
        return
    out.add(None, **{**timed, "kind": "span", "agent": None, "status": "unknown"})
    asked = attributes.get(keys.INPUT)
    if asked is not None and (_CALLS_IN in asked[:24] or _CALL_IN in asked[:64]):
        value = values.structure(asked)
        calls = [value.get("tool_call")] if isinstance(value, dict) else value
        parts = [{**call, "type": "tool_call"} for call in calls if isinstance(call, dict)] if calls else []
        answered = read_messages([{"role": "assistant", "parts": parts}])
        start = span.start_time_unix_nano
        add_messages(out, Shared(**facts), [], answered, start, start)


def _agent_named(span: trimmed_pb2.Span, told: str | None) -> str | None:
    title = _title(span)
    if told is not None:
        return told
    node = _text(span.attributes, keys.NODE)
    if node is not None:
        return node
    for beginning in keys.AGENT_BEGINNINGS:
        if title.startswith(beginning):
            return title[len(beginning) :].strip("[] ") or None
    for ending in keys.AGENT_ENDINGS:
        if title.endswith(ending):
            return title[: -len(ending)] or None
    return None


def _metadata_agent(attributes: Attributes) -> str | None:
    encoded = attributes.get(keys.METADATA)
    if encoded is None or keys.METADATA_AGENT.encode() not in encoded:
        return None
    value = values.structure(encoded)
    name = value.get(keys.METADATA_AGENT) if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else None


def _response_id(attributes: Attributes) -> str | None:
    """Return the provider's id of a response where it stands first in the response's JSON."""
    encoded = attributes.get(keys.OUTPUT)
    if encoded is None or b'{"id":' not in encoded[:16]:
        return None
    value = values.text(encoded) or ""
    identity = value[6 : 6 + _MAX_ID].lstrip().removeprefix('"').partition('"')
    return identity[0] if identity[1] and "\\" not in identity[0] and len(identity[0]) > 4 else None


def _documents(attributes: Attributes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for prefix in keys.DOCUMENTS:
        for index in range(_MAX_DOCUMENTS):
            at = f"{prefix}.{index}.document."
            document = {field: values.structure(attributes.get(at + field)) for field in keys.DOCUMENT}
            document = {field: value for field, value in document.items() if value is not None}
            if not document:
                break
            found.append(document)
    return found


def _cost(attributes: Attributes) -> Facts:
    cost = values.number(attributes.get(keys.COST))
    if cost is None:
        parts = [p for key in keys.COST_PARTS if (p := values.number(attributes.get(key))) is not None]
        cost = sum(parts) if parts else None
    return {"cost_usd": cost, "cost_source": "reported"} if cost is not None and cost > 0 else {}


def _error(span: trimmed_pb2.Span) -> str | None:
    if span.status.code != _ERROR:
        return None
    if span.status.message:
        return str(span.status.message, "utf-8", "replace")
    told = (values.text(event.attributes.get("exception.message")) for event in span.events[:100])
    return next((message for message in told if message is not None), "error")


def _title(span: trimmed_pb2.Span) -> str:
    return span.name.decode("utf-8", "replace")


def _text(attributes: Attributes, names: tuple[str, ...]) -> str | None:
    return next((v for name in names if (v := values.text(attributes.get(name))) is not None), None)


DIALECT = Dialect(
    NAME,
    ("openinference.*", "@arizeai/openinference*"),
    read_span,
    None,
    "openinference-semantic-conventions 0.1.42; openinference-instrumentation-* of 2026-11",
    (keys.KIND,),
)
