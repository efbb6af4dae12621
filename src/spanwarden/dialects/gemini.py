"""Gemini CLI: log events, its main signal, and spans of which every one or two are a trace of their own.

A run is one prompt: the session, the number of the prompt where there are several in a session, and the process (a
resumed session keeps its id, and without a terminal a prompt has no number). Sub-agents belong to the prompt that
started them.
"""

from __future__ import annotations

from spanwarden.dialects import gemini_logs, gemini_spans
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.gemini_fields import Program
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

PROGRAM = Program(
    dialect="gemini",
    agent="gemini-cli",
    scope="gemini-cli",
    prefix="gemini_cli.",
    thoughts_apart=True,
    ends=frozenset({"plan.approval_mode_duration", "conversation_finished"}),
)
_CONVENTIONS = "gen_ai."


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says; False if its scope is not the program's."""
    if origin.scope != PROGRAM.scope:
        return False
    gemini_spans.read(PROGRAM, span, origin, out)
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record says; False if it is no event of the program.

    What its records in the conventions' form say of a model call its own events say better.
    """
    name = values.decode(record.attributes.get("event.name"))
    if isinstance(name, str) and name.startswith(PROGRAM.prefix):
        gemini_logs.read(PROGRAM, name[len(PROGRAM.prefix) :], record, origin, out)
        return True
    return origin.scope == PROGRAM.scope and (not isinstance(name, str) or name.startswith(_CONVENTIONS))


DIALECT = Dialect("gemini", (PROGRAM.scope,), read_span, read_log, "Gemini CLI 0.61.0", any_scope=True)
