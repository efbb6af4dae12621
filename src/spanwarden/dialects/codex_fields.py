"""What Codex's log events and span events have in common: keys, tools, exit codes, conversations, usage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spanwarden.dialects.base import Attributes
from spanwarden.dialects.labels import digest, label, mcp_name
from spanwarden.dialects.usage import read_usage
from spanwarden.model.event import Status, Usage
from spanwarden.otlp import values

PREFIX = "codex."
NAME = "codex"
AGENT = "codex"
"""What the main agent is called; sub-agents carry a nickname or a path of their own."""
_ROOT = frozenset({"root", ""})

USAGE: dict[str, tuple[str, ...]] = {
    "input": ("input_token_count", "gen_ai.usage.input_tokens"),
    "output": ("output_token_count", "gen_ai.usage.output_tokens"),
    "cache_read": ("cached_token_count", "gen_ai.usage.cache_read.input_tokens"),
    "cache_write": ("cache_write_token_count", "gen_ai.usage.cache_write.input_tokens"),
    "reasoning": ("reasoning_token_count", "codex.usage.reasoning_output_tokens"),
}
"""Keys of the log event and of the span of a finished response. `tool_token_count` is the total, not tools."""

_REFUSED = ("denied", "abort", "timed_out", "reject")
_EXIT_MARKS = ("Process exited with code ", "Exit code: ", "Exit Code: ")
_OUTPUT_STARTS = "Output:"
_HEAD = 2000
_WRAPPER = "exec"
_WAITING = ("wait", "cell_id")
_OWN_NAMESPACES = frozenset({None, "functions"})
_THREAD_TOOLS = frozenset(
    {
        "spawn_agent",
        "wait_agent",
        "wait",
        "send_input",
        "send_message",
        "assign_task",
        "followup_task",
        "interrupt_agent",
        "close_agent",
        "resume_agent",
    }
)
_THREAD_KEYS = frozenset(
    {"agent_id", "id", "ids", "target", "targets", "thread_id", "receiver_thread_id", "receiver_thread_ids", "status"}
)
_MAX_THREADS = 32


def usage(attributes: Attributes) -> Usage | None:
    """Return the tokens of a response, None where none were reported."""
    return read_usage(attributes, USAGE)


def usage_merge(told: Usage) -> str:
    """Return what the log event and the span of one response have in common; neither carries the response's id."""
    return "like:" + digest(told.input, told.output, told.cache_read, told.cache_write, told.reasoning)


def server(attributes: Attributes) -> str | None:
    """Return the MCP server that a tool belongs to, None for a tool of the program."""
    named = label(attributes.get("mcp_server"))
    if named is None:
        space = label(attributes.get("tool_namespace")) or ""
        named = space.removeprefix("mcp__").rstrip("_") or None if space.startswith("mcp__") else None
    return named


def tool_name(attributes: Attributes) -> str | None:
    """Return a tool's name as the model saw it: an MCP server's tool with the server's name in front."""
    name, of = label(attributes.get("tool_name")), server(attributes)
    if name is None or of is None or name.startswith(("mcp__", f"{of}__")):
        return name
    return mcp_name(of, name)


def is_wrapper(attributes: Attributes, given: Any) -> bool:
    """Tell whether a call is code mode's own: JavaScript around other tools, each told by records of its own.

    `given` are its arguments: an object means an ordinary tool of the same name. Waiting for such a script to go on
    is no action either.
    """
    if label(attributes.get("tool_namespace")) not in _OWN_NAMESPACES or server(attributes) is not None:
        return False
    name = values.text(attributes.get("tool_name"))
    if name == _WAITING[0]:
        return isinstance(given, dict) and _WAITING[1] in given
    return name == _WRAPPER and not isinstance(given, dict)


def decision(attributes: Attributes) -> Status:
    """Return what a decision means for the call: refused, or nothing yet."""
    told = (values.text(attributes.get("decision")) or "").lower()
    return "denied" if told.startswith(_REFUSED) else "unknown"


def outcome(attributes: Attributes) -> Status:
    """Return how a call ended. `success` holds for any command that ran; its exit code is in the output."""
    success = values.boolean(attributes.get("success"))
    if success is False:
        return "error"
    if exit_code(values.text(attributes.get("output")) or "") not in {None, 0}:
        return "error"
    return "unknown" if success is None else "ok"


def exit_code(output: str) -> int | None:
    """Return the exit code that stands above a command's own output, None where none does."""
    if output.startswith("{"):
        found = values.parse_json(output)
        about = found.get("metadata", found) if isinstance(found, dict) else None
        code = about.get("exit_code") if isinstance(about, dict) else None
        return code if isinstance(code, int) and not isinstance(code, bool) else None
    for line in output[:_HEAD].split("\n"):
        if line.startswith(_OUTPUT_STARTS):
            break
        for mark in _EXIT_MARKS:
            number = line[len(mark) : len(mark) + 12].strip() if line.startswith(mark) else ""
            if number.removeprefix("-").isdecimal():
                return int(number)
    return None


def is_about_threads(tool: str | None) -> bool:
    """Tell whether a tool starts sub-agents, waits for them or speaks to them."""
    return tool in _THREAD_TOOLS


def threads(given: Any, output: Any) -> tuple[str, ...]:
    """Return the keys of the conversations that a tool for sub-agents was given or gave back."""
    found: dict[str, None] = {}
    for value in (output, given):
        for thread in _threads(value):
            if len(found) < _MAX_THREADS:
                found[conversation_key(thread)] = None
    return tuple(found)


def _threads(value: Any) -> Iterator[str]:
    """Yield the ids in an object's members, in a list of them, or in the keys of the statuses by id."""
    for key, member in value.items() if isinstance(value, dict) else ():
        if key in _THREAD_KEYS:
            many = list(member)[:_MAX_THREADS] if isinstance(member, list | dict) else [member]
            yield from (one for one in many if isinstance(one, str) and _is_id(one))


def _is_id(text: str) -> bool:
    """Tell whether text is a UUID; a tool's other ids (paths, nicknames) are no conversations."""
    return len(text) == 36 and text.count("-") == 4 and text.replace("-", "").isalnum()


def conversation_key(conversation: str) -> str:
    """Return the key of a conversation, which is a run."""
    return f"conversation:{conversation}"


def agent_name(attributes: Attributes) -> str | None:
    """Return who called a tool: the main agent, or a sub-agent by the last part of its path; None where not told."""
    told = label(attributes.get("agent_name"))
    if told is None:
        return None
    own = told.strip("/").rpartition("/")[2]
    return AGENT if own in _ROOT else own
