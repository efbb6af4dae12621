"""CrewAI: its own tracing (GenAI conventions with `crewai.*` keys) and OpenLLMetry's instrumentation of it.

OpenLLMetry calls crew, task and agent all `invoke_agent` and has no spans of tools and model calls: the crew's span
repeats the whole conversation, in Python's spelling of its objects, in `crewai.crew.tasks_output`.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import genai
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.messages import Said, read_messages
from spanwarden.dialects.python_repr import ReprError, read_repr
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.dialects.usage import provider_usage
from spanwarden.model.event import Content, Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "crewai"
_TASKS_OUTPUT = "crewai.crew.tasks_output"
_CREW = ("crewai.crew.id", "crewai.crew.name", _TASKS_OUTPUT, "crewai.flow.id")
_TASK = ("crewai.task.id", "crewai.task.description")
_AGENT = ("crewai.agent.role", "crewai.agent.id", "crewai.agent.key")
_USAGE = ("crewai.crew.usage_metrics", "crewai.crew.token_usage")
_TOOL = ("gen_ai.tool.name", "crewai.mcp.tool_name", "tool_name")
_CALL_ID = ("gen_ai.tool.call.id", "crewai.tool.call.id")
_ARGUMENTS = ("gen_ai.tool.call.arguments", "crewai.mcp.tool_args", "crewai.tool.args", "tool_args")
_RESULT = ("gen_ai.tool.call.result", "crewai.mcp.tool_result", "crewai.tool.result")
_MCP_SERVER = ("crewai.mcp.server_name", "crewai.mcp.server_url")
_FAILURE = ("crewai.tool.failure.type", "crewai.tool.failure.message", "crewai.tool.failure.error")
_DECISION = "crewai.policy.decision"
_REFUSED = frozenset({"deny", "denied", "block", "blocked", "reject", "rejected"})
_TOOL_SPANS = frozenset({b"Tool Usage", b"Tool Repeated Usage", b"Tool Usage Error"})
"""Of the anonymous product telemetry: a name and nothing more, beside whatever else tells of the call."""


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if nothing says what it is."""
    attributes = span.attributes
    kind = values.text(attributes.get("traceloop.span.kind"))
    operation = values.text(attributes.get("gen_ai.operation.name"))
    named = any(key in attributes for key in _TOOL)
    if span.name in _TOOL_SPANS or (operation == "execute_tool" and "gen_ai.tool.name" not in attributes and named):
        _tool(span, origin, out)
    elif _DECISION in attributes and operation != "execute_tool":
        SpanReport(span, origin, out, NAME).decision(values.structure(attributes[_DECISION]))
    elif operation == "invoke_agent" and (kind is not None or any(key in attributes for key in (*_CREW, *_TASK))):
        _crew(span, origin, out, kind)
    elif operation in {"execute_task", "execute_method"}:
        SpanReport(span, origin, out, NAME).structure()
    else:
        return genai.read_span(span, origin, out, NAME)
    return True


def _crew(span: trimmed_pb2.Span, origin: Origin, out: Sightings, kind: str | None) -> None:
    attributes = span.attributes
    if kind == "agent" or (kind is None and any(key in attributes for key in _AGENT)):
        name = first_text(attributes, ("gen_ai.agent.name", *_AGENT))
        SpanReport(span, origin, out, NAME, agent=name.strip() if name else None).agent()
    elif kind == "task" or any(key in attributes for key in _TASK):
        SpanReport(span, origin, out, NAME).structure()
    else:
        report = SpanReport(span, origin, out, NAME, agent=first_text(attributes, ("crewai.crew.name",)))
        report.agent(usage=_usage(attributes), workflow=True)
        for task, messages in enumerate(_conversations(attributes)):
            # Sent after the fact: what the user asked, then what the models answered, each answer a model call.
            first = next((n for n, said in enumerate(messages) if said.role == "assistant"), len(messages))
            report.messages(messages[:first], messages[first:])
            for number, said in enumerate(messages[first:]):
                if said.role == "assistant":
                    _model_call(said, f"{task}:{number}", span, origin, out)


def _model_call(said: Said, place: str, span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    end = max(span.start_time_unix_nano, span.end_time_unix_nano)
    out.add(
        lambda: Content(text=said.text or None),
        kind="llm_call",
        source="message",
        keys=("trace:" + span.trace_id.hex(),),
        dialect=NAME,
        service=origin.service,
        trace_id=span.trace_id,
        span_id=span.span_id,
        merge=f"{span.span_id.hex()}:{place}",
        status="ok",
        start=end,
        end=end,
    )


def _conversations(attributes: Attributes) -> list[list[Said]]:
    shown = values.text(attributes.get(_TASKS_OUTPUT))
    if shown is None:
        return []
    try:
        tasks = read_repr(shown)
    except ReprError:
        return []
    found: list[list[Said]] = []
    for task in tasks if isinstance(tasks, list) else [tasks]:
        messages = task.get("messages") if isinstance(task, dict) else None
        if isinstance(messages, list):
            found.append(read_messages(messages))
    return found


def _usage(attributes: Attributes) -> Usage | None:
    """Return the crew's sum of tokens, written as a Python dict or as words `prompt_tokens=1 completion_tokens=2`."""
    shown = first_text(attributes, _USAGE)
    if shown is None:
        return None
    if not shown.lstrip().startswith("{"):
        pairs = (word.partition("=") for word in shown[:2000].split())
        return provider_usage({key: int(count) for key, _, count in pairs if count.isascii() and count.isdigit()})
    try:
        told: Any = read_repr(shown)
    except ReprError:
        told = values.parse_json(shown)
    return provider_usage(told)


def _tool(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    name = first_text(attributes, _TOOL)
    failure = first_text(attributes, _FAILURE)
    failed = failure is not None or span.name == b"Tool Usage Error"
    report = SpanReport(span, origin, out, NAME, failed=failed, error=failure)
    if name is None:
        report.structure()
        return
    report.tool_call(
        name,
        first_value(attributes, _ARGUMENTS),
        first_value(attributes, _RESULT),
        call_id=first_text(attributes, _CALL_ID),
        mcp_server=first_text(attributes, _MCP_SERVER),
        denied=(values.text(attributes.get(_DECISION)) or "").lower() in _REFUSED,
    )


DIALECT = Dialect(
    NAME,
    ("crewai", "crewai.*", "opentelemetry.instrumentation.crewai*"),
    read_span,
    None,
    "CrewAI 1.15 (telemetry and tracing); opentelemetry-instrumentation-crewai 0.62",
    ("crewai.mcp.tool_name", "crewai.policy.decision", _TASKS_OUTPUT, "crewai.tool.failure.type"),
)
