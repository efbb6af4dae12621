"""Mastra's exporter: the GenAI conventions with `mastra.*` keys, scope `@mastra/otel-exporter`.

`model_generation` is the loop, `agent_step` one turn of it, `chat` the request to the model; only the last counts
tokens. What the turns were asked and answered stands under Mastra's own keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.json_values import structured
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.messages import Said, read_messages
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.dialects.usage import read_usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "mastra"
TYPE = "mastra.span.type"
TYPES: dict[str, str] = {
    "agent_run": "agent",
    "workflow_run": "workflow",
    "model_generation": "generation",
    "llm_generation": "generation",
    "model_step": "step",
    "llm_step": "step",
    "model_inference": "llm_call",
    "tool_call": "tool_call",
    "mcp_tool_call": "tool_call",
    "client_tool_call": "tool_call",
    "provider_tool_call": "tool_call",
    "workspace_action": "tool_call",
    "rag_embedding": "embedding",
    "rag_vector_operation": "retrieval",
    "classifier_evaluation": "decision",
    "scorer_run": "decision",
}
"""Span types; chunks, processors, conditions and the steps of workflows are structure."""
OPERATION = "gen_ai.operation.name"
RUN_ID = ("mastra.metadata.runId", "mastra.metadata.run_id")
CONVERSATION = (
    "gen_ai.conversation.id",
    "mastra.metadata.threadId",
    "mastra.metadata.thread_id",
    "mastra.metadata.sessionId",
    "mastra.metadata.session_id",
    "mastra.metadata.conversationId",
    "session.id",
)
AGENT = ("gen_ai.agent.name", "gen_ai.agent.id")
MODEL = ("gen_ai.response.model", "gen_ai.request.model")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
RESPONSE_ID = ("gen_ai.response.id",)
TOOL_NAME = ("gen_ai.tool.name", "mastra.metadata.toolName")
CALL_ID = ("gen_ai.tool.call.id", "mastra.metadata.toolCallId")
SYSTEM, GIVEN, ANSWERED = "gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"
USAGE: dict[str, tuple[str, ...]] = {
    "input": ("gen_ai.usage.input_tokens",),
    "output": ("gen_ai.usage.output_tokens",),
    "cache_read": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_input_tokens"),
    "cache_write": ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    "reasoning": ("gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
}


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span of Mastra; False for a span without a type."""
    attributes = span.attributes
    kind = values.text(attributes.get(TYPE))
    if kind is None:
        return False
    role = TYPES.get(kind, "structure")
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=first_text(attributes, CONVERSATION),
        run_id=first_text(attributes, RUN_ID),
        agent=first_text(attributes, AGENT),
    )
    if role == "tool_call":
        _tool(span, kind, report)
    elif role in {"agent", "workflow"}:
        answered = _sides(attributes, kind, ANSWERED, "output", "assistant")
        report.agent(answered=answered, workflow=role == "workflow")
        report.messages(_given(attributes, kind), _words(answered))
    elif role == "llm_call" or (role == "generation" and values.text(attributes.get(OPERATION)) == "chat"):
        # Before there were spans for single requests, a generation was told of as one.
        answered = _sides(attributes, kind, ANSWERED, "output", "assistant")
        report.model_call(
            model=first_text(attributes, MODEL),
            provider=first_text(attributes, PROVIDER),
            usage=read_usage(attributes, USAGE),
            response_id=first_text(attributes, RESPONSE_ID),
            answered=answered,
            rank=-1 if role == "generation" else 0,
        )
        report.messages(_given(attributes, kind), _words(answered) if role == "generation" else answered)
    elif role == "embedding":
        report.model_call(model=first_text(attributes, MODEL), usage=read_usage(attributes, USAGE), kind="embedding")
    elif role == "retrieval":
        report.retrieval(_own(attributes, kind, "input"), _own(attributes, kind, "output"))
    elif role == "decision":
        report.decision(_own(attributes, kind, "output"))
    else:
        report.structure()
        if role == "generation":
            report.messages(_given(attributes, kind), ())
        elif role == "step":
            # Its input is a summary with "[tool: read_file]" in the place of calls; its output is whole.
            report.messages((), _sides(attributes, kind, ANSWERED, "output", "assistant"))
    return True


def _tool(span: trimmed_pb2.Span, kind: str, report: SpanReport) -> None:
    attributes = span.attributes
    name = first_text(attributes, TOOL_NAME)
    if name is None:
        report.structure()
        return
    arguments = first_value(attributes, ("gen_ai.tool.call.arguments", f"mastra.{kind}.input"))
    result = first_value(attributes, ("gen_ai.tool.call.result", f"mastra.{kind}.output"))
    server = first_text(attributes, (f"mastra.{kind}.server_name",))
    call_id = first_text(attributes, CALL_ID)
    report.tool_call(name, structured(arguments), structured(result), call_id=call_id, mcp_server=server)


def _given(attributes: Attributes, kind: str) -> list[Said]:
    system = values.structure(attributes.get(SYSTEM))
    said = read_messages(system, "system") if system else []
    return [*said, *_sides(attributes, kind, GIVEN, "input", "user")]


def _sides(attributes: Attributes, kind: str, conventional: str, own: str, role: str) -> list[Said]:
    """Return the messages of one side: under the conventions' key, else under Mastra's own."""
    told = first_value(attributes, (conventional,))
    if told is not None:
        return read_messages(told, role)
    value = _own(attributes, kind, own)
    if own == "output" and isinstance(value, dict) and ("toolCalls" in value or "text" in value):
        text = value.get("text")
        parts = [{"type": "text", "text": text}] if isinstance(text, str) and text else []
        return read_messages([{"role": "assistant", "content": parts, "tool_calls": value.get("toolCalls")}], role)
    return conversation_in(value, role) if value is not None else []


def _own(attributes: Attributes, kind: str, side: str) -> Any:
    return structured(values.structure(attributes.get(f"mastra.{kind}.{side}")))


def _words(answered: Sequence[Said]) -> list[Said]:
    """Return the last thing said; the calls are told by the turns that asked for them."""
    return [Said(said.role, said.text) for said in answered[-1:] if said.text]


DIALECT = Dialect(
    NAME, ("@mastra/*",), read_span, None, "@mastra/core 1.71.0, @mastra/otel-exporter 1.4.0", tells=(TYPE,)
)
