"""opencode: some thousand spans a run, of which the AI SDK's and `Tool.execute` tell of actions.

The others are left out. The program ends without sending its last spans, so a call is also read from the answer that
asked for it, from the permission it asked for (`opencode_notes`) and from the next request, which repeats what it gave
back. A run is a trace: one prompt and its sub-agents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spanwarden.dialects import ai_sdk, opencode_notes
from spanwarden.dialects.base import Attributes, Dialect, Origin, Sightings
from spanwarden.dialects.labels import label
from spanwarden.dialects.messages import Said, read_messages
from spanwarden.dialects.span_report import SpanReport, first_value
from spanwarden.dialects.usage import read_usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.values import first_text

NAME = opencode_notes.NAME
AGENT = opencode_notes.AGENT
SESSION = "session.id"
EXECUTION = b"Tool.execute"
EXECUTED_NAME, EXECUTED_ID = "tool.name", "tool.call_id"
ASKING = b"Permission.ask"
REQUEST = b"LLM.run"
BETWEEN = b"Tool."
"""Part of the names of the spans between a tool's execution and the permission that it asks for."""
_REFUSALS = (
    "rejected permission",
    "specified a rule which prevents",
    "permission denied",
    "permissionrejected",
    "rejectederror",
    "deniederror",
)
"""What refusals are called, in lower case: in the text given to the model and in the types of exceptions."""
_ERROR = 2
_MAX_EVENTS = 32
_MAX_REASON = 500


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says. Spans of the program's inner workings say nothing."""
    attributes = span.attributes
    if span.name == EXECUTION:
        _execution(span, origin, out)
    elif span.name == ASKING:
        _report(span, origin, out).structure()
        _asking(span, origin, out)
    elif span.name == REQUEST:
        _report(span, origin, out).model_call(rank=-1)
    elif ai_sdk.OPERATION in attributes:
        operation = values.text(attributes.get(ai_sdk.OPERATION)) or ""
        if operation == ai_sdk.TOOL:
            _tool(span, origin, out)
        elif operation.rpartition(".")[2] in ai_sdk.REQUESTS:
            _request(span, origin, out)
        else:
            _report(span, origin, out).structure()
    elif BETWEEN in span.name:
        _report(span, origin, out).structure()
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record says."""
    opencode_notes.read(record, origin, out)
    return True


def _report(span: trimmed_pb2.Span, origin: Origin, out: Sightings, *, failed: bool = False) -> SpanReport:
    conversation = label(span.attributes.get(SESSION))
    return SpanReport(span, origin, out, NAME, conversation=conversation, agent=AGENT, failed=failed)


def _execution(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    name = label(span.attributes.get(EXECUTED_NAME))
    if name is not None:
        call = label(span.attributes.get(EXECUTED_ID))
        _report(span, origin, out).tool_call(name, call_id=call, denied=_refused(span))


def _tool(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    name = first_text(attributes, ai_sdk.TOOL_NAME)
    if name is not None:
        result = first_value(attributes, ai_sdk.RESULT)
        report = _report(span, origin, out, failed=_exit_code(result) not in {None, 0})
        given, call = first_value(attributes, ai_sdk.ARGUMENTS), first_text(attributes, ai_sdk.CALL_ID)
        report.tool_call(name, given, _plain(result), call_id=call, denied=_refused(span))


def _exit_code(result: Any) -> int | None:
    about = result.get("metadata") if isinstance(result, dict) else None
    code = about.get("exit") if isinstance(about, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _plain(result: Any) -> Any:
    """Return what the model was given; the rest of a result is for the screen."""
    return result["output"] if isinstance(result, dict) and isinstance(result.get("output"), str) else result


def _request(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    attributes = span.attributes
    given, answered = _given(attributes), _answered(attributes)
    report = _report(span, origin, out)
    report.model_call(
        model=first_text(attributes, ai_sdk.MODEL),
        provider=first_text(attributes, ai_sdk.PROVIDER),
        usage=read_usage(attributes, ai_sdk.USAGE),
        response_id=first_text(attributes, ai_sdk.RESPONSE_ID),
        answered=answered,
    )
    report.messages(given, answered)
    _refusals(span, origin, given, out)


def _given(attributes: Attributes) -> list[Said]:
    """Return the end of the conversation that was sent: the last calls and what came after them.

    What came before was the end of an earlier request. The system prompt is the program's own.
    """
    told = first_value(attributes, ai_sdk.GIVEN)
    said = read_messages(told) if told is not None else []
    last = max((at for at, one in enumerate(said) if one.role == "assistant"), default=-1)
    ending = [Said("assistant", "", said[last].calls)] if last >= 0 else []
    return [*ending, *(one for one in said[last + 1 :] if one.role != "system")]


def _answered(attributes: Attributes) -> list[Said]:
    text, calls = first_text(attributes, ai_sdk.TEXT), first_value(attributes, ai_sdk.CALLS)
    if text is None and not isinstance(calls, list):
        return []
    parts = [{"type": "text", "text": text}] if text is not None else []
    asked = calls if isinstance(calls, list) else []
    return read_messages([{"role": "assistant", "content": parts, "tool_calls": asked}], "assistant")


def _refusals(span: trimmed_pb2.Span, origin: Origin, given: Sequence[Said], out: Sightings) -> None:
    """Add the calls that were refused, as the model was told."""
    for response in (response for said in given for response in said.responses):
        if response.id is not None and _is_refusal(response.result):
            _add_refusal(span, origin, out, merge=response.id)


def _asking(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
    """Add a permission that was not given, told of the span of the tool that asked for it, its parent."""
    if _refused(span) and span.parent_span_id:
        _add_refusal(span, origin, out, span_id=span.parent_span_id)


def _add_refusal(span: trimmed_pb2.Span, origin: Origin, out: Sightings, **about: Any) -> None:
    out.add(
        kind="tool_call",
        status="denied",
        source="log",
        dialect=NAME,
        keys=(f"trace:{span.trace_id.hex()}",),
        conversation=label(span.attributes.get(SESSION)),
        service=origin.service,
        agent=AGENT,
        trace_id=span.trace_id,
        start=span.start_time_unix_nano,
        end=span.start_time_unix_nano,
        **about,
    )


def _refused(span: trimmed_pb2.Span) -> bool:
    if span.status.code != _ERROR:
        return False
    texts = [str(span.status.message[:_MAX_REASON], "utf-8", "replace")]
    for event in span.events[:_MAX_EVENTS]:
        texts += (values.text(event.attributes.get(f"exception.{part}")) or "" for part in ("type", "message"))
    return any(_is_refusal(text) for text in texts)


def _is_refusal(told: Any) -> bool:
    if isinstance(told, dict):
        told = told.get("value", told.get("error"))
    text = told[:_MAX_REASON].lower() if isinstance(told, str) else ""
    return any(refusal in text for refusal in _REFUSALS)


DIALECT = Dialect(NAME, ("opencode",), read_span, read_log, "opencode 1.18.33")
