"""Claude Code's spans (beta traces). Their status is not set; `success` tells how things ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanwarden.dialects import claude_code_fields as fields
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.dialects.labels import label, mcp_name
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Facts = dict[str, Any]
Reader = Callable[[trimmed_pb2.Span, Facts, Sightings], None]

_OUTPUT = b"tool.output"
_RESULTS = ("output", "content", "diff")
_STATUS_ERROR = 2


def read(name: str, span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add what a span says; `name` is without the program's prefix. An unknown span is structure."""
    _READERS.get(name, _structure)(span, _facts(span, origin), out)


def _facts(span: trimmed_pb2.Span, origin: Origin) -> Facts:
    attributes = span.attributes
    identity = fields.agent_id(attributes)
    return {
        "source": "span",
        "dialect": "claude_code",
        "keys": (f"trace:{span.trace_id.hex()}",),
        "conversation": label(attributes.get("session.id")),
        "service": origin.service,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_span_id,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "agent": fields.agent_name(attributes, identity),
        "agent_id": identity,
    }


def _structure(_span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    out.add(kind="span", **facts)


def _interaction(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    prompt = values.text(attributes.get("user_prompt"))
    facts["keys"] += fields.notification_keys(facts["conversation"], prompt)
    status = "error" if span.status.code == _STATUS_ERROR else "unknown"
    out.add(kind="agent", status=status, root=not span.parent_span_id, **facts)
    if prompt is not None:
        role = fields.prompt_role(prompt)
        heard = {**facts, "end": facts["start"], "source": "message", "span_id": b"", "parent_id": span.span_id}
        out.add(
            lambda: Content(text=values.text(attributes.get("user_prompt"))),
            kind="message",
            role=role,
            status="ok",
            merge=fields.prompt_merge(role, prompt),
            **heard,
        )


def _llm_request(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    failed = values.text(attributes.get("error")) is not None
    out.add(
        (lambda: Content(error=values.text(attributes.get("error")))) if failed else None,
        kind="llm_call",
        model=fields.model(attributes),
        status=_status(span),
        merge=fields.request_merge(attributes),
        usage=fields.usage(attributes),
        executed=True,
        rank=30,
        **facts,
    )


def _tool(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    tool = _tool_name(span)
    given = _arguments(span)
    call = label(attributes.get("tool_use_id")) or label(attributes.get("gen_ai.tool.call.id"))
    facts["keys"] += fields.background_key(facts["conversation"], call, tool, given)
    told = given is not None or any(event.name == _OUTPUT for event in span.events)
    fields.add_call(
        out,
        (lambda: Content(arguments=_arguments(span), result=_result(span))) if told else None,
        tool,
        status=_status(span),
        merge=call,
        effects=out.effects(tool or "", given, mcp_server=label(attributes.get("anthropic.mcp.server.name"))),
        rank=fields.tool_rank(20, given),
        **facts,
    )


def _tool_name(span: trimmed_pb2.Span) -> str | None:
    """Return the tool's name as the agent saw it, or the mark that stands for a withheld one."""
    attributes = span.attributes
    name = label(attributes.get("tool_name"))
    if not fields.is_placeholder(name):
        return name
    server = label(attributes.get("anthropic.mcp.server.name"))
    short = label(attributes.get("gen_ai.tool.name"))
    if short is None or fields.is_placeholder(short):
        return name or short or label(attributes.get("tool_name_safe"))
    return short if server is None or short.startswith("mcp__") else mcp_name(server, short)


def _arguments(span: trimmed_pb2.Span) -> Any:
    given = fields.arguments(span.attributes, {})
    if given is None:
        for event in span.events:
            if event.name == _OUTPUT:
                return fields.arguments(event.attributes, {})
    return given


def _result(span: trimmed_pb2.Span) -> Any:
    for event in span.events:
        if event.name == _OUTPUT:
            for key in _RESULTS:
                result = values.structure(event.attributes.get(key))
                if result is not None:
                    return result
    return None


def _execution(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Add the execution inside a tool's span. It is told of the call, not of a span of its own."""
    _structure(span, facts, out)
    attributes = span.attributes
    call = label(attributes.get("tool_use_id")) or label(attributes.get("gen_ai.tool.call.id"))
    if call is None and not span.parent_span_id:
        return
    # With a call id the tool's span is found by it; without one it is found as this span's parent.
    above = b"" if call is not None else span.parent_span_id
    failed = values.text(attributes.get("error")) is not None
    out.add(
        (lambda: Content(error=values.text(attributes.get("error")))) if failed else None,
        kind="tool_call",
        status=_status(span),
        merge=call,
        executed=True,
        rank=5,
        **{**facts, "source": "log", "span_id": above, "parent_id": b""},
    )


def _blocked(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Add the wait for a permission. It carries no call id; a refusal is told of the tool's span, its parent."""
    _structure(span, facts, out)
    if values.text(span.attributes.get("decision")) == "reject" and span.parent_span_id:
        refused = {**facts, "source": "log", "span_id": span.parent_span_id, "parent_id": b""}
        out.add(kind="tool_call", status="denied", rank=60, **refused)


def _status(span: trimmed_pb2.Span) -> str:
    success = values.boolean(span.attributes.get("success"))
    if success is None:
        return "error" if span.status.code == _STATUS_ERROR else "unknown"
    return "ok" if success else "error"


_READERS: dict[str, Reader] = {
    "interaction": _interaction,
    "llm_request": _llm_request,
    "tool": _tool,
    "tool.execution": _execution,
    "tool.blocked_on_user": _blocked,
}
