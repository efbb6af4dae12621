"""One span, once its dialect has read it: what it told, as observations.

A dialect finds the names, the contents and the counts under its own keys; what they amount to is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spanwarden.dialects.base import Attributes, Origin, Shared, Sightings
from spanwarden.dialects.conversation import add_messages
from spanwarden.dialects.final_answers import is_final_answer
from spanwarden.dialects.handoff_names import is_handoff
from spanwarden.dialects.messages import Said, arguments_digest, plain
from spanwarden.model.event import Content, Kind, Status, Usage
from spanwarden.otlp import values
from spanwarden.otlp.proto import trimmed_pb2

_ERROR = 2
_MAX_EVENTS = 200
"""Of a span with more events only the first are searched for an exception."""


def first_value(attributes: Attributes, names: Iterable[str]) -> Any:
    """Return the first of these attributes that is present and says something, JSON decoded."""
    for name in names:
        if (encoded := attributes.get(name)) is not None and (value := values.structure(encoded)) is not None:
            return value
    return None


def last_words(answered: Sequence[Said]) -> list[Said]:
    """Return what an agent answered: its output may repeat the whole conversation or state, the last words count."""
    said = next((said for said in reversed(answered) if said.role == "assistant" and said.text), None)
    return [Said("assistant", said.text)] if said is not None else []


class SpanReport:
    """Turns what a span told into observations; call one method that says what the span is, then `messages`.

    conversation, run_id, agent: as in `Observation`. failed: the dialect's own word that the action failed; the
    span's status counts too. error: its own error text, else the span's is taken.
    """

    def __init__(
        self,
        span: trimmed_pb2.Span,
        origin: Origin,
        out: Sightings,
        dialect: str,
        *,
        conversation: str | None = None,
        run_id: str | None = None,
        agent: str | None = None,
        failed: bool = False,
        error: str | None = None,
    ) -> None:
        self._out = out
        self._start = span.start_time_unix_nano
        self._end = max(self._start, span.end_time_unix_nano)
        self._root = not span.parent_span_id
        failed = failed or span.status.code == _ERROR
        self.status: Status = "error" if failed else "ok"
        self._error = (error or _error_text(span)) if failed else None
        self._facts: dict[str, Any] = {
            "keys": ("trace:" + span.trace_id.hex(),),
            "dialect": dialect,
            "run_id": run_id,
            "conversation": conversation,
            "service": origin.service,
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_span_id,
            "agent": agent,
        }

    def structure(self) -> None:
        """Add a span that holds others together and is no action itself."""
        self._add(None, kind="span", root=self._root, status="unknown", agent=None)

    def model_call(
        self,
        *,
        model: str | None = None,
        provider: str | None = None,
        usage: Usage | None = None,
        cost: float | None = None,
        response_id: str | None = None,
        answered: Sequence[Said] = (),
        kind: Kind = "llm_call",
        rank: int = 0,
    ) -> None:
        """Add one request to a model (or, by `kind`, to an embedding model). Zero cost means that it has no price.

        rank: below zero for a span around the request, whose counts may be sums.
        """
        error = self._error
        self._add(
            lambda: Content(text=_answer(answered), error=error),
            kind=kind,
            model=model,
            provider=provider,
            usage=usage,
            merge=response_id,
            rank=rank,
            **_cost(cost),
        )

    def agent(
        self,
        *,
        model: str | None = None,
        usage: Usage | None = None,
        cost: float | None = None,
        answered: Sequence[Said] = (),
        workflow: bool = False,
        identity: str | None = None,
    ) -> None:
        """Add the work of one agent; `usage` and `cost` are the sum of what is below, if the sender sums them.

        identity: what spans of the same work share, where several tell of it.
        """
        error = self._error
        self._add(
            lambda: Content(text=_answer(answered), error=error),
            kind="agent",
            model=model,
            usage=usage,
            root=self._root,
            role="workflow" if workflow else None,
            merge=identity,
            **_cost(cost),
        )

    def tool_call(
        self,
        name: str,
        arguments: Any = None,
        result: Any = None,
        *,
        call_id: str | None = None,
        mcp_server: str | None = None,
        tool_type: str | None = None,
        denied: bool = False,
        attempt: Status | None = None,
    ) -> None:
        """Add one execution of a tool, or a refused one; `arguments` and `result` are decoded.

        attempt: how a call ended that was not carried out for another reason: put off, arguments that do not fit.
        """
        attempt = "denied" if denied else attempt
        if is_final_answer(name, arguments):
            self.structure()
            return
        handoff = is_handoff(name, arguments)
        error = self._error
        self._add(
            lambda: Content(arguments, plain(result), error=error),
            kind="handoff" if handoff else "tool_call",
            tool=name,
            merge=call_id,
            executed=attempt is None,
            digest=arguments_digest(arguments),
            root=self._root,
            status=attempt or self.status,
            effects=() if handoff else self._out.effects(name, arguments, mcp_server=mcp_server, tool_type=tool_type),
        )

    def retrieval(self, query: Any = None, documents: Any = None) -> None:
        """Add one search in a store of documents."""
        error = self._error
        self._add(lambda: Content(query, documents, error=error), kind="retrieval", root=self._root)

    def decision(self, result: Any = None) -> None:
        """Add what a guardrail or an evaluator said."""
        error = self._error
        self._add(lambda: Content(result=result, error=error), kind="decision", root=self._root)

    def messages(self, given: Sequence[Said], answered: Sequence[Said]) -> None:
        """Add what was sent to the model or agent, and what came back."""
        add_messages(self._out, Shared(**self._facts), given, answered, self._start, self._end)

    def _add(self, load: Any, **facts: Any) -> None:
        timed = {"start": self._start, "end": self._end, "status": self.status}
        self._out.add(load, **{**self._facts, **timed, **facts})


def _cost(cost: float | None) -> dict[str, Any]:
    return {"cost_usd": cost, "cost_source": "reported"} if cost is not None and cost > 0 else {}


def _answer(answered: Sequence[Said]) -> str | None:
    return "\n".join(said.text for said in answered if said.text and said.role == "assistant") or None


def _error_text(span: trimmed_pb2.Span) -> str | None:
    if span.status.message:
        return str(span.status.message, "utf-8", "replace")
    for event in span.events[:_MAX_EVENTS]:
        if event.name in {b"exception", b"gen_ai.client.operation.exception"}:
            message = values.text(event.attributes.get("exception.message"))
            if message is not None:
                return message
    return values.text(span.attributes.get("error.type"))
