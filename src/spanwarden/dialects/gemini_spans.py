"""Gemini CLI's spans. Tool spans carry the call's id, log events its arguments and outcome; model spans add nothing."""

from __future__ import annotations

from spanwarden.dialects import gemini_fields as fields
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.dialects.gemini_fields import Facts, Program
from spanwarden.dialects.labels import label
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

_ERROR = 2


def read(program: Program, span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add what a span says. It belongs to a prompt where it names one, else to what else is in its trace.

    Records of the same trace may be lost; a session with a single prompt is then tie enough.
    """
    attributes = span.attributes
    session = fields.session_of(attributes)
    told = label(attributes.get("gen_ai.prompt.name"))
    prompt = fields.prompt_of(told, session, fields.process_of(origin))
    facts: Facts = {
        **fields.base_facts(program, origin, prompt, session, span.trace_id),
        "source": "span",
        "span_id": span.span_id,
        "parent_id": span.parent_span_id,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
    }
    if session is not None and told is None:
        facts["follows"] = (fields.session_key(session, fields.process_of(origin)),)
    if values.text(attributes.get("gen_ai.operation.name")) != "tool_call":
        out.add(kind="span", **{**facts, "agent": None})
        return
    tool = label(attributes.get("gen_ai.tool.name"))
    call = label(attributes.get("gen_ai.tool.call_id")) or label(attributes.get("gen_ai.tool.call.id"))
    out.add(
        kind="tool_call",
        tool=tool,
        status="error" if span.status.code == _ERROR else "unknown",
        merge=fields.bare_call_id(call, tool),
        effects=out.effects(tool or "", None),
        rank=5,
        # Its execution is told by the log event, which does not carry the id and so looks for a request to answer.
        executed=False,
        **{**facts, "agent": None},
    )
