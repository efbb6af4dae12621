"""Genkit: `genkit:*` keys, scope `genkit-tracer`; input and output of every step are JSON.

A flow holds `generate`, which holds the model's action, the tools' actions and the next `generate`.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import decoded, text_in
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.messages import Said
from spanwarden.dialects.span_report import SpanReport
from spanwarden.dialects.usage import normalised
from spanwarden.model.event import Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "genkit"
ACTION, SUBTYPE, STEP = "genkit:name", "genkit:metadata:subtype", "genkit:type"
SUBTYPES: dict[str, str] = {
    "model": "llm_call",
    "background-model": "llm_call",
    "tool": "tool_call",
    "tool.v2": "tool_call",
    "flow": "agent",
    "agent": "agent",
    "retriever": "retrieval",
    "reranker": "retrieval",
    "embedder": "embedding",
    "evaluator": "decision",
}
"""Subtypes of actions; prompts, flow steps, indexers and resources are structure."""
INPUT, OUTPUT, STATE = "genkit:input", "genkit:output", "genkit:state"
CONVERSATION = ("genkit:sessionId", "genkit:metadata:sessionId")
ERROR = ("genkit:error",)


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one step of Genkit; False for a span without a name of its own."""
    attributes = span.attributes
    name = values.text(attributes.get(ACTION))
    if name is None:
        return False
    subtype = first_text(attributes, (SUBTYPE, STEP)) or ""
    role = SUBTYPES.get(subtype, "structure")
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=text_in(first_text(attributes, CONVERSATION)),
        agent=name if role == "agent" else None,
        failed=values.text(attributes.get(STATE)) == "error",
        error=first_text(attributes, ERROR),
    )
    if role == "structure":
        report.structure()
    elif role == "tool_call":
        report.tool_call(name, _content(attributes, INPUT), _content(attributes, OUTPUT))
    elif role == "retrieval":
        report.retrieval(_content(attributes, INPUT), _content(attributes, OUTPUT))
    elif role == "decision":
        report.decision(_content(attributes, OUTPUT))
    elif role == "agent":
        answered = conversation_in(_content(attributes, OUTPUT), "assistant")
        words = [Said("assistant", said.text) for said in answered[-1:] if said.text]
        report.agent(answered=words)
        report.messages(conversation_in(_content(attributes, INPUT), "user"), words)
    else:
        _model(report, attributes, name, role)
    return True


def _model(report: SpanReport, attributes: Attributes, name: str, role: str) -> None:
    output = _content(attributes, OUTPUT)
    answered = _answered(output)
    provider, found, model = name.partition("/")
    report.model_call(
        model=model if found else name,
        provider=provider if found else None,
        usage=_usage(output.get("usage")) if isinstance(output, dict) else None,
        answered=answered,
        kind="embedding" if role == "embedding" else "llm_call",
    )
    if role == "llm_call":
        report.messages(conversation_in(_content(attributes, INPUT), "user"), answered)


def _answered(output: Any) -> list[Said]:
    """Return the answer of a model: its `message`, or that of the first of several `candidates`."""
    if not isinstance(output, dict):
        return []
    message, candidates = output.get("message"), output.get("candidates")
    if message is None and isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        message = candidates[0].get("message")
    return conversation_in([message], "assistant") if isinstance(message, dict) else []


def _usage(told: Any) -> Usage | None:
    """Return the usage; the total tells whether the output holds the thoughts, which Gemini counts apart."""
    if not isinstance(told, dict):
        return None
    given, answered, total = (_count(told, key) for key in ("inputTokens", "outputTokens", "totalTokens"))
    cached, thoughts = _count(told, "cachedContentTokens"), _count(told, "thoughtsTokens")
    if given is None and answered is None:
        return None
    output = answered or 0
    if thoughts and total == (given or 0) + output + thoughts:
        output += thoughts
    return normalised(given or 0, output, cached or 0, 0, thoughts or 0)


def _count(told: dict[Any, Any], key: str) -> int | None:
    count = told.get(key)
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 1 << 53 else None


def _content(attributes: Attributes, key: str) -> Any:
    return decoded(values.structure(attributes.get(key)))


DIALECT = Dialect(NAME, ("genkit-tracer", "genkit*"), read_span, None, "Genkit 1.42.0 for JavaScript", tells=(ACTION,))
