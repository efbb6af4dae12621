"""Qwen Code, a fork of Gemini CLI: the same log events under another prefix, and spans of its own, a trace a prompt.

A run is one prompt with its number; turns that the program takes by itself and sub-agents belong to it. Calls carry
their id in logs and spans.
"""

from __future__ import annotations

from spanwarden.dialects import gemini_logs, qwen_spans
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.gemini_fields import Program
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

PROGRAM = Program(
    dialect="qwen",
    agent="qwen-code",
    scope="qwen-code",
    prefix="qwen-code.",
    thoughts_apart=False,
    ends=frozenset(),
)
_SPAN_PREFIX = PROGRAM.prefix.encode()


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says; False if neither its scope nor its name is the program's."""
    if origin.scope != PROGRAM.scope and not span.name.startswith(_SPAN_PREFIX):
        return False
    qwen_spans.read(PROGRAM, span.name.removeprefix(_SPAN_PREFIX).decode("utf-8", "replace"), span, origin, out)
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record says; False if it is no event of the program."""
    name = values.decode(record.attributes.get("event.name"))
    if isinstance(name, str) and name.startswith(PROGRAM.prefix):
        gemini_logs.read(PROGRAM, name[len(PROGRAM.prefix) :], record, origin, out)
        return True
    return origin.scope == PROGRAM.scope


DIALECT = Dialect(
    "qwen",
    (PROGRAM.scope,),
    read_span,
    read_log,
    "Qwen Code 0.24.4",
    starts=(_SPAN_PREFIX,),
    any_scope=True,
)
