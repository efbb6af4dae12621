"""Amazon Bedrock AgentCore: its gateway's tool calls and its policy's verdicts.

The agents that it hosts speak their framework's dialect; what they said arrives in log records whose bodies hold
`input` and `output`, which every dialect of the conventions reads (`genai_messages.log_exchange`).
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = "agentcore"
_PREFIX = b"AgentCore."
_INVOKE = (b"AgentCore.Gateway.InvokeTool", b"AgentCore.Gateway.CallTool")
_POLICY = b"AgentCore.Policy."
_AUTHORIZE = b"AgentCore.Policy.AuthorizeAction"
_VERDICT = "aws.agentcore.policy.authorization_decision"
_REASON = ("aws.agentcore.policy.authorization_reason",)
_DENIED = ("aws.agentcore.policy.denied_tools",)
_MODE = ("aws.agentcore.gateway.policy.mode", "aws.agentcore.policy.mode")
_LOG_ONLY = frozenset({"log_only", "log-only", "logonly", "monitor"})
_TOOL = ("tool.name", "gen_ai.tool.name", "aws.agentcore.gateway.tool.name", "aws.agentcore.policy.tool.name")
_CALL_ID = ("gen_ai.tool.call.id", "tool.call.id")
_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool.parameters", "tool.arguments", "aws.agentcore.gateway.tool.arguments")
_RESULT = ("gen_ai.tool.call.result", "tool.result", "aws.agentcore.gateway.tool.result")
_SERVER = ("aws.agentcore.gateway.target.name", "aws.agentcore.gateway.name", "gen_ai.gateway.id")
_SESSION = ("session.id", "gen_ai.conversation.id")
_BETWEEN = "___"
"""The gateway writes its target's name and this before the tool's own."""


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Read one span; False if its name is none of AgentCore's."""
    if not span.name.startswith(_PREFIX):
        return False
    attributes = span.attributes
    report = SpanReport(span, origin, out, NAME, conversation=first_text(attributes, _SESSION))
    if span.name.startswith(_POLICY) or _VERDICT in attributes:
        _verdict(span, report)
    elif span.name in _INVOKE and (tool := first_text(attributes, _TOOL)) is not None:
        target, name = _split(tool)
        report.tool_call(
            name,
            first_value(attributes, _ARGUMENTS),
            first_value(attributes, _RESULT),
            call_id=first_text(attributes, _CALL_ID),
            mcp_server=target or first_text(attributes, _SERVER),
        )
    else:
        report.structure()
    return True


def _verdict(span: trimmed_pb2.Span, report: SpanReport) -> None:
    """Tell of a verdict; a refused action that names its tool is a call that was asked for and not made."""
    attributes = span.attributes
    decision = (values.text(attributes.get(_VERDICT)) or "").upper()
    watched = (first_text(attributes, _MODE) or "").lower() in _LOG_ONLY
    # Authorising partly is hiding tools from a listing: nobody asked for those.
    refused = span.name == _AUTHORIZE and decision == "DENY" and not watched
    tool = _refused(attributes) if refused else None
    if tool is None:
        report.decision({"decision": decision or None, "reason": first_text(attributes, _REASON)})
        return
    target, name = _split(tool)
    report.tool_call(name, first_value(attributes, _ARGUMENTS), mcp_server=target, denied=True)


def _refused(attributes: Attributes) -> str | None:
    listed: Any = first_value(attributes, _DENIED)
    if isinstance(listed, list):
        listed = next((tool for tool in listed if isinstance(tool, str) and tool), None)
    return first_text(attributes, _TOOL) or (listed if isinstance(listed, str) else None)


def _split(tool: str) -> tuple[str | None, str]:
    target, between, name = tool.partition(_BETWEEN)
    return (target, name) if between and target and name else (None, tool)


DIALECT = Dialect(
    NAME,
    ("", "bedrock-agentcore*", "bedrock_agentcore*", "aws.agentcore*", "AgentCore*"),
    read_span,
    None,
    "by its documentation (bedrock-agentcore 1.25)",
    (_VERDICT, "gen_ai.gateway.id", "aws.agentcore.gateway.id"),
)
