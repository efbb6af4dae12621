"""Vercel AI SDK up to version 5, and what later versions call the legacy telemetry: `ai.*` keys, scope `ai`.

`ai.generateText` holds `ai.generateText.doGenerate` (a request to the model) and `ai.toolCall`. The outer span's usage
is that of its last request only, so it is not read. Version 7 speaks the GenAI conventions under the scope `gen_ai`.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects import genai
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import decoded, structured
from spanwarden.dialects.messages import Said, read_messages
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.dialects.usage import read_usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "ai-sdk"
OPERATION = "ai.operationId"
NAMED = "operation.name"
CONVENTIONAL = "gen_ai"
"""The scope of version 7."""
FUNCTION = "ai.telemetry.functionId"
CONVERSATION = (
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "ai.telemetry.metadata.conversationId",
    "ai.telemetry.metadata.conversation_id",
    "ai.telemetry.metadata.threadId",
    "ai.telemetry.metadata.thread_id",
    "ai.telemetry.metadata.chatId",
    "ai.telemetry.metadata.langfuseSessionId",
    "session.id",
)
RUN_ID = ("ai.telemetry.metadata.runId", "ai.telemetry.metadata.run_id")
AGENTS = frozenset({"ai.generateText", "ai.streamText"})
"""Outer spans that may call tools; the others (`ai.generateObject`, `ai.embed`) hold one request and nothing else."""
REQUESTS: dict[str, str] = {
    "doGenerate": "llm_call",
    "doStream": "llm_call",
    "doEmbed": "embedding",
    "doRerank": "retrieval",
}
"""Endings of the operations that reach a model."""
TOOL = "ai.toolCall"
TOOL_NAME = ("ai.toolCall.name",)
CALL_ID = ("ai.toolCall.id",)
ARGUMENTS = ("ai.toolCall.args", "ai.toolCall.input")
RESULT = ("ai.toolCall.result", "ai.toolCall.output")
MODEL = ("ai.response.model", "gen_ai.response.model", "ai.model.id", "gen_ai.request.model")
PROVIDER = ("ai.model.provider", "gen_ai.system")
RESPONSE_ID = ("ai.response.id", "gen_ai.response.id")
GIVEN = ("ai.prompt.messages", "ai.prompt")
TEXT = ("ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")
QUERY, DOCUMENTS = ("ai.rerank.query", "ai.query"), ("ai.ranking", "ai.documents")
USAGE: dict[str, tuple[str, ...]] = {
    "input": (
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "ai.usage.tokens",
    ),
    "output": (
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
    ),
    "cache_read": (
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "gen_ai.usage.cache_read.input_tokens",
    ),
    "cache_write": (
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "ai.usage.cacheCreationInputTokens",
        "gen_ai.usage.cache_creation.input_tokens",
    ),
    "reasoning": (
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "gen_ai.usage.reasoning_tokens",
    ),
}


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span of the SDK; False if it names no operation."""
    attributes = span.attributes
    operation = _operation(attributes)
    if operation is None:
        return origin.scope == CONVENTIONAL and genai.read_span(span, origin, out, NAME)
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=first_text(attributes, CONVERSATION),
        run_id=first_text(attributes, RUN_ID),
        agent=values.text(attributes.get(FUNCTION)),
    )
    name = first_text(attributes, TOOL_NAME) if operation == TOOL else None
    kind = REQUESTS.get(operation.rpartition(".")[2])
    if name is not None:
        arguments, result = (structured(first_text(attributes, keys)) for keys in (ARGUMENTS, RESULT))
        report.tool_call(name, arguments, result, call_id=first_text(attributes, CALL_ID))
    elif kind == "retrieval":
        report.retrieval(first_value(attributes, QUERY), first_value(attributes, DOCUMENTS))
    elif kind is not None:
        answered = _answered(attributes)
        report.model_call(
            model=first_text(attributes, MODEL),
            provider=first_text(attributes, PROVIDER),
            usage=read_usage(attributes, USAGE),
            response_id=first_text(attributes, RESPONSE_ID),
            answered=answered,
            kind="embedding" if kind == "embedding" else "llm_call",
        )
        report.messages(_given(attributes), answered)
    elif operation in AGENTS:
        answered = _answered(attributes)
        report.agent(model=first_text(attributes, MODEL), answered=answered)
        report.messages(_given(attributes), [Said(said.role, said.text) for said in answered])
    else:
        report.structure()
    return True


def _operation(attributes: Attributes) -> str | None:
    """Return the operation, which older versions write with the function's id behind it."""
    told = first_text(attributes, (OPERATION, NAMED))
    return told.split(" ", 1)[0] if told is not None and told.startswith("ai.") else None


def _given(attributes: Attributes) -> list[Said]:
    """Return the prompt: a list of messages, or an object with `system` and either `prompt` or `messages`."""
    told = first_value(attributes, GIVEN)
    if not isinstance(told, dict):
        return read_messages(told) if told is not None else []
    system, prompt = told.get("system"), told.get("prompt")
    messages = told.get("messages", prompt)
    said = read_messages(system, "system") if isinstance(system, str) and system else []
    return [*said, *(read_messages(messages) if messages else [])]


def _answered(attributes: Attributes) -> list[Said]:
    text, calls = first_text(attributes, TEXT), first_value(attributes, CALLS)
    if isinstance(calls, str):
        calls = decoded(calls)
    calls = [_provided(call) for call in calls] if isinstance(calls, list) else []
    if text is None and not calls:
        return []
    parts = [{"type": "text", "text": text}] if text is not None else []
    return read_messages([{"role": "assistant", "content": parts, "tool_calls": calls}], "assistant")


def _provided(call: Any) -> Any:
    """Mark a call that the model's provider carries out itself."""
    return (
        {**call, "type": "server_tool_call"}
        if isinstance(call, dict) and call.get("providerExecuted") is True
        else call
    )


DIALECT = Dialect(
    NAME, ("ai", CONVENTIONAL), read_span, None, "5.0.277 and 7.0.173", tells=(OPERATION, "ai.toolCall.name")
)
