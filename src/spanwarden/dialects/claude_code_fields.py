"""What Claude Code's log events and spans have in common: keys, tool names, arguments, usage, identities."""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Attributes, Loader, Sightings
from spanwarden.dialects.labels import digest, label
from spanwarden.model.event import Usage
from spanwarden.otlp import values

AGENT = "claude-code"
"""What the main agent is called; sub-agents carry a name of their own."""

_PLACEHOLDERS = frozenset({"mcp_tool", "mcp_other", "custom"})
"""Written in place of the name of a tool where the user asked for no tool details."""

_ARGUMENTS = {
    "full_command": "command",
    "file_path": "file_path",
    "notebook_path": "notebook_path",
    "url": "url",
    "subagent_type": "subagent_type",
    "skill_name": "skill",
}
"""Attributes and parameters that repeat an argument of the tool, and what the tool itself calls it."""

_BACKGROUND_TOOLS = frozenset({"Agent", "Task"})
_NOTIFICATION = "<task-notification>"
_CALL_OPEN, _CALL_CLOSE = "<tool-use-id>", "</tool-use-id>"
_MAX_LABEL = 200
_MAX_TOKENS = 1 << 50
"""Nobody counts so far; sums of what a hostile sender claims still fit 64 bits."""


def is_placeholder(tool: str | None) -> bool:
    """Tell whether a tool's name was withheld."""
    return tool is None or tool in _PLACEHOLDERS


def add_call(out: Sightings, load: Loader | None, tool: str | None, **facts: Any) -> None:
    """Add a tool call. A mark in place of the name is said apart, so that any record that knows the name is heard."""
    named = not is_placeholder(tool)
    out.add(load, kind="tool_call", tool=tool if named else None, **facts)
    if tool is not None and not named:
        apart = {**facts, "rank": -1, "executed": False, "status": "unknown", "effects": ()}
        out.add(kind="tool_call", tool=tool, **apart)


def parameters(attributes: Attributes) -> dict[str, Any]:
    """Return `tool_parameters`, the summary that logs give of a call; empty where it is withheld or not readable."""
    found = values.structure(attributes.get("tool_parameters"))
    return found if isinstance(found, dict) else {}


def text_of(found: dict[str, Any], key: str) -> str | None:
    """Return a non-empty text member of a decoded object."""
    value = found.get(key)
    return value if isinstance(value, str) and value else None


def arguments(attributes: Attributes, summary: dict[str, Any]) -> Any:
    """Return what a tool was called with, as complete as one record tells it; None where it is withheld.

    `tool_input` is the whole input, but long values are cut in it; the summary and single attributes may hold what
    was cut. Text comes back where the input is no JSON object and nothing else is known.
    """
    given = values.structure(attributes.get("tool_input"))
    if isinstance(given, dict) and not _withheld(given):
        known = dict(given)
    elif given is not None and not isinstance(given, str | dict):
        return given
    else:
        known = {}
    for source, name in _ARGUMENTS.items():
        value = text_of(summary, source) or values.text(attributes.get(source))
        shorter = known.get(name)
        if value and (shorter is None or (isinstance(shorter, str) and len(shorter) < len(value))):
            known[name] = value
    if known:
        return known
    return given if isinstance(given, str) and given else None


def _withheld(given: dict[str, Any]) -> bool:
    return bool(given) and all(value == "<REDACTED>" for value in given.values())


def usage(attributes: Attributes) -> Usage | None:
    """Return the tokens of a request. `input_tokens` leaves cached tokens out here; they are added."""
    fresh = values.integer(attributes.get("input_tokens"))
    output = values.integer(attributes.get("output_tokens"))
    if fresh is None and output is None:
        return None
    read = _count(attributes, "cache_read_tokens")
    written = _count(attributes, "cache_creation_tokens")
    return Usage(_counted(fresh) + read + written, _counted(output), read, written)


def _count(attributes: Attributes, key: str) -> int:
    return _counted(values.integer(attributes.get(key)))


def _counted(told: int | None) -> int:
    return min(max(told or 0, 0), _MAX_TOKENS)


def model(attributes: Attributes) -> str | None:
    """Return the model's name without the mark of its context window, which only spans carry (`name[1m]`)."""
    name = label(attributes.get("model"))
    if name is None:
        return None
    bare, bracket, _ = name.partition("[")
    return bare if bracket and bare else name


def request_merge(attributes: Attributes) -> str:
    """Return what a model request's log event and span have in common.

    That is the request id. Gateways do not always send one; then the counts, the time to the first token, the
    purpose and the error stand for it.
    """
    request = label(attributes.get("request_id")) or label(attributes.get("gen_ai.response.id"))
    if request is not None:
        return request
    purpose = label(attributes.get("query_source")) or label(attributes.get("query_source_safe"))
    keys = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "ttft_ms", "status_code")
    counts = [values.integer(attributes.get(key)) for key in keys]
    error = values.text(attributes.get("error"))
    return "like:" + digest(model(attributes), (purpose or "").replace(":", "."), *counts, error)


def agent_id(attributes: Attributes) -> str | None:
    """Return a sub-agent's id, None for the main agent. Some spans of sub-agents give it as the conversation only."""
    told = label(attributes.get("agent_id"))
    if told is not None:
        return told
    conversation = label(attributes.get("gen_ai.conversation.id"))
    if conversation is None:
        return None
    session = label(attributes.get("session.id"))
    return conversation if session is not None and conversation != session else None


def agent_name(attributes: Attributes, identity: str | None) -> str | None:
    """Return who acted: the main agent, the sub-agent by name, or None for a sub-agent known by its id only.

    identity: its `agent_id`.
    """
    if identity is None:
        return AGENT
    name = label(attributes.get("agent.name")) or label(attributes.get("agent_type"))
    if name is not None:
        return name
    source = label(attributes.get("query_source")) or label(attributes.get("query_source_safe")) or ""
    head, _, rest = source.replace(":", ".").partition(".")
    return rest.rpartition(".")[2] or None if head == "agent" else None


def background_key(session: str | None, call: str | None, tool: str | None, given: Any) -> tuple[str, ...]:
    """Return the key under which the outcome of work in the background comes back to the call that started it."""
    started = tool in _BACKGROUND_TOOLS or (isinstance(given, dict) and given.get("run_in_background") is True)
    return (f"call:{session}/{call}",) if started and call is not None else ()


def notification_keys(session: str | None, prompt: str | None) -> tuple[str, ...]:
    """Return the key of the call that a prompt reports back on; empty for a prompt that somebody wrote."""
    if prompt is None or not prompt.startswith(_NOTIFICATION):
        return ()
    start = prompt.find(_CALL_OPEN)
    end = prompt.find(_CALL_CLOSE, start)
    call = prompt[start + len(_CALL_OPEN) : end].strip() if 0 <= start < end else ""
    return (f"call:{session}/{call}",) if 0 < len(call) <= _MAX_LABEL else ()


def prompt_role(prompt: str | None) -> str:
    """Return whose words a prompt is: the program itself hands the outcome of background work in as a prompt."""
    return "tool" if prompt is not None and prompt.startswith(_NOTIFICATION) else "user"


def prompt_merge(role: str, prompt: str) -> str:
    """Return what the log event and the span of one prompt have in common."""
    return "said:" + digest(role, prompt)


def tool_rank(base: int, given: Any) -> int:
    """Return how much a record knows of a call: with its arguments more than without."""
    return base + (20 if given is not None else 0)
