"""What every dialect works with: where a record came from, and how its observations are collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from spanwarden.dialects.messages import Said
from spanwarden.effects.classify import effects_of, telling_type
from spanwarden.effects.limits import MAX_NAME
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.model.event import Content, ContentRef, CostSource, Effect, Kind, Status, Usage
from spanwarden.model.observation import Observation, Source
from spanwarden.otlp.proto import trimmed_pb2

Attributes = Mapping[str, bytes]
Loader = Callable[[], Content]


class Origin(msgspec.Struct, frozen=True):
    """The resource and scope that a record was sent under. `scope` and `version` may be empty."""

    resource: Attributes
    scope: str
    version: str
    service: str | None = None
    instance: str | None = None


class Tied(Protocol):
    """What ties a record to others; see `Observation`."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return keys that all of a run's records share."""
        ...

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Return keys that later records follow."""
        ...

    @property
    def follows(self) -> tuple[str, ...]:
        """Return keys that earlier records lead to."""
        ...


_MESSAGE: Literal["message"] = "message"
_UNKNOWN: Literal["unknown"] = "unknown"
_EFFECTS: dict[tuple[str | ToolTable | None, ...], tuple[Effect, ...]] = {}
"""What calls that were told of lately do: the model's request, the execution and the history tell of the same ones."""
_MAX_EFFECTS = 4096
_SHORT = 200
"""Characters of a tool's name or a target beyond which nothing is kept: memory is bounded."""


def _remember(key: tuple[str | ToolTable | None, ...], effects: tuple[Effect, ...]) -> None:
    if len(effects) > 4:
        return
    for effect in effects:
        if effect.target is not None and len(effect.target) > _SHORT:
            return
    if len(_EFFECTS) >= _MAX_EFFECTS:
        _EFFECTS.clear()
    _EFFECTS[key] = effects


class Shared(msgspec.Struct, frozen=True, gc=False):
    """What all observations of one record have in common; see `Observation`."""

    keys: tuple[str, ...]
    dialect: str = "unknown"
    run_id: str | None = None
    conversation: str | None = None
    service: str | None = None
    trace_id: bytes = b""
    span_id: bytes = b""
    parent_id: bytes = b""
    agent: str | None = None
    agent_id: str | None = None
    leads_to: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    loose: bool = False


@lru_cache(4096)
def trace_keys(trace_id: bytes) -> tuple[str, ...]:
    """Return the keys that tie everything of a trace; one tuple for all of its records while it is read."""
    return ("trace:" + trace_id.hex(),)


