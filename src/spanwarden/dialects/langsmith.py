"""LangSmith's OpenTelemetry export: `langsmith.*` keys beside `gen_ai.prompt` and `gen_ai.completion`.

Those two hold the whole inputs and outputs of a step as JSON. `langsmith.span.kind` goes before the operation's name,
which calls retrievers embeddings; `langsmith.trace.session_*` is the project and no conversation.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import decoded
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.span_report import SpanReport, last_words
from spanwarden.dialects.usage import provider_usage, read_usage
from spanwarden.dialects.wrapped import tool_message
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "langsmith"
KIND = "langsmith.span.kind"
KINDS: dict[str, str] = {
    "llm": "llm_call",
    "tool": "tool_call",
    "retriever": "retrieval",
    "embedding": "embedding",
}
"""Span kinds that are actions; `chain`, `prompt` and `parser` are structure."""
INPUT, OUTPUT = "gen_ai.prompt", "gen_ai.completion"
TOOL_NAME = ("gen_ai.tool.name", "langsmith.trace.name")
CALL_ID = ("gen_ai.tool.call.id",)
AGENT = ("langsmith.metadata.lc_agent_name", "gen_ai.agent.name")
MODEL = ("gen_ai.response.model", "gen_ai.request.model", "langsmith.metadata.ls_model_name")
PROVIDER = ("gen_ai.system", "gen_ai.provider.name", "langsmith.metadata.ls_provider")
USAGE_OBJECT = "langsmith.metadata.usage_metadata"
USAGE: dict[str, tuple[str, ...]] = {
    "input": ("gen_ai.usage.input_tokens",),
    "output": ("gen_ai.usage.output_tokens",),
}
CONVERSATION = (
    "langsmith.metadata.thread_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.conversation_id",
    "gen_ai.conversation.id",
    "session.id",
)


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span of LangSmith; False for a span without a kind."""
    attributes = span.attributes
    kind = values.text(attributes.get(KIND))
    if kind is None:
        return False
    role = KINDS.get(kind.lower(), "structure")
    agent = first_text(attributes, AGENT)
    name = span.name.decode("utf-8", "replace")
    if role == "structure" and (name == agent or (agent is None and not span.parent_span_id)):
        role, agent = "agent", name
    report = SpanReport(span, origin, out, NAME, conversation=first_text(attributes, CONVERSATION), agent=agent)
    if role == "structure":
        report.structure()
    elif role == "tool_call":
        told = tool_message(_returned(_content(attributes, OUTPUT)))
        arguments = unwrap(_content(attributes, INPUT))
        call_id = first_text(attributes, CALL_ID) or told.id
        report.tool_call(first_text(attributes, TOOL_NAME) or name, arguments, told.result, call_id=call_id)
    elif role == "retrieval":
        report.retrieval(_content(attributes, INPUT), _content(attributes, OUTPUT))
    else:
        _spoken(report, attributes, role)
    return True


def _spoken(report: SpanReport, attributes: Attributes, role: str) -> None:
    given = conversation_in(_content(attributes, INPUT), "user")
    answered = conversation_in(_content(attributes, OUTPUT), "assistant")
    if role == "agent":
        answered = last_words(answered)
        report.agent(answered=answered)
    else:
        report.model_call(
            model=first_text(attributes, MODEL),
            provider=first_text(attributes, PROVIDER),
            usage=_usage(attributes),
            answered=answered,
            kind="embedding" if role == "embedding" else "llm_call",
        )
    report.messages(given, answered)


def _usage(attributes: Attributes) -> Usage | None:
    """Return the usage; LangChain's own object knows the cached tokens, the keys beside it the totals alone."""
    told = decoded(values.decode(attributes.get(USAGE_OBJECT)))
    return provider_usage(told) or read_usage(attributes, USAGE)


def _returned(output: Any) -> Any:
    """Return what a tool gave back: an output that is no object is sent as `{"output": ..}`, none as an empty one."""
    if isinstance(output, dict) and output.keys() <= {"output"}:
        return output.get("output")
    return output


def _content(attributes: Attributes, key: str) -> Any:
    return decoded(values.structure(attributes.get(key)))


DIALECT = Dialect(NAME, ("langsmith",), read_span, None, "LangSmith SDK with LangChain 1.4.7", tells=(KIND,))
