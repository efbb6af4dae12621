"""From a transcript's own words to events: effects, kind, status, content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from spanwarden.effects.classify import effects_of
from spanwarden.effects.table import ToolTable
from spanwarden.model.event import Content, CostSource, Effect, Event, Kind, Status, Usage, Written
from spanwarden.model.run import Run
from spanwarden.policy.rules.categories import GITHUB, MESSAGE, SHELL, WEB_FETCH, is_write, written_category
from spanwarden.runs.costs import total, with_estimates
from spanwarden.transcripts.tables import Tables

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_STATUSES: dict[str, Status] = dict.fromkeys(("ok", "success", "succeeded", "completed", "0"), "ok")
_STATUSES |= dict.fromkeys(("error", "failed", "failure", "timeout", "cancelled", "canceled"), "error")
_STATUSES |= dict.fromkeys(("denied", "rejected", "blocked", "declined"), "denied")
_READ_TYPES = {"file_read", "read_file"}
MAX_TEXT_PARTS = 10_000


class HeldContents(Sequence[Content]):
    """The contents of a run that is held in memory."""

    def __init__(self, contents: Iterable[Content]) -> None:
        self._contents = tuple(contents)

    def __getitem__(self, index: Any) -> Any:
        return self._contents[index]

    def body(self, index: int, /) -> Content:
        """Return the content of one event; it is all in memory."""
        return self._contents[index]

    def __iter__(self) -> Iterator[Content]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)


@dataclass(slots=True)
class Entry:
    """One event as a transcript wrote it, open for what later lines tell of it."""

    type: str
    turn: int
    tool: str | None = None
    action: str | None = None
    path: str | None = None
    url: str | None = None
    command: str | None = None
    status: str | None = None
    role: str | None = None
    agent: str | None = None
    model: str | None = None
    call_id: str | None = None
    arguments: Any = None
    result: Any = None
    text: str | None = None
    error: str | None = None
    raw: Any = None
    usage: Usage | None = None
    cost_usd: float | None = None
    start: int = 0
    end: int = 0
    dialect: str = "native"
    extra: tuple[Effect, ...] = field(default=())

    def event(self, tools: ToolTable) -> Event:
        """Return the event; `tools` says what its tool does."""
        category = written_category(self.type, self.tool)
        written = Written(self.type, category, self.action, self.path, self.url, self.command, self.status)
        kind: Kind = "message" if category == MESSAGE else _KINDS.get(self.type.lower(), "tool_call")
        return Event(
            kind=kind,
            status=self._status(),
            start=self.start,
            end=self.end,
            agent=self.agent,
            tool=self.tool,
            model=self.model,
            role=self.role,
            call_id=self.call_id,
            effects=self._effects(category, tools) if kind in {"tool_call", "retrieval"} else (),
            usage=self.usage,
            cost_usd=self.cost_usd,
            cost_source="reported" if self.cost_usd is not None else None,
            dialect=self.dialect,
            turn=self.turn,
            written=written,
        )

    def content(self) -> Content:
        """Return the event's content."""
        return Content(self.arguments, self.result, self.text, self.error, self.raw)

    def _status(self) -> Status:
        if self.error:
            return "error"
        if self.status is not None:
            known = _STATUSES.get(self.status.strip().lower())
            if known is not None:
                return known
            return "error" if self.status.strip().lstrip("-").isdigit() else "unknown"
        return "ok" if self.result is not None else "unknown"

    def _effects(self, category: str, tools: ToolTable) -> tuple[Effect, ...]:
        found: dict[Effect, None] = dict.fromkeys(self._explicit(category, tools))
        if self.tool and category != SHELL:
            given = self.arguments if self.arguments is not None else self._own_words()
            found.update(dict.fromkeys(effects_of(self.tool, given, table=tools)))
        found.update(dict.fromkeys(self.extra))
        named = {effect.kind for effect in found if effect.target is not None}
        return tuple(effect for effect in found if effect.target is not None or effect.kind not in named)

    def _explicit(self, category: str, tools: ToolTable) -> Iterator[Effect]:
        """Yield the effects that the type, path, url and command tell without a look at the tool."""
        if category == SHELL:
            arguments = {"command": self.command} if self.command is not None else self.arguments
            yield from effects_of("bash", arguments, table=tools)
        elif category == WEB_FETCH:
            yield Effect("network_fetch", self.url)
        elif category == GITHUB:
            yield Effect("vcs_write", self.url or "github", self.action)
        if self.type.lower() in _READ_TYPES:
            yield Effect("file_read", self.path)
        elif is_write(Event("tool_call", written=Written(self.type, category))):
            yield Effect("file_write", self.path)

    def _own_words(self) -> dict[str, str] | None:
        words = {"path": self.path, "url": self.url, "command": self.command, "action": self.action}
        return {key: value for key, value in words.items() if value is not None} or None


@dataclass(frozen=True, slots=True)
class Header:
    """What a transcript says of the run as a whole."""

    id: str
    agent: str | None = None
    conversation: str | None = None
    service: str | None = None
    cost_usd: float | None = None
    runtime_seconds: float | None = None
    start: int = 0
    end: int = 0


def run_of(header: Header, entries: Iterable[Entry], tables: Tables) -> tuple[Run, HeldContents]:
    """Return the run and its contents. A cost that the header does not tell is the sum of what its events cost."""
    held = list(entries)
    events = [entry.event(tables.tools) for entry in held]
    cost = header.cost_usd
    source: CostSource | None = "reported" if cost is not None else None
    if cost is None:
        events = with_estimates(events, tables.prices)
        cost, source = total(events)
    run = Run(
        id=header.id,
        events=tuple(events),
        agent=header.agent,
        conversation=header.conversation,
        service=header.service,
        start=header.start,
        end=header.end,
        cost_usd=cost,
        cost_source=source,
        price_table=tables.prices.version if tables.prices is not None and source == "estimated" else None,
        runtime_seconds=header.runtime_seconds,
        dialects=tuple(dict.fromkeys(event.dialect for event in events)),
    )
    return run, HeldContents(entry.content() for entry in held)


def text_of(value: Any) -> str | None:
    """Return the words of a message's content: a text, or the texts of a list of blocks; None where there are none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return None
    parts = []
    for block in value[:MAX_TEXT_PARTS]:
        text = block.get("text") if isinstance(block, Mapping) else block
        if isinstance(text, str):
            parts.append(text)
    return "\n".join(parts) if parts else None
