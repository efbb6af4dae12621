"""Qwen Code's spans: one trace for each prompt, one for each sub-agent. `success` tells how things ended.

Hooks end with an error whenever nobody has set one up; that is no failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanwarden.dialects import gemini_fields as fields
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.dialects.gemini_fields import Facts, Program
from spanwarden.dialects.labels import label
from spanwarden.dialects.usage import read_usage
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Reader = Callable[[trimmed_pb2.Span, Facts, Sightings], None]

_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool.input", "function_args")
_RESULTS = ("gen_ai.tool.call.result", "tool.output")
_USAGE: dict[str, tuple[str, ...]] = {
    "input": ("gen_ai.usage.input_tokens", "input_tokens"),
    "output": ("gen_ai.usage.output_tokens", "output_tokens"),
    "cache_read": ("gen_ai.usage.cache_read.input_tokens", "cached_input_tokens"),
    "reasoning": ("gen_ai.usage.reasoning.output_tokens",),
}


def read(program: Program, name: str, span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add what a span says; `name` is without the program's prefix. An unknown span is structure."""
    attributes = span.attributes
    session = fields.session_of(attributes)
    told = label(attributes.get("qwen-code.prompt_id"))
    prompt = fields.prompt_of(told, session, fields.process_of(origin))
    facts: Facts = {
        **fields.base_facts(program, origin, prompt, session, span.trace_id),
        "source": "span",
        "span_id": span.span_id,
        "parent_id": span.parent_span_id,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "agent": label(attributes.get("gen_ai.agent.name")),
    }
    _READERS.get(name, _structure)(span, facts, out)


def _structure(_span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    out.add(kind="span", **{**facts, "agent": None})


def _interaction(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    out.add(kind="agent", status=_status(span), root=not span.parent_span_id, **facts)


def _subagent(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Add a sub-agent. It may outlive the call that started it, and then is a trace of its own."""
    attributes = span.attributes
    call = label(attributes.get("qwen-code.subagent.invoking_request_id"))
    if call is not None:
        facts["keys"] += (fields.call_key(facts["conversation"], call),)
    facts["agent"] = facts["agent"] or label(attributes.get("qwen-code.subagent.name"))
    facts["agent_id"] = label(attributes.get("qwen-code.subagent.id"))
    out.add(kind="agent", status=_status(span), root=not span.parent_span_id, **facts)


def _llm_request(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    if values.boolean(attributes.get("success")) is False:
        _structure(span, facts, out)  # an attempt that failed is told by a log event
        return
    out.add(
        kind="llm_call",
        model=_first(span, ("gen_ai.response.model", "gen_ai.request.model", "qwen-code.model", "model")),
        status="ok",
        merge=label(attributes.get("gen_ai.response.id")),
        usage=read_usage(attributes, _USAGE),
        executed=True,
        rank=10,
        **facts,
    )


def _tool(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    attributes = span.attributes
    tool = _first(span, ("gen_ai.tool.name", "tool_name"))
    call = _first(span, ("gen_ai.tool.call.id", "tool.call_id", "call_id"))
    given, result = _structured(span, _ARGUMENTS), _structured(span, _RESULTS)
    told = given is not None or result is not None
    out.add(
        (lambda: Content(given, result)) if told else None,
        kind="tool_call",
        tool=tool,
        status=_status(span),
        merge=fields.bare_call_id(call, tool),
        effects=out.effects(tool or "", given, mcp_server=label(attributes.get("mcp_server_name"))),
        executed=True,
        rank=10 if given is None else 20,
        **facts,
    )


def _hook(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Add a call that is about to run: the hook before it comes even where the process dies during the call."""
    _structure(span, facts, out)
    attributes = span.attributes
    begins = values.text(attributes.get("hook_event")) == "PreToolUse"
    if begins and span.parent_span_id and values.boolean(attributes.get("should_proceed")) is True:
        tool = label(attributes.get("tool.name"))
        above = {**facts, "source": "log", "span_id": span.parent_span_id, "parent_id": b""}
        out.add(kind="tool_call", tool=tool, effects=out.effects(tool or "", None), rank=1, **above)


def _status(span: trimmed_pb2.Span) -> str:
    success = values.boolean(span.attributes.get("success"))
    return "unknown" if success is None else "ok" if success else "error"


def _first(span: trimmed_pb2.Span, keys: tuple[str, ...]) -> str | None:
    return next((told for key in keys if (told := label(span.attributes.get(key))) is not None), None)


def _structured(span: trimmed_pb2.Span, keys: tuple[str, ...]) -> Any:
    return next((told for key in keys if (told := values.structure(span.attributes.get(key))) is not None), None)


_READERS: dict[str, Reader] = {
    "interaction": _interaction,
    "subagent": _subagent,
    "llm_request": _llm_request,
    "tool": _tool,
    "hook": _hook,
}
