"""What Gemini CLI and its forks have in common: prompts and their runs, call ids, refusals, usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from spanwarden.dialects.base import Attributes, Origin, Sightings
from spanwarden.dialects.labels import label
from spanwarden.dialects.usage import normalised
from spanwarden.model.event import Status, Usage
from spanwarden.otlp import values

Facts = dict[str, Any]


class Program(NamedTuple):
    """One program of the family.

    prefix: what its event names begin with. thoughts_apart: the count of output tokens leaves reasoning out.
    ends: events after which the process ends.
    """

    dialect: str
    agent: str
    scope: str
    prefix: str
    thoughts_apart: bool
    ends: frozenset[str]


Reader = Callable[[Program, Attributes, Facts, Sightings], None]


class Prompt(NamedTuple):
    """Whose work a record is: the keys of its run, and the sub-agent's id (None for the main agent)."""

    keys: tuple[str, ...]
    agent_id: str | None


_NUMBER = "########"
_MAX_DASHES = 8
_REFUSED = frozenset({"reject", "rejected", "cancel", "cancelled", "denied"})
_NEVER_RUN = frozenset(
    {"execution_denied", "policy_violation", "tool_not_registered", "permission_denied", "user_cancelled", "cancelled"}
)
"""Kinds of error that say that the tool did not run, whatever it was asked to do."""
_MALFORMED = frozenset({"invalid_tool_params"})
"""Stopped by a check of the arguments: a failure of the call, and nobody's refusal."""
_MAX_TOKENS = 1 << 50


def prompt_of(told: str | None, session: str | None, process: str | None) -> Prompt:
    """Return whose work a record with this prompt id is.

    `<session>`, `<session>########<n>` with anything after the number: the main agent. `…#<turn>` at the end: a
    sub-agent, whose id comes before it, either after the prompt that started it or after the session alone. The
    latter ends with the id of the call that started it, which is a key of its own.
    """
    if told is None:
        return Prompt((), None)
    rest = told[len(session) :] if session is not None and told.startswith(session) else None
    if session is None:
        return Prompt((_key(told, process),), None)
    if rest is not None and rest.startswith(_NUMBER):
        digits, after = _digits(rest[len(_NUMBER) :])
        return Prompt((_key(f"{session}{_NUMBER}{digits}", process),), _agent_id(after, told))
    if rest is not None and rest.startswith("#"):
        name = rest[1:].rpartition("#")[0] or rest[1:]
        return Prompt(_call_keys(session, name), name)
    return Prompt((_key(session, process),), _agent_id(told if rest is None else rest, told))


def _key(prompt: str, process: str | None) -> str:
    return f"prompt:{prompt}" if process is None else f"prompt:{prompt}/{process}"


def session_key(session: str, process: str | None) -> str:
    """Return the key that a prompt without a number, its process's only one, leads to; bare spans follow it."""
    return f"session:{session}" if process is None else f"session:{session}/{process}"


def _digits(text: str) -> tuple[str, str]:
    count = next((at for at, c in enumerate(text[:20]) if not c.isdecimal()), min(len(text), 20))
    return text[:count], text[count:]


def _agent_id(after: str, told: str) -> str | None:
    return told.rpartition("#")[0] if "#" in after else None


def _call_keys(session: str, name: str) -> tuple[str, ...]:
    """Return a key for every way to split `<agent>-<call id>`: both may hold dashes."""
    keys: list[str] = []
    at = name.find("-")
    while at >= 0 and len(keys) < _MAX_DASHES:
        keys.append(call_key(session, name[at + 1 :]))
        at = name.find("-", at + 1)
    return tuple(keys) or (call_key(session, name),)


def call_key(session: str | None, call: str) -> str:
    """Return the key under which a sub-agent's records find the call that started it."""
    return f"call:{session}/{call}"


def process_of(origin: Origin) -> str | None:
    """Return what tells the processes of one session apart, None where the resource does not say."""
    return label(origin.resource.get("process.pid"))


def session_of(attributes: Attributes) -> str | None:
    """Return the session, under any of its names."""
    return next((told for key in _SESSION if (told := label(attributes.get(key))) is not None), None)


_SESSION = ("session.id", "sessionId", "gen_ai.conversation.id")


def base_facts(program: Program, origin: Origin, prompt: Prompt, session: str | None, trace_id: bytes) -> Facts:
    """Return what every record tells."""
    keys = list(prompt.keys)
    if trace_id:
        keys.append(f"trace:{trace_id.hex()}")
    if not keys:
        keys.append(f"session:{session}" if session else f"service:{origin.instance or origin.service or 'unknown'}")
    return {
        "dialect": program.dialect,
        "keys": tuple(keys),
        "conversation": session,
        "service": origin.service,
        "trace_id": trace_id,
        "agent": program.agent if prompt.agent_id is None else None,
        "agent_id": prompt.agent_id,
    }


def bare_call_id(told: str | None, tool: str | None) -> str | None:
    """Return a call's id without the tool's name, which some records put in front of it and some do not."""
    return told.removeprefix(f"{tool}__") if told is not None and tool else told


def call_status(attributes: Attributes) -> Status:
    """Return how a call ended, and whether it was refused before it began."""
    success = values.boolean(attributes.get("success"))
    if success is None:
        return "unknown"
    if success:
        return "ok"
    kind = (values.text(attributes.get("error_type")) or values.text(attributes.get("error.type")) or "").lower()
    decision = (values.text(attributes.get("decision")) or "").lower()
    begun = values.text(attributes.get("execution_status")) != "not_started"
    if decision in _REFUSED or kind in _NEVER_RUN or (not begun and kind not in _MALFORMED):
        return "denied"
    return "error"


def usage_of(program: Program, attributes: Attributes) -> Usage | None:
    """Return the tokens of a response, None where none are told. Cached tokens are part of the input here."""
    counts = {name: values.integer(attributes.get(key)) for name, key in _COUNTS.items()}
    if counts["input"] is None and counts["output"] is None:
        return None
    told = {name: min(max(count or 0, 0), _MAX_TOKENS) for name, count in counts.items()}
    apart = program.thoughts_apart and told["reasoning"] > 0
    return normalised(
        input=told["input"],
        output=told["output"] + (told["reasoning"] if apart else 0),
        cache_read=told["cache_read"],
        reasoning=told["reasoning"],
    )


_COUNTS = {
    "input": "input_token_count",
    "output": "output_token_count",
    "cache_read": "cached_content_token_count",
    "reasoning": "thoughts_token_count",
}
