"""Haystack's own spans (opentelemetry-haystack): pipelines, components, agents, and each step of an agent.

All keys are Haystack's; the content is its serialised data classes as JSON text. Token counts stand only in the
`meta` of a reply. Content needs HAYSTACK_CONTENT_TRACING_ENABLED.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.messages import MAX_MESSAGES, Call, Response, Said, looks_failed, plain
from spanwarden.dialects.span_report import SpanReport
from spanwarden.dialects.usage import provider_usage
from spanwarden.model.event import Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "haystack"
_PREFIX = b"haystack."
_COMPONENT = "haystack.component.type"
_AGENT_STEPS = ("haystack.agent.step.llm.input", "haystack.agent.step.llm.output")
_COMPONENT_DATA = ("haystack.component.input", "haystack.component.output")
_AGENT_DATA = ("haystack.agent.input", "haystack.agent.output")
_ROLES = {"tool": "tool", "assistant": "assistant", "system": "system", "user": "user"}


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if its name is none of Haystack's."""
    if not span.name.startswith(_PREFIX):
        return False
    attributes = span.attributes
    what = span.name[len(_PREFIX) :].decode("utf-8", "replace")
    if what == "agent.step.llm":
        _model_call(SpanReport(span, origin, out, NAME), attributes, _AGENT_STEPS)
    elif what == "agent.step.tool":
        _tool_call(span, origin, out)
    elif what == "agent.run":
        told = _data(attributes, _AGENT_DATA)
        # A pipeline's component names the agent; the run inside is the same action.
        within = span.trace_id.hex() + span.parent_span_id.hex() if span.parent_span_id else None
        SpanReport(span, origin, out, NAME).agent(answered=_said(told[1], "messages")[-1:], identity=within)
    elif what == "component.run":
        _component(span, origin, out)
    else:
        SpanReport(span, origin, out, NAME).structure()
    return True


def _component(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    kind = values.text(attributes.get(_COMPONENT)) or ""
    if kind == "Agent":
        name = values.text(attributes.get("haystack.component.name"))
        identity = span.trace_id.hex() + span.span_id.hex()
        SpanReport(span, origin, out, NAME, agent=name).agent(identity=identity)
        return
    report = SpanReport(span, origin, out, NAME)
    if kind.endswith("Generator"):
        _model_call(report, attributes, _COMPONENT_DATA)
    elif kind.endswith(("Retriever", "Ranker", "WebSearch")):
        given, answered = _data(attributes, _COMPONENT_DATA)
        report.retrieval(_field(given, "query"), _field(answered, "documents"))
    elif kind.endswith("Embedder"):
        report.model_call(usage=_usage([_field(_data(attributes, _COMPONENT_DATA)[1], "meta")]), kind="embedding")
    else:
        report.structure()
        if kind == "ToolInvoker":
            given, answered = _data(attributes, _COMPONENT_DATA)
            report.messages((*_said(given, "messages"), *_said(answered, "tool_messages")), ())


def _model_call(report: SpanReport, attributes: Attributes, names: tuple[str, str]) -> None:
    given, answered = _data(attributes, names)
    replies = _field(answered, "replies")
    replies = replies if isinstance(replies, list) else []
    metas = [_own(reply, "meta") for reply in replies if isinstance(reply, dict)]
    outside = _field(answered, "meta")
    metas += outside if isinstance(outside, list) else []
    said = _said(answered, "replies")
    model = next((m["model"] for m in metas if isinstance(m, dict) and isinstance(m.get("model"), str)), None)
    asked = _said(given, "messages")
    prompt = _field(given, "prompt")
    if isinstance(prompt, str):
        asked = [*asked, Said("user", prompt)]
    report.model_call(model=model, usage=_usage(metas), answered=said)
    report.messages(asked, said)


def _tool_call(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    name = values.text(attributes.get("haystack.tool.name"))
    result = values.structure(attributes.get("haystack.agent.step.tool.output"))
    # A failing tool does not fail its span: the error is what the model is told.
    report = SpanReport(span, origin, out, NAME, failed=looks_failed(result))
    if name is None:
        report.structure()
    else:
        report.tool_call(name, values.structure(attributes.get("haystack.agent.step.tool.input")), result)


def _data(attributes: Attributes, names: tuple[str, str]) -> tuple[Any, Any]:
    return values.structure(attributes.get(names[0])), values.structure(attributes.get(names[1]))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _own(value: dict[str, Any], name: str) -> Any:
    """Return a field of a data class; releases before 2.9 wrote an underscore in front."""
    return value.get(name, value.get("_" + name))


def _usage(metas: Sequence[Any]) -> Usage | None:
    """Return the usage of an answer; each of several replies repeats it."""
    told = (provider_usage(m.get("usage")) for m in metas if isinstance(m, dict))
    return next((usage for usage in told if usage is not None), None)


def _said(value: Any, name: str) -> list[Said]:
    messages = _field(value, name)
    return [_message(item) for item in messages[-MAX_MESSAGES:]] if isinstance(messages, list) else []


def _message(item: Any) -> Said:
    if not isinstance(item, dict):
        return Said("assistant", item if isinstance(item, str) else "")
    role = _own(item, "role")
    parts = _own(item, "content")
    texts: list[str] = []
    calls: list[Call] = []
    responses: list[Response] = []
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            _part(part, texts, calls, responses)
    said_by = _ROLES.get(role, "user") if isinstance(role, str) else "user"
    return Said(said_by, "\n".join(texts), tuple(calls), tuple(responses))


def _part(part: dict[str, Any], texts: list[str], calls: list[Call], responses: list[Response]) -> None:
    text, call, result = part.get("text"), part.get("tool_call"), part.get("tool_call_result")
    if isinstance(text, str):
        texts.append(text)
    if isinstance(call, dict) and isinstance(name := call.get("tool_name"), str):
        calls.append(Call(_text(call.get("id")), name, call.get("arguments")))
    if isinstance(result, dict):
        origin = result.get("origin")
        made = origin if isinstance(origin, dict) else {}
        given = plain(result.get("result"))
        failed = result.get("error") is True or looks_failed(given)
        responses.append(Response(_text(made.get("id")), _text(made.get("tool_name")), given, failed))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


DIALECT = Dialect(
    NAME,
    ("haystack", "haystack.*"),
    read_span,
    None,
    "haystack-ai 2.x with opentelemetry-haystack, message shapes before and since 2.9",
    ("haystack.tool.name", "haystack.agent.step.llm.output", _COMPONENT, "haystack.agent.max_steps"),
)
