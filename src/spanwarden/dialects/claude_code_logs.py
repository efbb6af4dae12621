"""Claude Code's log events. A record carries the time at which something ended; the start is that less its duration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanwarden.dialects import claude_code_fields as fields
from spanwarden.dialects.base import Attributes, Loader, Origin, Sightings
from spanwarden.dialects.labels import label, mcp_name
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

Facts = dict[str, Any]
Reader = Callable[[Attributes, Facts, Sightings], None]


def read(name: str, record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what the event `name` says. Events of start-up and housekeeping say nothing of what an agent did."""
    reader = _READERS.get(name)
    if reader is not None:
        reader(record.attributes, _facts(record, origin), out)


def _facts(record: trimmed_pb2.LogRecord, origin: Origin) -> Facts:
    """Return what every event tells. Its span id is left alone: it is not always the span of the same action."""
    attributes = record.attributes
    session = label(attributes.get("session.id"))
    prompt = label(attributes.get("prompt.id"))
    trace_id = record.trace_id if len(record.trace_id) == 16 and any(record.trace_id) else b""
    keys = []
    if prompt is not None:
        keys.append(f"prompt:{prompt}")
    if trace_id:
        keys.append(f"trace:{trace_id.hex()}")
    if not keys:
        keys.append(f"session:{session}")
    end = record.time_unix_nano or record.observed_time_unix_nano
    identity = fields.agent_id(attributes)
    return {
        "source": "log",
        "dialect": "claude_code",
        "keys": tuple(keys),
        "conversation": session,
        "service": origin.service,
        "trace_id": trace_id,
        "start": max(0, end - _duration(attributes)),
        "end": end,
        "sequence": max(values.integer(attributes.get("event.sequence")) or 0, 0),
        "agent": fields.agent_name(attributes, identity),
        "agent_id": identity,
    }


def _duration(attributes: Attributes) -> int:
    milliseconds = values.number(attributes.get("duration_ms"))
    return int(milliseconds * 1_000_000) if milliseconds is not None and milliseconds > 0 else 0


def _itself(facts: Facts) -> str:
    """Return the identity of a record that no other record repeats, except the same one sent twice."""
    return f"log:{facts['end']}:{facts['sequence']}"


