"""Codex: log events, its main signal, and its traces, some hundred spans for each call of a tool.

Spans carry no arguments; the span events of the traces repeat log events without them. Both are tied together by the
id of the tool call. A run is a conversation: nothing in the logs tells one prompt's records from the next one's. A
sub-agent's conversation is tied to the call that started it.
"""

from __future__ import annotations

from spanwarden.dialects import codex_logs, codex_spans
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.codex_fields import PREFIX
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

_SCOPE = "codex"


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says; False if its scope is not Codex's or it speaks the conventions."""
    if not origin.scope.lower().startswith(_SCOPE) or "gen_ai.operation.name" in span.attributes:
        return False
    codex_spans.read(span, origin, out)
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record says; False if it is no event of Codex. Its name is in an attribute only."""
    name = values.decode(record.attributes.get("event.name"))
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return origin.scope.startswith("codex_otel")
    codex_logs.read(name[len(PREFIX) :], record, origin, out)
    return True


DIALECT = Dialect("codex", ("codex*", "Codex*"), read_span, read_log, "Codex CLI 0.169.0", any_scope=True)
