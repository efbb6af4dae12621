"""Runs as a ledger keeps them: who ran, when, for how long, at what cost. Their events are gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from spanwarden.exporters.base import RunSummary
from spanwarden.model.run import Contents, Run
from spanwarden.storage.ledger.opening import open_read_only
from spanwarden.storage.ledger.queries import summaries
from spanwarden.transcripts.entries import HeldContents

_decoder = msgspec.json.Decoder(RunSummary)


def ledger_runs(directory: Path) -> Iterator[tuple[Run, Contents]]:
    """Yield the decided runs of the ledger in a directory, by their end, without events. Raises LedgerError."""
    with contextlib.closing(open_read_only(directory)) as connection:
        for text in summaries(connection):
            yield _run(_decoder.decode(text)), HeldContents(())


def _run(summary: RunSummary) -> Run:
    return Run(
        id=summary.id,
        events=(),
        agent=summary.agent,
        conversation=summary.conversation,
        service=summary.service,
        start=summary.start,
        end=summary.end,
        cost_usd=summary.cost_usd,
        cost_source=summary.cost_source,
        runtime_seconds=summary.runtime_seconds,
        completeness=summary.completeness,
        trace_ids=tuple(bytes.fromhex(trace_id) for trace_id in summary.trace_ids),
        root_trace_id=bytes.fromhex(summary.root_trace_id),
        root_span_id=bytes.fromhex(summary.root_span_id),
        dialects=summary.dialects,
    )
