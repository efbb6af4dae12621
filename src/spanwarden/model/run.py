"""A run: the events of one agent invocation, from its prompt to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import msgspec

from spanwarden.model.event import Content, CostSource, Event

Completeness = Literal["root_ended", "idle", "max_age", "limit", "forced", "open"]


class Run(msgspec.Struct, frozen=True):
    """The events of one agent invocation, in order, with what is known of the whole.

    `cost_usd` and `runtime_seconds` are None where the telemetry does not say; `price_table` names the prices that an
    estimated cost rests on. `completeness` tells why the run was considered over: its root ended, nothing came for a
    while, it grew too old or too big, or it was closed by force. One that is open goes on.
    """

    id: str
    events: tuple[Event, ...]
    agent: str | None = None
    conversation: str | None = None
    service: str | None = None
    start: int = 0
    end: int = 0
    cost_usd: float | None = None
    cost_source: CostSource | None = None
    price_table: str | None = None
    runtime_seconds: float | None = None
    completeness: Completeness = "forced"
    trace_ids: tuple[bytes, ...] = ()
    root_trace_id: bytes = b""
    root_span_id: bytes = b""
    dialects: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None


class Contents(Protocol):
    """The content of a run's events, by event index. Loading may read the journal; a missing part is None."""

    def __getitem__(self, index: int, /) -> Content:
        """Return the content of the event at `index`; an empty `Content` where nothing was captured."""
        ...

    def body(self, index: int, /) -> Content:
        """Return the content of the event at `index` as far as it is not metadata, which may be cheaper to read."""
        ...

    def __iter__(self) -> Iterator[Content]:
        """Yield the content of every event in order."""
        ...
