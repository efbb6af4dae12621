"""Langfuse SDKs: `langfuse.observation.*` keys, scope `langfuse-sdk`, contents as JSON text.

The LangChain callback and the `observe` decorator tell of tools by spans; the OpenAI wrapper tells of model calls only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import decoded, text_in
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.span_report import SpanReport, last_words
from spanwarden.dialects.usage import normalised, provider_usage
from spanwarden.dialects.wrapped import tool_message
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "langfuse"
TYPE = "langfuse.observation.type"
TYPES: dict[str, str] = {
    "generation": "llm_call",
    "embedding": "embedding",
    "tool": "tool_call",
    "agent": "agent",
    "retriever": "retrieval",
    "guardrail": "decision",
    "evaluator": "decision",
}
"""Observation types that are actions; `span`, `chain` and `event` are structure."""
INPUT, OUTPUT = "langfuse.observation.input", "langfuse.observation.output"
MODEL = ("langfuse.observation.model.name", "gen_ai.response.model", "gen_ai.request.model")
USAGE, COST = "langfuse.observation.usage_details", "langfuse.observation.cost_details"
LEVEL, MESSAGE = "langfuse.observation.level", "langfuse.observation.status_message"
PROVIDER = ("langfuse.observation.metadata.ls_provider", "gen_ai.provider.name", "gen_ai.system")
CALL_ID = ("langfuse.observation.metadata.tool_call_id", "gen_ai.tool.call.id")
AGENT = ("langfuse.observation.metadata.lc_agent_name", "langfuse.trace.metadata.lc_agent_name", "gen_ai.agent.name")
LANGCHAIN_ROOT = "langfuse.observation.metadata.is_langchain_root"
CONVERSATION = (
    "session.id",
    "langfuse.session.id",
    "langfuse.trace.metadata.langfuse_session_id",
    "langfuse.trace.metadata.session_id",
    "langfuse.trace.metadata.thread_id",
    "langfuse.trace.metadata.conversation_id",
    "langfuse.observation.metadata.langfuse_session_id",
    "langfuse.observation.metadata.session_id",
    "langfuse.observation.metadata.thread_id",
)
_NET: dict[str, tuple[str, ...]] = {
    "cache_read": ("input_cache_read", "input_cached_tokens", "input_cache_read_tokens", "cache_read_input_tokens"),
    "cache_write": ("input_cache_creation", "input_cache_write", "cache_creation_input_tokens"),
    "reasoning": ("output_reasoning", "output_reasoning_tokens"),
}
"""Counts that are taken out of `input` and `output` and told beside them."""


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one observation of Langfuse; False for a span without a type."""
    attributes = span.attributes
    kind = values.text(attributes.get(TYPE))
    if kind is None:
        return False
    role = TYPES.get(kind.lower(), "structure")
    name = span.name.decode("utf-8", "replace")
    if role == "structure" and _is_agent(attributes, name):
        role = "agent"
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=text_in(first_text(attributes, CONVERSATION)),
        agent=_agent(attributes, name, role),
        failed=values.text(attributes.get(LEVEL)) == "ERROR",
        error=values.text(attributes.get(MESSAGE)),
    )
    if role == "structure":
        report.structure()
    elif role == "tool_call":
        told = tool_message(decoded(values.decode(attributes.get(OUTPUT))))
        call_id = text_in(first_text(attributes, CALL_ID)) or told.id
        report.tool_call(name, _arguments(attributes), told.result, call_id=call_id)
    elif role == "retrieval":
        report.retrieval(_content(attributes, INPUT), _content(attributes, OUTPUT))
    elif role == "decision":
        report.decision(_content(attributes, OUTPUT))
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
            provider=text_in(first_text(attributes, PROVIDER)),
            usage=usage_details(decoded(values.decode(attributes.get(USAGE)))),
            cost=_cost(decoded(values.decode(attributes.get(COST)))),
            answered=answered,
            kind="embedding" if role == "embedding" else "llm_call",
        )
    report.messages(given, answered)


def usage_details(told: Any) -> Usage | None:
    """Return the usage in decoded `usage_details`; None where there is none.

    Either the provider's own object, or Langfuse's: `input` without what was cached, `output` without reasoning.
    """
    if not isinstance(told, dict):
        return None
    if "input" not in told and "output" not in told:
        return provider_usage(told)
    parts = {field: _count(told, names) for field, names in _NET.items()}
    gross = _count(told, ("input",)), _count(told, ("output",))
    spent = gross[0] + parts["cache_read"] + parts["cache_write"], gross[1] + parts["reasoning"]
    total = _count(told, ("total",))
    # Applications that fill the details in by hand may count the parts twice; the total tells.
    if total and total == sum(gross) and total != sum(spent):
        spent = gross
    return normalised(spent[0], spent[1], **parts)


def _count(told: Mapping[Any, Any], names: tuple[str, ...]) -> int:
    counts = (told.get(name) for name in names)
    return next((c for c in counts if isinstance(c, int) and not isinstance(c, bool) and 0 <= c < 1 << 53), 0)


def _cost(told: Any) -> float | None:
    if not isinstance(told, dict):
        return None
    cost = told.get("total")
    if cost is None:
        parts = [told.get("input"), told.get("output")]
        cost = sum(p for p in parts if isinstance(p, int | float) and not isinstance(p, bool))
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e12 else None


def _is_agent(attributes: Attributes, name: str) -> bool:
    """Tell whether a plain span is an agent: LangChain's graphs are chains named after the agent."""
    return name == text_in(first_text(attributes, AGENT)) or values.text(attributes.get(LANGCHAIN_ROOT)) == "true"


def _agent(attributes: Attributes, name: str, role: str) -> str | None:
    return text_in(first_text(attributes, AGENT)) or (name if role == "agent" else None)


def _arguments(attributes: Attributes) -> Any:
    return unwrap(decoded(values.decode(attributes.get(INPUT))))


def _content(attributes: Attributes, key: str) -> Any:
    return decoded(values.structure(attributes.get(key)))


DIALECT = Dialect(NAME, ("langfuse-sdk*",), read_span, None, "Langfuse SDK 5.0.4 for Python", tells=(TYPE,))
