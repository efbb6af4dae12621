"""Claude Code: log events and beta traces.

Logs are its main signal; spans, where the traces are switched on, tell of the same actions again. Both are tied
together by the id of the tool call and of the model request. A run is one prompt of the user and what followed.
"""

from __future__ import annotations

from spanwarden.dialects import claude_code_logs, claude_code_spans
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

SCOPES = "com.anthropic.claude_code*"
_SCOPE = SCOPES.rstrip("*")
_PREFIX = "claude_code."
_SPAN_PREFIX = _PREFIX.encode()


def read_span(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Add what a span says; False if neither its scope nor its name is Claude Code's."""
    if span.name.startswith(_SPAN_PREFIX):
        name = span.name[len(_SPAN_PREFIX) :].decode("utf-8", "replace")
    elif origin.scope.startswith(_SCOPE):
        name = ""
    else:
        return False
    claude_code_spans.read(name, span, origin, out)
    return True


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> bool:
    """Add what a log record says; False if neither its scope nor its event name is Claude Code's."""
    name = _event_name(record, trusted=origin.scope.startswith(_SCOPE))
    if name is None:
        return False
    claude_code_logs.read(name, record, origin, out)
    return True


def _event_name(record: trimmed_pb2.LogRecord, *, trusted: bool) -> str | None:
    """Return the bare event name. Where the scope is a stranger's, only a name with the program's prefix counts."""
    attribute = values.decode(record.attributes.get("event.name"))
    for candidate in (attribute, record.event_name.decode("utf-8", "replace"), _text_body(record)):
        if isinstance(candidate, str) and candidate.startswith(_PREFIX):
            return candidate[len(_PREFIX) :]
    if trusted:
        return attribute if isinstance(attribute, str) else ""
    return None


def _text_body(record: trimmed_pb2.LogRecord) -> str | None:
    """Return the body where it is short enough to be an event name; long bodies are not decoded."""
    body = values.decode(record.body) if len(record.body) < 256 else None
    return body if isinstance(body, str) else None


DIALECT = Dialect(
    "claude_code",
    (SCOPES,),
    read_span,
    read_log,
    "Claude Code 2.1.197 to 2.1.330",
    starts=(_SPAN_PREFIX,),
    any_scope=True,
)
