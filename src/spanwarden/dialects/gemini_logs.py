"""The log events of Gemini CLI and its forks. A record is written when something has ended."""

from __future__ import annotations

from spanwarden.dialects import gemini_fields as fields
from spanwarden.dialects.base import Attributes, Loader, Origin, Shared, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.gemini_contents import answer, last_exchange
from spanwarden.dialects.gemini_fields import Facts, Program, Reader
from spanwarden.dialects.labels import label
from spanwarden.dialects.messages import arguments_digest
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2


def read(program: Program, name: str, record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what the event `name` (without the program's prefix) says; housekeeping says nothing."""
    reader = _READERS.get(name)
    if reader is not None:
        reader(program, record.attributes, _facts(program, record, origin), out)
    elif name in program.ends:
        facts = _facts(program, record, origin)
        session = facts["conversation"]
        if session is not None:
            keys = fields.prompt_of(session, session, fields.process_of(origin)).keys
            out.add(kind="end", **{**facts, "keys": keys, "agent": None})


def _facts(program: Program, record: trimmed_pb2.LogRecord, origin: Origin) -> Facts:
    attributes = record.attributes
    session = fields.session_of(attributes) or fields.session_of(origin.resource)
    told = label(attributes.get("prompt_id"))
    own = label(attributes.get("agent_id")) if told is None else None
    prompt = fields.prompt_of(told if own is None else f"{own}#", session, fields.process_of(origin))
    traced = len(record.trace_id) == 16 and any(record.trace_id)
    end = record.time_unix_nano or record.observed_time_unix_nano
    milliseconds = values.number(attributes.get("duration_ms")) or 0.0
    facts = fields.base_facts(program, origin, prompt, session, record.trace_id if traced else b"")
    named = label(attributes.get("subagent_name"))
    if named is not None:
        facts["agent"] = named
    if session is not None and told == session:
        facts["leads_to"] = (fields.session_key(session, fields.process_of(origin)),)
    return {
        **facts,
        "source": "log",
        "start": max(0, end - int(max(milliseconds, 0.0) * 1_000_000)),
        "end": end,
    }


def _itself(facts: Facts) -> str | None:
    """Return the identity of a record that no other record repeats, except the same one sent twice."""
    return f"log:{facts['end']}" if facts["end"] else None


def _user_prompt(_program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    told = values.text(attributes.get("prompt")) is not None
    load: Loader | None = (lambda: Content(text=values.text(attributes.get("prompt")))) if told else None
    out.add(load, kind="message", role="user", status="ok", merge=_itself(facts), **facts)


def _api_request(_program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add what the tools called last gave back: results are told nowhere else."""
    sent = values.text(attributes.get("request_text"))
    if sent is not None:
        shared = {key: value for key, value in facts.items() if key not in {"source", "start", "end"}}
        add_messages(out, Shared(**shared), last_exchange(sent), (), facts["end"], facts["end"])


def _api_response(program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    told = values.text(attributes.get("response_text"))
    said = answer(told) if told is not None else None
    out.add(
        (lambda: Content(text=said.text or None)) if said is not None else None,
        kind="llm_call",
        model=label(attributes.get("model")),
        status="ok",
        merge=label(attributes.get("response_id")),
        usage=fields.usage_of(program, attributes),
        executed=True,
        rank=20,
        **facts,
    )
    if said is not None:
        shared = {key: value for key, value in facts.items() if key not in {"source", "start", "end"}}
        add_messages(out, Shared(**shared), (), (said,), facts["start"], facts["end"])


def _api_error(_program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add an attempt that failed; the one that succeeded is told by its response."""
    out.add(
        lambda: Content(error=_error(attributes)),
        kind="error",
        status="error",
        model=label(attributes.get("model")),
        merge=_itself(facts),
        **facts,
    )


def _error(attributes: Attributes) -> str | None:
    keys = ("error.message", "error_message", "error", "error_type", "error.type")
    return next((told for key in keys if (told := values.text(attributes.get(key))) is not None), None)


def _tool_call(_program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    tool = label(attributes.get("function_name"))
    given = values.structure(attributes.get("function_args"))
    call = fields.bare_call_id(label(attributes.get("call_id")), tool)
    error = _error(attributes)
    load: Loader | None = None
    if given is not None or error is not None:

        def load() -> Content:
            return Content(arguments=given, error=error)

    effects = out.effects(tool or "", given, mcp_server=label(attributes.get("mcp_server_name")))
    if call is not None and any(effect.kind == "agent_spawn" for effect in effects):
        facts["keys"] += (fields.call_key(facts["conversation"], call),)
    out.add(
        load,
        kind="tool_call",
        tool=tool,
        status=fields.call_status(attributes),
        merge=call,
        digest=arguments_digest(given),
        effects=effects,
        # A call that was refused is an execution too as far as the request is concerned that it answers.
        executed=True,
        rank=25,
        **facts,
    )


def _agent(_program: Program, attributes: Attributes, facts: Facts, out: Sightings) -> None:
    """Add a sub-agent and its name, which its other records do not carry."""
    own = label(attributes.get("agent_id"))
    facts["agent"] = label(attributes.get("agent_name")) or facts["agent"]
    out.add(kind="agent", status="ok", merge=own or _itself(facts), **facts)


_READERS: dict[str, Reader] = {
    "user_prompt": _user_prompt,
    "api_request": _api_request,
    "api_response": _api_response,
    "api_error": _api_error,
    "tool_call": _tool_call,
    "agent.start": _agent,
    "agent.finish": _agent,
}
