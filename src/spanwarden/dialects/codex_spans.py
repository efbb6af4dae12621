"""Codex's spans: of hundreds for each call only a few tell of an action; the others are left out.

Their ancestors end with the process and arrive late or never, so nothing here waits for a root.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import codex_fields as fields
from spanwarden.dialects import codex_logs
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.dialects.labels import label
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Facts = dict[str, Any]

_MAX_EVENTS = 64
_TYING = frozenset({b"codex.sampling", b"session_task.turn", b"session_task.run"})
"""Spans that name the conversation which the others of their trace belong to."""
_USAGE = "gen_ai.usage.input_tokens"


def read(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add what a span says."""
    facts = _facts(span, origin)
    attributes = span.attributes
    if "call_id" in attributes and values.text(attributes.get("tool_name")) == span.name.decode("utf-8", "replace"):
        _tool(span, facts, out)
    elif _USAGE in attributes:
        told = fields.usage(attributes)
        if told is not None:
            out.add(kind="llm_call", usage=told, merge=fields.usage_merge(told), executed=True, rank=10, **facts)
    elif span.name in _TYING:
        out.add(kind="span", **facts)
    for event in span.events[:_MAX_EVENTS]:
        name = values.decode(event.attributes.get("event.name"))
        if isinstance(name, str) and name.startswith(fields.PREFIX):
            about = codex_logs.facts_of(event.attributes, origin, event.time_unix_nano, span.trace_id)
            codex_logs.read_call(name[len(fields.PREFIX) :], event.attributes, about, out)


def _facts(span: trimmed_pb2.Span, origin: Origin) -> Facts:
    conversation = label(span.attributes.get("conversation.id")) or label(span.attributes.get("thread_id"))
    keys = [f"trace:{span.trace_id.hex()}"]
    if conversation is not None:
        keys.append(fields.conversation_key(conversation))
    return {
        "source": "span",
        "dialect": fields.NAME,
        "keys": tuple(keys),
        "conversation": conversation,
        "service": origin.service,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_span_id,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
    }


def _tool(span: trimmed_pb2.Span, facts: Facts, out: Sightings) -> None:
    """Add the dispatch of a call; its arguments and how it ended are told elsewhere."""
    attributes = span.attributes
    if fields.is_wrapper(attributes, None):
        return
    tool = fields.tool_name(attributes)
    out.add(
        kind="tool_call",
        tool=tool,
        merge=label(attributes.get("call_id")),
        effects=out.effects(tool or "", None, mcp_server=fields.server(attributes)),
        executed=values.boolean(attributes.get("aborted")) is not True,
        rank=5,
        **facts,
    )
