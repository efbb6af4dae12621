"""OpenLIT's instrumentation of MCP: a further layer of a call, which stands in a JSON payload under its own keys."""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.messages import arguments_digest, plain
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "openlit-mcp"
_OPERATION = "mcp.operation.name"
_CALL = "tools_call"
_REQUEST, _RESPONSE = "mcp.request.payload", "mcp.response.payload"
_UNAWAITED = "mcp_coroutine"
_ERROR = 2
_RANK = -1
"""The framework's span around it tells more."""


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if it does not call a tool by name."""
    attributes = span.attributes
    if values.text(attributes.get(_OPERATION)) != _CALL:
        return False
    name, arguments = _asked(values.structure(attributes.get(_REQUEST)))
    if name is None:
        return False
    response = values.structure(attributes.get(_RESPONSE))
    failed = span.status.code == _ERROR
    result = None
    if isinstance(response, dict) and response.get("type") != _UNAWAITED:
        failed = failed or response.get("is_error") is True or response.get("isError") is True
        structured = response.get("structured_content")
        result = plain(structured if structured is not None else response.get("content"))
    start = span.start_time_unix_nano
    out.add(
        lambda: Content(arguments, result),
        kind="tool_call",
        keys=("trace:" + span.trace_id.hex(),),
        dialect=NAME,
        service=origin.service,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        start=start,
        end=max(start, span.end_time_unix_nano),
        root=not span.parent_span_id,
        tool=name,
        executed=True,
        rank=_RANK,
        status="error" if failed else "ok",
        digest=arguments_digest(arguments),
        effects=out.effects(name, arguments),
    )
    return True


def _asked(payload: Any) -> tuple[str | None, Any]:
    """Return the tool's name and arguments: positional, by keyword, or in the protocol's own form."""
    params = payload.get("params") if isinstance(payload, dict) else None
    if not isinstance(params, dict):
        return None, None
    given, named = params.get("args"), params.get("kwargs")
    positional = given if isinstance(given, list) else []
    named = named if isinstance(named, dict) else params
    name = positional[0] if positional else named.get("name", named.get("tool_name"))
    arguments = positional[1] if len(positional) > 1 else named.get("arguments")
    return (name, arguments) if isinstance(name, str) and name else (None, None)


DIALECT = Dialect(NAME, ("openlit.instrumentation.mcp",), read_span, None, "1.45", ("mcp.request.payload",))