class Sightings:
    """Collects what one record says: observations, or with `loading` the ways to load its contents, in their order.

    A record may tell of several actions (a model call with three tool calls in its answer); each `add`, `tell` or
    `say` is one part, numbered in order, so that the same record read again numbers them alike. `table` says what
    tools do. `tell` and `say` do what `add` does; they name what is shared once, which is faster.
    """

    __slots__ = (
        "_instance",
        "_part",
        "_position",
        "_record",
        "_scope",
        "_table",
        "_tie",
        "loads",
        "observations",
        "sender",
    )

    def __init__(self, position: int, table: ToolTable = DEFAULT_TABLE, *, loading: bool = False) -> None:
        self.observations: list[Observation] = []
        self.loads: list[Loader | None] | None = [] if loading else None
        self._position = position
        self._table = table
        self._record = 0
        self._part = 0
        self._scope: str | None = None
        self._instance: str | None = None
        self.sender = ""
        self._tie: tuple[Tied, str | None] | None = None

    def begin(self, record: int, origin: Origin | None = None) -> None:
        """Start the record with this number within the request. `sender` then names the process that sent it."""
        self._record = record
        self._part = 0
        if origin is not None:
            self.come_from(origin)

    def come_from(self, origin: Origin) -> None:
        """Say where the records that follow were sent from."""
        self._scope = origin.scope or None
        self._instance = origin.instance
        self.sender = origin.instance or origin.service or ""

    @property
    def collecting(self) -> bool:
        """Tell whether observations are wanted, and not contents."""
        return self.loads is None

    def tie(self, tied: Tied, conversation: str | None) -> None:
        """Say of the next observation also what ties its record to others, and their conversation."""
        self._tie = (tied, conversation)

    def untie(self) -> None:
        """Forget what `tie` said, if nothing was added since."""
        self._tie = None

    def effects(
        self,
        tool: str,
        arguments: Any,
        *,
        mcp_server: str | None = None,
        tool_type: str | None = None,
        digest: str | None = None,
    ) -> tuple[Effect, ...]:
        """Return what a tool call does, by the table in force; see `effects_of`. () where content alone is wanted.

        digest: `arguments_digest` of the arguments; with it what is told several times is worked out once.
        """
        if self.loads is not None:
            return ()
        if tool_type is not None:
            tool_type = telling_type(tool[:MAX_NAME], mcp_server, tool_type[:MAX_NAME], self._table)
        key = (tool, digest, mcp_server, tool_type, self._table)
        known = digest is not None or arguments is None
        found = _EFFECTS.get(key) if known else None
        if found is None:
            found = effects_of(tool, arguments, mcp_server=mcp_server, tool_type=tool_type, table=self._table)
            if known and len(tool) <= _SHORT:
                _remember(key, found)
        return found

    def add(self, load: Loader | None = None, **facts: Any) -> None:
        """Add one observation (see `Observation` for the facts); `load` returns its content when it is asked for."""
        part = self._part
        self._part = part + 1
        if self.loads is not None:
            self.loads.append(load)
            return
        if load is not None:
            facts["content"] = ContentRef(self._position, self._record, part)
        if self._tie is not None:
            tied, facts["conversation"] = self._tie
            facts["keys"] += tied.keys
            facts["leads_to"], facts["follows"] = tied.leads_to, tied.follows
            self._tie = None
        self.observations.append(Observation(scope=self._scope, instance=self._instance, **facts))

    def tell(
        self,
        shared: Shared,
        load: Loader | None,
        kind: Kind | Literal["span", "end"],
        start: int,
        end: int,
        status: Status = "unknown",
        source: Source = "span",
        sequence: int = 0,
        tool: str | None = None,
        model: str | None = None,
        provider: str | None = None,
        role: str | None = None,
        merge: str | None = None,
        alias: str | None = None,
        effects: tuple[Effect, ...] = (),
        usage: Usage | None = None,
        cost: float | None = None,
        root: bool = False,
        executed: bool = False,
        rank: int = 0,
        history: bool = False,
        digest: str | None = None,
        expects: bool = False,
        bare: bool = False,
    ) -> None:
        """Add one observation of a record; see `add` and `Observation`.

        cost: as the sender reported it. bare: there is no content to load but what the sender wrote beside it.
        """
        part = self._part
        self._part = part + 1
        if self.loads is not None:
            self.loads.append(load)
            return
        s = shared
        keys, conversation, leads, follows = s.keys, s.conversation, s.leads_to, s.follows
        if self._tie is not None:
            tied, conversation = self._tie
            keys, leads, follows = keys + tied.keys, tied.leads_to, tied.follows
            self._tie = None
        content = None if load is None else ContentRef(self._position, self._record, part, bare)
        priced: CostSource | None = None if cost is None else "reported"
        # By position: names cost a microsecond here. `Observation` has its fields in this order; a test holds it.
        # In two parts: a call with more than thirty arguments makes a list of them, which costs as much as the rest.
        # fmt: off
        first = (
            kind, keys, source, s.dialect, s.run_id, conversation, s.service, s.trace_id, s.span_id, s.parent_id, start,
            end, sequence, status, s.agent, s.agent_id, tool, model, provider,
        )
        rest = (
            role, merge, alias, effects, usage, cost, priced, root, executed, rank, history, digest, content,
            self._scope, self._instance, leads, follows, s.loose, expects,
        )
        # fmt: on
        self.observations.append(Observation(*(first + rest)))

    def stand(
        self, service: str | None, trace_id: bytes, span_id: bytes, parent_id: bytes, start: int, end: int
    ) -> None:
        """Add a span that no dialect reads: `tell` with nothing but where it stands in its trace."""
        self._part += 1
        if self.loads is not None:
            self.loads.append(None)
            return
        # fmt: off
        self.observations.append(Observation(
            "span", trace_keys(trace_id), "span", "unknown", None, None, service, trace_id, span_id, parent_id,
            start, end, root=not parent_id, scope=self._scope, instance=self._instance,
        ))
        # fmt: on

    def say(self, shared: Shared, said: Said, at: int, sequence: int, history: bool) -> None:
        """Add one message of a conversation: `tell` with the few facts that messages have."""
        part = self._part
        self._part = part + 1
        if self.loads is not None:
            self.loads.append(lambda: Content(None, None, said.text))
            return
        s = shared
        keys, conversation, leads, follows = s.keys, s.conversation, s.leads_to, s.follows
        if self._tie is not None:
            tied, conversation = self._tie
            keys, leads, follows = keys + tied.keys, tied.leads_to, tied.follows
            self._tie = None
        # fmt: off
        first = (
            _MESSAGE, keys, _MESSAGE, s.dialect, s.run_id, conversation, s.service, s.trace_id, s.span_id,
            s.parent_id, at, at, sequence, _UNKNOWN, s.agent, s.agent_id, None, None, None,
        )
        rest = (
            said.role, said.digest, None, (), None, None, None, False, False, 0, history, None,
            ContentRef(self._position, self._record, part), self._scope, self._instance, leads, follows, s.loose,
        )
        # fmt: on
        self.observations.append(Observation(*(first + rest)))


class Dialect(NamedTuple):
    """One telemetry dialect.

    scopes: instrumentation scope names that speak it; a trailing `*` matches any ending.
    span, log: read one record and add what it says; each returns False if the record is not of this dialect after
        all (the next candidate is asked, at last the record is kept as structure only). None: the dialect has none.
    versions: what it was tried with.
    tells: attribute keys that only this dialect writes. A span that has one is offered to it whatever its scope's
        name, after the dialects that name the scope: applications bring tracers of their own.
    starts: beginnings of span names that only this dialect writes. A span of such a name is offered to it whatever its
        scope's name.
    any_scope: log records are offered to it whatever their scope's name; it knows its own by the names of the events.
    """

    name: str
    scopes: tuple[str, ...]
    span: SpanReader | None
    log: LogReader | None
    versions: str = ""
    tells: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()
    any_scope: bool = False


class SpanReader(Protocol):
    """Reads one span."""

    def __call__(self, span: trimmed_pb2.Span, origin: Origin, out: Sightings, /) -> bool:
        """Add what the span says to `out`; False if it is not of this dialect."""
        ...


class LogReader(Protocol):
    """Reads one log record."""

    def __call__(self, record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, /) -> bool:
        """Add what the record says to `out`; False if it is not of this dialect."""
        ...
