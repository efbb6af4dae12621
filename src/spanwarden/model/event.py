"""What an agent did: events, their effects and their content."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["llm_call", "tool_call", "agent", "handoff", "retrieval", "embedding", "message", "decision", "error"]
Status = Literal["ok", "error", "denied", "unknown"]
CostSource = Literal["reported", "estimated"]
EffectKind = Literal[
    "file_read",
    "file_write",
    "file_search",
    "shell",
    "network_fetch",
    "network_send",
    "message_send",
    "vcs_read",
    "vcs_write",
    "db_query",
    "memory_read",
    "memory_write",
    "agent_spawn",
    "approval",
]


class Effect(msgspec.Struct, frozen=True, gc=False):
    """One thing a tool call did to the world.

    `target` is what it was done to, as the agent wrote it: a path, a URL or host, a command, an address. It is None
    where the telemetry does not say. `detail` refines the kind where rules need it ("delete", "privilege", "install").
    """

    kind: EffectKind
    target: str | None = None
    detail: str | None = None


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one model call. `input` includes cached tokens and `output` includes reasoning tokens."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


class Content(msgspec.Struct, frozen=True):
    """What an event carried, decoded. A field is None where the telemetry does not carry it.

    arguments: what the tool was called with (an object, or text where it was no object).
    result: what came back (any JSON value or text).
    text: the words of a message, or a model's answer.
    error: the error text of a failed call.
    raw: the record as it was in the input, for transcripts only.
    metadata: facts that the sender wrote beside it under names that policies know ("data_classification").
    """

    arguments: Any = None
    result: Any = None
    text: str | None = None
    error: str | None = None
    raw: Any = None
    metadata: dict[str, Any] | None = None

    def filled_from(self, other: Content) -> Content:
        """Return this content with every missing field taken from `other`."""
        return Content(
            self.arguments if self.arguments is not None else other.arguments,
            self.result if self.result is not None else other.result,
            self.text if self.text is not None else other.text,
            self.error if self.error is not None else other.error,
            self.raw if self.raw is not None else other.raw,
            {**other.metadata, **self.metadata}
            if self.metadata and other.metadata
            else self.metadata or other.metadata,
        )


class ContentRef(msgspec.Struct, frozen=True, gc=False, order=True):
    """Where content can be read again: journal position, record within the request, part within the record.

    `bare` tells that there is nothing to read but what the sender wrote beside it (`Content.metadata`).
    """

    position: int
    record: int
    part: int = 0
    bare: bool = False


class Written(msgspec.Struct, frozen=True, gc=False):
    """How a transcript file spelled an event; None of it exists for telemetry. See reports and tracegate's keys."""

    type: str
    category: str
    action: str | None = None
    path: str | None = None
    url: str | None = None
    command: str | None = None
    status: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """One real action of an agent, however many records told of it.

    Times are nanoseconds since the epoch, 0 where unknown. `trace_id` and `span_id` are raw bytes, empty where the
    event was told by logs without a span. `turn` is a transcript's own numbering, from 1. `told_as` is the call id by
    which findings have named the event before its span was seen, and go on naming it.
    """

    kind: Kind
    status: Status = "unknown"
    start: int = 0
    end: int = 0
    agent: str | None = None
    tool: str | None = None
    model: str | None = None
    role: str | None = None
    call_id: str | None = None
    effects: tuple[Effect, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None
    cost_source: CostSource | None = None
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_id: bytes = b""
    dialect: str = "unknown"
    turn: int | None = None
    written: Written | None = None
    provider: str | None = None
    content: tuple[ContentRef, ...] = ()
    told_as: str | None = None
