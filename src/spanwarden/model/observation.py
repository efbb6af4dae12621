"""What one telemetry record said. Observations are merged into events by the `runs` room."""

from __future__ import annotations

from typing import Literal

import msgspec

from spanwarden.model.event import ContentRef, CostSource, Effect, Kind, Status, Usage

Source = Literal["span", "log", "message"]
"""Who told: the span of the action itself, a log record, or a part of a model's messages."""

DERIVED = "messages:"
"""How the name of a conversation begins that nobody sent: a digest of its first messages."""


class Observation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One record's report of one action.

    kind: an event kind; "span" for a span that is only structure (kept for ancestry and for the end of the run);
        "end" for a record that says that the run is over.
    keys: strings that tie observations to one run; two observations that share a key belong to the same run.
        The spelling is `<what>:<value>`, for example `trace:0af7…` or `prompt:…`. Never empty.
    leads_to, follows: keys that tie in one direction only. An observation belongs to the run of every other that leads
        to what it follows; several that lead to the same, or follow the same, are not tied by that alone.
    loose: one of the messages of a model call, sent apart from the others; what it ties is told by all of them.
    expects: the model's answer asks for tools, so that another call of the same run goes on from this one.
    scope, instance: the instrumentation scope and the service instance that sent the record, None where unnamed.
    conversation: its name as sent, or derived (see `DERIVED`) where none was.
    run_id: an explicit run id of the dialect, None where it has none.
    provider: who serves the model, as the sender spells it ("openai", "aws.bedrock"); prices depend on it.
    merge: observations of one run with the same `kind` and `merge` told of the same action; None where the record
        has no identity beyond its span. For tool calls it is the call id, for messages a digest of role and text.
    alias: a second call id under which other records know the same call (OpenAI's items have ids beside the call's).
    sequence: order among records with equal times, as the sender numbered them.
    root: the end of this span may be the end of the run (no parent in this trace, not a bare model call).
    executed: the record witnesses an execution (not merely a request in a model's answer, or a decision).
    rank: which record's facts win when several tell of the same action; higher wins.
    history: told by the messages that were sent to a model, so it happened before that call and maybe before the run.
    digest: short digest of the arguments (`arguments_digest` of the dialects), to find the execution of a requested
        call where the execution does not carry the call id; None where the arguments are unknown.
    """

    kind: Kind | Literal["span", "end"]
    keys: tuple[str, ...]
    source: Source = "span"
    dialect: str = "unknown"
    run_id: str | None = None
    conversation: str | None = None
    service: str | None = None
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_id: bytes = b""
    start: int = 0
    end: int = 0
    sequence: int = 0
    status: Status = "unknown"
    agent: str | None = None
    agent_id: str | None = None
    tool: str | None = None
    model: str | None = None
    provider: str | None = None
    role: str | None = None
    merge: str | None = None
    alias: str | None = None
    effects: tuple[Effect, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None
    cost_source: CostSource | None = None
    root: bool = False
    executed: bool = False
    rank: int = 0
    history: bool = False
    digest: str | None = None
    content: ContentRef | None = None
    scope: str | None = None
    instance: str | None = None
    leads_to: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    loose: bool = False
    expects: bool = False