def _user_prompt(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    prompt = _prompt(attributes)
    role = fields.prompt_role(prompt)
    if values.text(attributes.get("delivery.mode")) != "mid_turn":
        facts["keys"] += fields.notification_keys(facts["conversation"], prompt)
    merge = _itself(facts) if prompt is None else fields.prompt_merge(role, prompt)
    load: Loader | None = None if prompt is None else lambda: Content(text=_prompt(attributes))
    out.add(load, kind="message", role=role, status="ok", merge=merge, **facts)


def _prompt(attributes: Attributes) -> str | None:
    return values.text(attributes.get("prompt")) or values.text(attributes.get("prompt_text"))


def _assistant_response(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    told = values.text(attributes.get("response")) is not None
    out.add(
        (lambda: Content(text=values.text(attributes.get("response")))) if told else None,
        kind="message",
        role="assistant",
        status="ok",
        model=fields.model(attributes),
        merge=label(attributes.get("message.uuid")) or _itself(facts),
        **facts,
    )


def _tool_decision(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    denied = values.text(attributes.get("decision")) == "reject"
    # What was refused did not run, whatever else tells of the call; an accepted call may still never have ended.
    _tool(attributes, facts, out, base=60 if denied else 10, status="denied" if denied else "unknown")


def _tool_result(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    if values.text(attributes.get("decision_type")) == "reject":
        _tool(attributes, facts, out, base=60, status="denied")
        return
    success = values.boolean(attributes.get("success"))
    status = "unknown" if success is None else "ok" if success else "error"
    _tool(attributes, facts, out, base=25, status=status, executed=True)


def _tool(attributes: Attributes, facts: Facts, out: Sightings, *, base: int, status: str, **more: Any) -> None:
    summary = fields.parameters(attributes)
    tool = _tool_name(attributes, summary)
    given = fields.arguments(attributes, summary)
    error = values.text(attributes.get("error"))
    call = label(attributes.get("tool_use_id"))
    facts["keys"] += fields.background_key(facts["conversation"], call, tool, given)
    load: Loader | None = None
    if given is not None or error is not None:

        def load() -> Content:
            return Content(
                arguments=fields.arguments(attributes, fields.parameters(attributes)),
                error=values.text(attributes.get("error")),
            )

    fields.add_call(
        out,
        load,
        tool,
        status=status,
        merge=call or _itself(facts),
        effects=out.effects(tool or "", given, mcp_server=fields.text_of(summary, "mcp_server_name")),
        rank=fields.tool_rank(base, given),
        **more,
        **facts,
    )


def _tool_name(attributes: Attributes, summary: dict[str, Any]) -> str | None:
    server, name = fields.text_of(summary, "mcp_server_name"), fields.text_of(summary, "mcp_tool_name")
    if server is not None and name is not None:
        return mcp_name(server, name)
    return label(attributes.get("tool_name"))


def _api_request(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    _request(attributes, facts, out, status="ok")


def _api_error(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    _request(attributes, facts, out, status="error")


def _request(attributes: Attributes, facts: Facts, out: Sightings, *, status: str) -> None:
    cost = values.number(attributes.get("cost_usd"))
    if cost is None:
        micros = values.number(attributes.get("cost_usd_micros"))
        cost = None if micros is None else micros / 1_000_000
    failed = values.text(attributes.get("error")) is not None
    out.add(
        (lambda: Content(error=values.text(attributes.get("error")))) if failed else None,
        kind="llm_call",
        model=fields.model(attributes),
        status=status,
        merge=fields.request_merge(attributes) if facts["trace_id"] else _request_itself(attributes, facts),
        usage=fields.usage(attributes),
        cost_usd=cost,
        cost_source=None if cost is None else "reported",
        executed=True,
        rank=20,
        **facts,
    )


def _request_itself(attributes: Attributes, facts: Facts) -> str:
    """Without a trace there is no span to find again, so nothing less than an id says that two requests are one."""
    return label(attributes.get("request_id")) or _itself(facts)


def _api_refusal(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add that the model declined to answer; the request itself is told by another event."""
    out.add(
        lambda: Content(error=values.text(attributes.get("category")) or "refusal"),
        kind="error",
        model=fields.model(attributes),
        status="error",
        merge="refusal:" + (label(attributes.get("request_id")) or _itself(facts)),
        **facts,
    )


def _internal_error(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    out.add(
        lambda: Content(error=values.text(attributes.get("error_name")) or values.text(attributes.get("error"))),
        kind="error",
        status="error",
        merge=_itself(facts),
        **facts,
    )


def _subagent_completed(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    out.add(
        kind="agent",
        status="ok",
        model=fields.model(attributes),
        merge=facts["agent_id"] or _itself(facts),
        **facts,
    )


def _hook_execution_complete(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add a hook that stood in the way; one that only looked on decided nothing."""
    if (values.integer(attributes.get("num_blocking")) or 0) > 0:
        out.add(
            lambda: Content(text=values.text(attributes.get("hook_name"))),
            kind="decision",
            status="denied",
            merge=_itself(facts),
            **facts,
        )


def _permission_mode_changed(attributes: Attributes, facts: Facts, out: Sightings) -> None:
    out.add(
        lambda: Content(text=_change(attributes)),
        kind="decision",
        status="ok",
        merge=_itself(facts),
        **facts,
    )


def _change(attributes: Attributes) -> str:
    before, after = values.text(attributes.get("from_mode")), values.text(attributes.get("to_mode"))
    return f"permission mode {before or 'unknown'} to {after or 'unknown'}"


_READERS: dict[str, Reader] = {
    "user_prompt": _user_prompt,
    "assistant_response": _assistant_response,
    "tool_decision": _tool_decision,
    "tool_result": _tool_result,
    "api_request": _api_request,
    "api_error": _api_error,
    "api_refusal": _api_refusal,
    "internal_error": _internal_error,
    "subagent_completed": _subagent_completed,
    "hook_execution_complete": _hook_execution_complete,
    "permission_mode_changed": _permission_mode_changed,
}
