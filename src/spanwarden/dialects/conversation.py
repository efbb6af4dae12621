"""Observations from the messages of a model call: what was said, which tools were asked for, what they gave back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from spanwarden.dialects.base import Loader, Sightings
from spanwarden.dialects.final_answers import is_final_answer
from spanwarden.dialects.handoff_names import is_handoff
from spanwarden.dialects.messages import Call, Response, Said, arguments_digest, message_digest
from spanwarden.dialects.threads import thread
from spanwarden.model.event import Content, Status

MAX_CALLS = 2000
"""Of a longer conversation only the first calls and responses are read."""

_ITEM_IDS = ("fc_", "ctc_", "lsh_", "apc_")
"""Beginnings of the ids of OpenAI's items; some senders write them in the place of the call ids that responses use."""


class Asked(msgspec.Struct, eq=False):
    """A tool call in a conversation and, once it is there, its response."""

    at: int
    name: str | None
    id: str
    arguments: Any = None
    response: Response | None = None
    fresh: bool = False
    provider: bool = False
    alias: str | None = None

    @property
    def status(self) -> Status:
        """How it ended, as far as the response says."""
        if self.response is not None and self.response.denied:
            return "denied"
        if self.response is None or self.response.failed is None:
            return "unknown"
        return "error" if self.response.failed else "ok"


def add_messages(
    out: Sightings,
    facts: dict[str, Any],
    given: Sequence[Said],
    answered: Sequence[Said],
    start: int,
    end: int,
    *,
    loose: bool = False,
) -> None:
    """Add one observation for each message and each tool call.

    facts: what all share (keys, ids, agent). given: the messages sent to the model, which are history: they may be
    older than the run. answered: what came back. start, end: of the model call, in ns. loose: these are not all the
    messages of the call, others come in records of their own.
    """
    if not given and not answered:
        return
    if loose:
        facts = {**facts, "loose": True}
    elif out.collecting:
        conversation = facts.get("conversation")
        service, bare, named = facts.get("service") or "", not facts.get("parent_id"), conversation is not None
        tied = thread(out.sender, service, given, answered, start, end, bare=bare, named=named)
        out.tie(tied, conversation or tied.conversation)
    _add_messages(out, facts, given, answered, start, end)
    out.untie()


def _add_messages(
    out: Sightings, facts: dict[str, Any], given: Sequence[Said], answered: Sequence[Said], start: int, end: int
) -> None:
    before = {**facts, "source": "message", "history": True, "start": start, "end": start}
    after = {**facts, "source": "message", "start": end, "end": end}
    counted: dict[tuple[str, str | None], int] = {}
    _add_texts(out, before, given)
    _add_calls(out, before, _asked(given, counted))
    _add_texts(out, after, answered)
    _add_calls(out, after, _asked(answered, counted))


def _add_texts(out: Sightings, facts: dict[str, Any], messages: Iterable[Said]) -> None:
    for sequence, said in enumerate(messages):
        if said.text:
            digest = message_digest(said.role, said.text)
            out.add(_text(said.text), **facts, kind="message", role=said.role, merge=digest, sequence=sequence)


def _add_calls(out: Sightings, facts: dict[str, Any], calls: Iterable[Asked]) -> None:
    for asked in calls:
        if asked.name is not None and is_final_answer(asked.name, asked.arguments):
            continue
        handoff = asked.name is not None and is_handoff(asked.name, asked.arguments)
        # Effects of older history were told by the calls that asked for it; working them out each time is for nothing.
        acted = asked.name is not None and not handoff and (asked.fresh or not facts.get("history"))
        digest = arguments_digest(asked.arguments)
        out.add(
            _call(asked),
            **facts,
            kind="handoff" if handoff else "tool_call",
            tool=asked.name,
            merge=asked.id,
            alias=asked.alias,
            sequence=asked.at,
            digest=digest,
            status=asked.status,
            executed=asked.provider,
            effects=out.effects(asked.name, asked.arguments, digest=digest) if acted and asked.name else (),
        )


def _text(text: str) -> Loader:
    return lambda: Content(text=text)


def _call(asked: Asked) -> Loader:
    return lambda: Content(asked.arguments, asked.response.result if asked.response is not None else None)


def _asked(messages: Sequence[Said], counted: dict[tuple[str, str | None], int]) -> list[Asked]:
    """Return the calls in a conversation, each with its response; a response whose call is not there stands alone."""
    calls: list[Asked] = []
    by_id: dict[str, Asked] = {}
    waiting: list[Asked] = []
    left = MAX_CALLS
    fresh = max((i for i, said in enumerate(messages) if said.calls), default=0)
    for index, said in enumerate(messages):
        left -= len(said.calls) + len(said.responses)
        if left < 0:
            break
        for call in said.calls:
            identity = call.id or _nameless(call, counted)
            asked = Asked(index, call.name, identity, call.arguments, None, index >= fresh, call.provider)
            calls.append(asked)
            waiting.append(asked)
            by_id[asked.id] = asked
        for response in said.responses:
            found = _answered(response, by_id, waiting)
            if found is not None:
                found.response = response
                found.alias = response.id if found.id.startswith(_ITEM_IDS) and response.id != found.id else None
                waiting.remove(found)
            elif response.id is not None and response.id not in by_id:
                calls.append(Asked(index, response.name, response.id, None, response, index >= fresh))
    return calls


def _answered(response: Response, by_id: dict[str, Asked], waiting: list[Asked]) -> Asked | None:
    """Return the waiting call that a response answers: by id, else by name, else the first (some ids are made up)."""
    known = by_id.get(response.id) if response.id is not None else None
    if known is not None:
        return known if known in waiting else None
    hint = response.name or response.id or ""
    named = next((asked for asked in waiting if asked.name and hint.startswith(asked.name)), None)
    return named or (waiting[0] if waiting else None)


def _nameless(call: Call, counted: dict[tuple[str, str | None], int]) -> str:
    """Return an identity for a call without an id: the n-th call with this name and these arguments.

    History repeats in order, so the n-th stays the n-th in every later model call.
    """
    key = (call.name, arguments_digest(call.arguments))
    counted[key] = counted.get(key, 0) + 1
    return f"nth:{call.name}:{key[1]}:{counted[key]}"
