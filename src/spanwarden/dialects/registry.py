"""Which dialect reads a record: by its scope's name, then by its keys, else it is structure only."""

from __future__ import annotations

from collections.abc import Callable

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
from spanwarden.dialects.base import Dialect, Origin, Shared, Sightings, SpanReader, trace_keys
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
    known = _CANDIDATES.get(scope)
    if known is None:
        named = tuple(d for d in DIALECTS if any(_matches(pattern, scope) for pattern in d.scopes))
        known = named if genai.DIALECT in named else (*named, _BY_KEYS, genai.DIALECT)
        if len(_CANDIDATES) < _MAX_SCOPES:
            _CANDIDATES[scope] = known
    return known


def span_reader(scope: str) -> Callable[[trimmed_pb2.Span, Origin, Sightings], None]:
    """Return what reads a span of this scope: it adds what the span says, at the least where it stands in its trace."""
    known = _SPAN_READERS.get(scope)
    if known is None:
        asked = candidates(scope)
        known = _span_reader(tuple(d.span for d in asked if d.span is not None), named=asked[0] is not _BY_KEYS)
        if len(_SPAN_READERS) < _MAX_SCOPES:
            _SPAN_READERS[scope] = known
    return known


def _span_reader(
    readers: tuple[SpanReader, ...], *, named: bool
) -> Callable[[trimmed_pb2.Span, Origin, Sightings], None]:
    def read(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
        trace_id, span_id = span.trace_id, span.span_id
        if not valid_ids(trace_id, span_id):
            return  # its sender was told so
        attributes = span.attributes
        if named or not _TELLING.isdisjoint(attributes):
            pending = SPAN_TYPE in attributes and values.text(attributes[SPAN_TYPE]) == PENDING
            for reader in () if pending else readers:
                if reader(span, origin, out):
                    return
        parent_id = span.parent_span_id
        shared = Shared(trace_keys(trace_id), "unknown", None, None, origin.service, trace_id, span_id, parent_id)
        start, end = span.start_time_unix_nano, span.end_time_unix_nano
        out.tell(shared, None, "span", start, end, root=not parent_id)

    return read


def read_log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings) -> None:
    """Add what a log record says; a record of no known dialect says nothing."""
    for dialect in candidates(origin.scope):
        if dialect.log is not None and dialect.log(record, origin, out):
            return


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
_MAX_SCOPES = 4096
_SPAN_READERS: dict[str, Callable[[trimmed_pb2.Span, Origin, Sightings], None]] = {}
_CANDIDATES: dict[str, tuple[Dialect, ...]] = {}


def _matches(pattern: str, scope: str) -> bool:
    return scope.startswith(pattern[:-1]) if pattern.endswith("*") else scope == pattern
