"""Which dialect reads a record: by its scope's name, then by its keys, else it is structure only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from spanwarden.dialects import (
    agentcore,
    ai_sdk,
    autogen,
    claude_code,
    codex,
    copilot,
    crewai,
    frameworks,
    gemini,
    genai,
    genkit,
    haystack,
    langfuse,
    langsmith,
    livekit,
    mastra,
    mlflow,
    opencode,
    openinference,
    openlit_mcp,
    pydantic_ai,
    qwen,
)
from spanwarden.dialects.base import Dialect, LogReader, Origin, Sightings, SpanReader
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import valid_ids

DIALECTS: tuple[Dialect, ...] = (
    claude_code.DIALECT,
    codex.DIALECT,
    gemini.DIALECT,
    qwen.DIALECT,
    opencode.DIALECT,
    copilot.DIALECT,
    ai_sdk.DIALECT,
    langfuse.DIALECT,
    langsmith.DIALECT,
    mastra.DIALECT,
    mlflow.DIALECT,
    genkit.DIALECT,
    livekit.DIALECT,
    pydantic_ai.DIALECT,
    haystack.DIALECT,
    agentcore.DIALECT,
    autogen.DIALECT,
    crewai.DIALECT,
    openlit_mcp.DIALECT,
    *frameworks.DIALECTS,
    openinference.DIALECT,
    genai.DIALECT,
)
"""Every dialect; the last one that reads any scope is the fallback."""
SPAN_TYPE, PENDING = "logfire.span_type", "pending_span"
"""Logfire sends an empty copy of every span when it starts: it says that the real one, its parent, is still open."""


def candidates(scope: str) -> tuple[Dialect, ...]:
    """Return the dialects to ask for a scope: the one that names it, then by keys, then the conventions."""
    named = tuple(dialect for dialect in DIALECTS if _names(dialect, scope))
    return named if genai.DIALECT in named else (*named, _BY_KEYS, genai.DIALECT)


def span_reader(scope: str) -> Callable[[trimmed_pb2.Span, Origin, Sightings], None]:
    """Return what reads a span of this scope: it adds what the span says, at the least where it stands in its trace."""
    known = _SPAN_READERS.get(scope)
    if known is None:
        asked = candidates(scope)
        known = _span_reader(_readers(asked), _readers((*_STARTING, *asked)), named=asked[0] is not _BY_KEYS)
        if len(_SPAN_READERS) < _MAX_SCOPES:
            _SPAN_READERS[scope] = known
    return known


def _readers(dialects: Iterable[Dialect]) -> tuple[SpanReader, ...]:
    return tuple(dict.fromkeys(dialect.span for dialect in dialects if dialect.span is not None))


def _span_reader(
    readers: tuple[SpanReader, ...], starting: tuple[SpanReader, ...], *, named: bool
) -> Callable[[trimmed_pb2.Span, Origin, Sightings], None]:
    def read(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
        if not valid_ids(span.trace_id, span.span_id):
            return  # its sender was told so
        attributes, starts = span.attributes, span.name.startswith(_STARTS)
        if named or starts or not _TELLING.isdisjoint(attributes):
            pending = SPAN_TYPE in attributes and values.text(attributes[SPAN_TYPE]) == PENDING
            for reader in () if pending else starting if starts else readers:
                if reader(span, origin, out):
                    return
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        out.stand(origin.service, span.trace_id, span.span_id, span.parent_span_id, start, end)

    return read


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what a log record says; a record of no known dialect says nothing."""
    for read in _log_readers(origin.scope):
        if read(record, origin, out):
            return


@lru_cache(4096)
def _log_readers(scope: str) -> tuple[LogReader, ...]:
    asked = (*(d for d in DIALECTS if d.any_scope or _names(d, scope)), genai.DIALECT)
    return tuple(dict.fromkeys(dialect.log for dialect in asked if dialect.log is not None))


def _read_told(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> bool:
    """Let the dialects read a span that carries one of their own keys."""
    attributes = span.attributes
    return any(key in attributes and read(span, origin, out) for key, read in _TELLS)


_TELLS: tuple[tuple[str, SpanReader], ...] = tuple(
    (key, dialect.span) for dialect in DIALECTS if dialect.span is not None for key in dialect.tells
)
_BY_KEYS = Dialect("by its keys", (), _read_told, None)
_TELLING = frozenset((SPAN_TYPE, *genai.TELLING, *(key for key, _ in _TELLS)))
"""A span of an unknown scope that has none of these is read by no dialect."""
_STARTING = tuple(dialect for dialect in DIALECTS if dialect.starts)
_STARTS = tuple(start for dialect in _STARTING for start in dialect.starts)
_MAX_SCOPES = 4096
_SPAN_READERS: dict[str, Callable[[trimmed_pb2.Span, Origin, Sightings], None]] = {}


def _names(dialect: Dialect, scope: str) -> bool:
    return any(
        scope.startswith(pattern[:-1]) if pattern.endswith("*") else scope == pattern for pattern in dialect.scopes
    )
