"""MLflow tracing: `mlflow.*` keys, scope `mlflow.tracing.provider`; every value is JSON, words in quotes included.

Its patched clients emit one trace for each model call; a conversation is known where the application names a session.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import decoded, structured, text_in
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.span_report import SpanReport, last_words
from spanwarden.dialects.usage import normalised
from spanwarden.dialects.wrapped import tool_message
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "mlflow"
TYPE = "mlflow.spanType"
TYPES: dict[str, str] = {
    "LLM": "llm_call",
    "CHAT_MODEL": "llm_call",
    "TOOL": "tool_call",
    "AGENT": "agent",
    "RETRIEVER": "retrieval",
    "RERANKER": "retrieval",
    "EMBEDDING": "embedding",
    "GUARDRAIL": "decision",
    "EVALUATOR": "decision",
}
"""Span types that are actions; `CHAIN`, `PARSER`, `MEMORY`, `WORKFLOW`, `TASK` and `UNKNOWN` are structure."""
INPUT, OUTPUT = "mlflow.spanInputs", "mlflow.spanOutputs"
MODEL = ("mlflow.llm.model", "model")
PROVIDER = ("mlflow.llm.provider",)
USAGE, COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"
FUNCTION = "mlflow.spanFunctionName"
CALL_ID = ("tool_call_id", "call_id")
CONVERSATION = ("mlflow.trace.session", "thread_id", "session_id", "session.id")
_CACHED = {
    "cache_read": ("cache_read_input_tokens", "cached_input_tokens"),
    "cache_write": ("cache_creation_input_tokens", "cache_write_input_tokens"),
    "reasoning": ("reasoning_tokens", "reasoning_output_tokens"),
}


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span of MLflow; False for a span without a type."""
    attributes = span.attributes
    kind = text_in(values.text(attributes.get(TYPE)))
    if kind is None:
        return False
    role = TYPES.get(kind.upper(), "structure")
    name = span.name.decode("utf-8", "replace")
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=text_in(first_text(attributes, CONVERSATION)),
        agent=name if role == "agent" else None,
    )
    if role == "structure":
        report.structure()
    elif role == "tool_call":
        told = tool_message(structured(values.decode(attributes.get(OUTPUT))))
        arguments = unwrap(structured(values.decode(attributes.get(INPUT))))
        call_id = text_in(first_text(attributes, CALL_ID)) or told.id
        report.tool_call(_tool(attributes, name), arguments, told.result, call_id=call_id)
    elif role == "retrieval":
        report.retrieval(_content(attributes, INPUT), _content(attributes, OUTPUT))
    elif role == "decision":
        report.decision(_content(attributes, OUTPUT))
    else:
        _spoken(report, attributes, role)
    return True


def _spoken(report: SpanReport, attributes: Attributes, role: str) -> None:
    given = conversation_in(_content(attributes, INPUT), "user")
    outputs = _content(attributes, OUTPUT)
    answered = conversation_in(outputs, "assistant")
    usage = _usage(_content(attributes, USAGE))
    if role == "agent":
        answered = last_words(answered)
        report.agent(usage=usage, answered=answered)
    else:
        report.model_call(
            model=text_in(first_text(attributes, MODEL)),
            provider=text_in(first_text(attributes, PROVIDER)),
            usage=usage,
            cost=_cost(_content(attributes, COST)),
            answered=answered,
            kind="embedding" if role == "embedding" else "llm_call",
        )
    report.messages(given, answered)


def _tool(attributes: Attributes, name: str) -> str:
    """Return the tool's name; older versions number the spans of one function in a trace (`read_file_2`)."""
    function = text_in(values.text(attributes.get(FUNCTION)))
    stem, _, number = name.rpartition("_")
    return stem if function is not None and stem == function and number.isdecimal() else name


def _usage(told: Any) -> Usage | None:
    """Return the usage in a decoded token count, whose input holds what was cached."""
    if not isinstance(told, dict) or not ({"input_tokens", "output_tokens"} & told.keys()):
        return None
    parts = {field: _count(told, names) for field, names in _CACHED.items()}
    return normalised(_count(told, ("input_tokens",)), _count(told, ("output_tokens",)), **parts)


def _count(told: dict[Any, Any], names: tuple[str, ...]) -> int:
    counts = (told.get(name) for name in names)
    return next((c for c in counts if isinstance(c, int) and not isinstance(c, bool) and 0 <= c < 1 << 53), 0)


def _cost(told: Any) -> float | None:
    cost = told.get("total_cost") if isinstance(told, dict) else None
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e12 else None


def _content(attributes: Attributes, key: str) -> Any:
    return decoded(values.structure(attributes.get(key)))


DIALECT = Dialect(NAME, ("mlflow.tracing.provider", "mlflow*"), read_span, None, "mlflow-tracing 3.17.2", tells=(TYPE,))
