"""LiveKit Agents: the GenAI conventions since 1.4, `lk.*` keys before and beside them; scope `livekit-agents`.

Keys of contents carry `pii` in newer versions, so that they can be taken out on the way.
"""

from __future__ import annotations

from spanwarden.dialects import genai
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.message_holders import conversation_in
from spanwarden.dialects.messages import read_messages
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "livekit"
OPERATION = "gen_ai.operation.name"
TOOL_NAME = "lk.function_tool.name"
CALL_ID = ("lk.function_tool.id", "gen_ai.tool.call.id")
ARGUMENTS = ("lk.pii.function_tool.arguments", "lk.function_tool.arguments", "gen_ai.tool.call.arguments")
RESULT = ("lk.pii.function_tool.output", "lk.function_tool.output", "gen_ai.tool.call.result")
FAILED = "lk.function_tool.is_error"
AGENT = ("gen_ai.agent.name", "lk.agent_name", "lk.agent_label")
CONVERSATION = ("gen_ai.conversation.id", "session.id", "lk.room_sid", "lk.room_name", "lk.pii.room_name")
TURN, NODE = "agent_turn", "llm_node"
ASKED = ("lk.pii.user_input", "lk.user_input")
CHAT = ("lk.pii.chat_ctx", "lk.chat_ctx")
TEXT = ("lk.pii.response.text", "lk.response.text")
CALLS = ("lk.pii.response.function_calls", "lk.response.function_calls")


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if neither the conventions nor LiveKit's own keys say what it is."""
    attributes = span.attributes
    tool = values.text(attributes.get(TOOL_NAME))
    name = span.name.decode("utf-8", "replace")
    if tool is None and (OPERATION in attributes or name not in {TURN, NODE}):
        return genai.read_span(span, origin, out, NAME)
    report = SpanReport(
        span,
        origin,
        out,
        NAME,
        conversation=first_text(attributes, CONVERSATION),
        agent=first_text(attributes, AGENT),
        failed=values.boolean(attributes.get(FAILED)) is True,
        error=first_text(attributes, RESULT),
    )
    if tool is not None:
        arguments, result = first_value(attributes, ARGUMENTS), first_value(attributes, RESULT)
        report.tool_call(tool, arguments, result, call_id=first_text(attributes, CALL_ID))
    elif name == TURN:
        report.agent()
        report.messages(read_messages(first_text(attributes, ASKED) or "", "user"), ())
    else:
        # The request to the model is a span of its own inside; what was said is told here.
        report.structure()
        calls = first_value(attributes, CALLS)
        calls = calls if isinstance(calls, list) else []
        asked = [{**c, "id": c.get("call_id") or c.get("id")} for c in calls if isinstance(c, dict)]
        answer = {"role": "assistant", "content": first_text(attributes, TEXT), "tool_calls": asked}
        chat = first_value(attributes, CHAT)
        given = conversation_in(chat.get("items", chat) if isinstance(chat, dict) else chat, "user")
        report.messages(given, read_messages([answer], "assistant"))
    return True


DIALECT = Dialect(NAME, ("livekit-agents", "livekit*"), read_span, None, "read from its source", tells=(TOOL_NAME,))
