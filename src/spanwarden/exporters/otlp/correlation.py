"""Which span a finding points at, and the ids that we make up ourselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from spanwarden.exporters.base import Notice, Subject
from spanwarden.model.finding import Evidence, Finding


class SpanContext(NamedTuple):
    """Raw ids as OTLP carries them; empty where unknown."""

    trace_id: bytes = b""
    span_id: bytes = b""


def subjects(notice: Notice) -> Mapping[int, Subject]:
    """Return the events that the notice describes, by their position in the run."""
    return {subject.event: subject for subject in notice.subjects}


def offending(finding: Finding) -> Evidence | None:
    """Return the earliest sink, else the first piece of evidence."""
    sinks = [item for item in finding.evidence if item.role == "sink"]
    if sinks:
        return min(sinks, key=lambda item: item.event)
    return finding.evidence[0] if finding.evidence else None


def context_of(known: Mapping[int, Subject], evidence: Evidence) -> SpanContext:
    """Return the span of a piece of evidence; the trace may be known without it."""
    subject = known.get(evidence.event)
    trace_id = identifier(evidence.trace_id or (subject.trace_id if subject else ""), 16)
    span_id = identifier(evidence.span_id or (subject.span_id if subject else ""), 8)
    return SpanContext(trace_id, span_id if trace_id else b"")


def root_of(notice: Notice) -> SpanContext:
    """Return the root span of the run, or the one trace that all of it is in, or nothing."""
    run = notice.run
    trace_id = identifier(run.root_trace_id, 16)
    if trace_id:
        return SpanContext(trace_id, identifier(run.root_span_id, 8))
    return SpanContext(identifier(run.trace_ids[0], 16)) if len(run.trace_ids) == 1 else SpanContext()


def identifier(text: str, size: int) -> bytes:
    """Return a hex id as bytes; empty where it is not `size` bytes of hex or all zero."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b""
    return raw if len(raw) == size and any(raw) else b""


def made_up(size: int, *parts: str) -> bytes:
    """Return an id of `size` bytes that the same parts always give; never all zero."""
    joined = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(joined, digest_size=size, person=b"spanwarden").digest()
    return digest if any(digest) else b"\x01" * size
