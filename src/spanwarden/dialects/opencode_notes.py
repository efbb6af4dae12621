"""opencode's log records: notes for its developers, in lists of words and JSON. Two kinds tell of actions.

`stream` is a request to a model, `evaluated` the look-up of the rule for a permission that a tool asked for. Both are
written inside the span of the same action and stand for it where that span was not sent: the program loses its last
spans, and without `experimental.openTelemetry` it sends none of the AI SDK's.
"""

from __future__ import annotations

from typing import Any

from spanwarden.dialects.base import Origin, Sightings
from spanwarden.dialects.labels import short
from spanwarden.model.event import Content
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

NAME = "opencode"
AGENT = "opencode"
_REQUEST, _PERMISSION = "stream", "evaluated"
_MAX_NOTE = 20_000
_ARGUMENTS = {
    "bash": "command",
    "edit": "filePath",
    "read": "filePath",
    "write": "filePath",
    "list": "path",
    "glob": "pattern",
    "grep": "pattern",
    "webfetch": "url",
    "websearch": "query",
    "codesearch": "query",
    "task": "subagent_type",
    "skill": "name",
}
"""What the pattern of a permission is to the tool of that name; for other tools it is only a pattern."""
_NO_TOOLS = frozenset({"external_directory", "doom_loop", "question"})
"""Permissions that are asked for beside the tool's own."""


def read(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what a note says; most say nothing of what an agent did."""
    if not (len(record.trace_id) == 16 and any(record.trace_id) and len(record.span_id) == 8 and any(record.span_id)):
        return
    words = values.decode(record.body) if len(record.body) < _MAX_NOTE else None
    if not isinstance(words, list) or len(words) < 2 or words[0] not in {_REQUEST, _PERMISSION}:
        return
    about = values.parse_json(words[1]) if isinstance(words[1], str) else words[1]
    if not isinstance(about, dict):
        return
    at = record.time_unix_nano or record.observed_time_unix_nano
    facts: dict[str, Any] = {
        # The note speaks for the span that it was written in, so that the layers around that span are found.
        "source": "span",
        "dialect": NAME,
        "keys": (f"trace:{record.trace_id.hex()}",),
        "conversation": _word(about, "session.id"),
        "service": origin.service,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "start": at,
        "end": at,
        "agent": AGENT,
        "rank": -2,
    }
    if words[0] == _REQUEST:
        out.add(kind="llm_call", model=_word(about, "modelID"), provider=_word(about, "providerID"), **facts)
    else:
        _permission(about, facts, out)


def _permission(about: dict[str, Any], facts: dict[str, Any], out: Sightings) -> None:
    """Add a call that asked for a permission: refused by a rule, or allowed and so about to run.

    Where the rule is to ask somebody, only that is known.
    """
    tool, rule = _word(about, "permission"), about.get("action")
    if tool is None or tool in _NO_TOOLS:
        return
    action = rule.get("action") if isinstance(rule, dict) else rule
    given = _arguments(tool, _word(about, "pattern", whole=True))
    out.add(
        (lambda: Content(arguments=given)) if given is not None else None,
        kind="decision" if action == "ask" else "tool_call",
        tool=tool,
        status="denied" if action == "deny" else "unknown",
        effects=out.effects(tool, given),
        **facts,
    )


def _arguments(tool: str, pattern: str | None) -> dict[str, str] | None:
    name = _ARGUMENTS.get(tool)
    return None if name is None or pattern is None or pattern == "*" else {name: pattern}


def _word(about: dict[str, Any], key: str, *, whole: bool = False) -> str | None:
    told = about.get(key)
    return (told if whole else short(told)) if isinstance(told, str) and told else None
