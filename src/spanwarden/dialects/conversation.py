"""Observations from the messages of a model call: what was said, which tools were asked for, what they gave back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from spanwarden.dialects.base import Loader, Shared, Sightings
from spanwarden.dialects.final_answers import is_final_answer, may_be_final_answer
from spanwarden.dialects.handoff_names import is_handoff, named_like_one
from spanwarden.dialects.messages import Call, Response, Said
from spanwarden.dialects.threads import thread
from spanwarden.model.event import Content, Effect, Status

MAX_CALLS = 2000
"""Of a longer conversation only the first calls and responses are read."""

MAX_KNOWN = 200
"""Characters of a tool's name beyond which nothing is remembered of it."""

_ITEM_IDS = ("fc_", "ctc_", "lsh_", "apc_")
"""Beginnings of the ids of OpenAI's items; some senders write them in the place of the call ids that responses use."""


def acts(name: str) -> bool:
    """Tell whether every call of a tool of this name acts: none only ends the run or hands work over."""
    return len(name) <= MAX_KNOWN and _acts(name)


@lru_cache(4096)
def _acts(name: str) -> bool:
    return not may_be_final_answer(name) and not named_like_one(name)


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
    call: Call | None = None

    @property
    def digest(self) -> str | None:
        """The digest of its arguments."""
        return None if self.call is None else self.call.digest

    @property
    def status(self) -> Status:
        """How it ended, as far as the response says."""
        if self.response is not None and self.response.denied:
            return "denied"
        if self.response is None or self.response.failed is None:
            return "unknown"
        return "error" if self.response.failed else "ok"


def add_messages(
    out: Sightings, shared: Shared, given: Sequence[Said], answered: Sequence[Said], start: int, end: int
) -> None:
    """Add one observation for each message and each tool call.

    given: the messages sent to the model, which are history: they may be older than the run. answered: what came back.
    start, end: of the model call, in ns. Where `shared.loose`, these are not all the messages of the call, others come
    in records of their own.
    """
    if not given and not answered:
        return
    if out.collecting and not shared.loose:
        conversation = shared.conversation
        service, bare, named = shared.service or "", not shared.parent_id, conversation is not None
        tied = thread(out.sender, service, given, answered, start, end, bare=bare, named=named)
        out.tie(tied, conversation or tied.conversation)
    counted: dict[tuple[str, str | None], int] = {}
    _add(out, shared, given, counted, start, history=True)
    _add(out, shared, answered, counted, end, history=False)
    out.untie()


def _add(
    out: Sightings,
    shared: Shared,
    messages: Sequence[Said],
    counted: dict[tuple[str, str | None], int],
    at: int,
    *,
    history: bool,
) -> None:
    calls = responses = False
    for sequence, said in enumerate(messages):
        if said.text:
            out.say(shared, said, at, sequence, history)
        if said.calls:
            calls = True
        if said.responses:
            responses = True
    if calls:
        for asked in _asked(messages, counted) if responses else _requested(messages, counted):
            _add_call(out, shared, asked, at, history)
    elif responses:
        _add_responses(out, shared, messages, at, history)


def _add_responses(out: Sightings, shared: Shared, messages: Sequence[Said], at: int, history: bool) -> None:
    """Add the responses of messages without a call: what `_asked` comes to where there is nothing to answer."""
    left = MAX_CALLS
    for index, said in enumerate(messages):
        left -= len(said.responses)
        if left < 0:
            break
        for response in said.responses:
            if response.id is not None:
                asked = Asked(index, response.name, response.id, None, response, True)
                _add_call(out, shared, asked, at, history)


def _add_call(out: Sightings, shared: Shared, asked: Asked, at: int, history: bool) -> None:
    name, arguments = asked.name, asked.arguments
    effects: tuple[Effect, ...] = ()
    digest, handoff = asked.digest if out.collecting else None, False
    if name is not None and not acts(name):
        if is_final_answer(name, arguments):
            return
        handoff = is_handoff(name, arguments)
    # Effects of older history were told by the calls that asked for it; working them out each time is for nothing.
    if name and not handoff and (asked.fresh or not history):
        effects = out.effects(name, arguments, digest=digest)
    out.tell(
        shared,
        _call(asked),
        "handoff" if handoff else "tool_call",
        at,
        at,
        asked.status,
        source="message",
        tool=name,
        merge=asked.id,
        alias=asked.alias,
        sequence=asked.at,
        digest=digest,
        executed=asked.provider,
        effects=effects,
        history=history,
    )


def _call(asked: Asked) -> Loader:
    return lambda: Content(asked.arguments, asked.response.result if asked.response is not None else None)


def _requested(messages: Sequence[Said], counted: dict[tuple[str, str | None], int]) -> Iterator[Asked]:
    """Yield the calls in messages without a response: what `_asked` comes to where nothing is answered."""
    fresh = max([i for i, said in enumerate(messages) if said.calls])
    left = MAX_CALLS
    for index, said in enumerate(messages):
        left -= len(said.calls)
        if left < 0:
            break
        for call in said.calls:
            identity = call.id or _nameless(call, counted)
            yield Asked(index, call.name, identity, call.arguments, None, index >= fresh, call.provider, None, call)


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
            asked = Asked(index, call.name, identity, call.arguments, None, index >= fresh, call.provider, None, call)
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
    key = (call.name, call.digest)
    counted[key] = counted.get(key, 0) + 1
    return f"nth:{call.name}:{key[1]}:{counted[key]}"
