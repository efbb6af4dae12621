"""What ties one model call to the next where nothing else does: the history that every call repeats.

Bare clients send a trace for each model call and no word of a run. But call n+1 begins with what call n was sent and
answered, an agent that another one asked ends with the result that the other one is given, and a call id that is long
enough is unique. A run ends where the user speaks again after an answer; the next one is of the same conversation.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from spanwarden.dialects.messages import MAX_MESSAGES, Call, Said
from spanwarden.model.observation import DERIVED

UNIQUE = 16
"""Ids of at least this length are taken for unique; shorter ones and texts tie calls for a while only."""
WHILE = 300 * 10**9
"""How long at least, in ns; at most twice as long."""
TAIL = 32
"""How many messages of the history say which history it is."""

MAX_KEYS = 128
"""No model call has more than this."""

_MAX_IDS = 16
_MAX_ASKED = 8
_MIN_TALK = 24
"""What one agent asked and another answered must be this long together to tie them."""
_OBSERVED = ("Observation:", "Observation\n")
"""What agents that call tools in plain text make the user say."""


class Thread(msgspec.Struct, frozen=True, gc=False):
    """How a model call hangs together with others; see `Observation` for the first three."""

    keys: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    conversation: str | None = None


_UNTIED = Thread()


def thread(
    sender: str,
    service: str,
    given: Sequence[Said],
    answered: Sequence[Said],
    start: int,
    end: int,
    *,
    bare: bool = True,
    named: bool = False,
) -> Thread:
    """Return what ties a model call to others.

    sender: the process that made it. given, answered: all its messages. start, end: its times in ns. bare: nothing
    else ties it; of a call within a trace only what is unique counts. named: its conversation is known.
    Work is bounded but for one pass over the messages; texts are hashed for the last `TAIL` messages only.
    """
    conversation = None if named else _conversation(sender, given, answered)
    if not bare:
        asking = [said for said in answered if said.calls][-1:]
        if [1 for said in given if said.calls]:  # a generator costs more than going through all of them
            asking = [*[said for said in given[_turn(given) :] if said.calls][-2:], *asking]
        if not asking:
            return _UNTIED if conversation is None else Thread((), (), (), conversation)
        return Thread(_unique_keys(service, [call for said in asking for call in said.calls]), (), (), conversation)
    turn = _turn(given)
    strands = _Strands(sender, service, start, end)
    _goes_on(strands, given, turn)
    _is_gone_on_from(strands, given, answered, turn)
    return Thread(tuple(strands.keys), tuple(strands.leads_to), tuple(strands.follows), conversation)


def _unique_keys(service: str, calls: Sequence[Call]) -> tuple[str, ...]:
    long = [call.id for call in calls[:_MAX_IDS] if call.id is not None and len(call.id) >= UNIQUE]
    keys = [f"call:{service}:{identity}" for identity in long]
    return tuple(keys) if len(keys) < 2 else tuple(dict.fromkeys(keys))


def _goes_on(strands: _Strands, given: Sequence[Said], turn: int) -> None:
    """Add what says which calls this one goes on from."""
    asking = [i for i in range(turn, len(given)) if given[i].calls][-2:]
    for i in asking:
        if not strands.unique(given[i].calls):
            strands.follow("said", _tail(given, i + 1, ()))
    if asking:
        for talk in _delegated(given, asking[-1]):
            strands.follow("talk", talk)
    for identity, result in deque(_answers_alone(given[turn:]), _MAX_IDS):
        if len(identity) >= UNIQUE:
            strands.share(identity)
        else:
            strands.follow("call", identity)
        if (told := _talk("", result)) is not None:
            strands.follow("talk", told)


def _is_gone_on_from(strands: _Strands, given: Sequence[Said], answered: Sequence[Said], turn: int) -> None:
    """Add what a later call would repeat; after an answer that asks for no tool only the asking agent goes on."""
    final = next((i for i in range(len(answered) - 1, -1, -1) if answered[i].calls), None)
    if final is None:
        for asked in ("", _asked_in(given, turn)):
            if (talked := _talk(asked, _text(answered))) is not None:
                strands.lead("talk", talked)
    elif not strands.unique(answered[final].calls):
        strands.lead("said", _tail(given, len(given), answered[: final + 1]))
        for call in answered[final].calls[:_MAX_IDS]:
            if call.id:
                strands.lead("call", call.id)


class _Strands:
    """Collects the keys of one model call; dictionaries, to keep their order."""

    __slots__ = ("_before", "_end", "_sender", "_service", "_then", "follows", "keys", "leads_to")

    def __init__(self, sender: str, service: str, start: int, end: int) -> None:
        self._sender = sender
        self._service = service
        self._then, self._before, self._end = lately(start), lately(start - WHILE), lately(end)
        self.keys: dict[str, None] = {}
        self.leads_to: dict[str, None] = {}
        self.follows: dict[str, None] = {}

    def share(self, identity: str) -> None:
        self.keys[f"call:{self._service}:{identity}"] = None

    def lead(self, what: str, told: str) -> None:
        self.leads_to[f"{what}:{self._sender}:{told}:{self._end}"] = None

    def follow(self, what: str, told: str) -> None:
        self.follows[f"{what}:{self._sender}:{told}:{self._then}"] = None
        self.follows[f"{what}:{self._sender}:{told}:{self._before}"] = None

    def unique(self, calls: Sequence[Call]) -> bool:
        """Tell whether the ids of these calls are unique, and share those that are."""
        told = _unique_keys(self._service, calls)
        self.keys.update(dict.fromkeys(told))
        return len(told) == min(len(calls), _MAX_IDS)


def lately(at: int) -> str:
    """Return the stretch of time in which a moment lies."""
    return str(max(0, at) // WHILE)


def begins_turn(text: str) -> bool:
    """Tell whether a user's words can be a new request; some agents put the results of tools into the user's mouth."""
    return not text.startswith(_OBSERVED)


def _turn(given: Sequence[Said]) -> int:
    """Return where the last request of the user begins: after the last answer, else at the beginning."""
    first: int | None = None
    for i in range(len(given) - 1, -1, -1):
        said = given[i]
        if said.calls or said.responses or said.role == "tool":
            first = None
        elif said.text and said.role == "user":
            first = i if begins_turn(said.text) else None
        elif said.text and said.role == "assistant" and first is not None:
            return first
    return 0


def _answers_alone(said: Iterable[Said]) -> Iterator[tuple[str, str]]:
    """Yield ids and text of results whose calls are not in the history: the model's provider keeps it."""
    called: set[str] = set()
    for message in said:
        called.update(call.id for call in message.calls if call.id)
        for response in message.responses[:_MAX_IDS]:
            if response.id and response.id not in called:
                yield response.id, response.result if isinstance(response.result, str) else ""


def _token(said: Said) -> str | None:
    """Return what a message adds to a history; results do not count, they are often shortened."""
    if said.calls:
        return "\x1e".join(call.id or f"{call.name}\x1d{call.digest}" for call in said.calls)
    if said.responses or not said.text or said.role == "system":
        return None
    return f"{said.role}\x1d{said.text.strip()}"


def _tail(given: Sequence[Said], upto: int, answered: Sequence[Said]) -> str:
    tokens: list[str] = []
    for message in chain(reversed(answered), (given[i] for i in range(upto - 1, -1, -1))):
        token = _token(message)
        if token is not None:
            tokens.append(token)
            if len(tokens) == TAIL:
                break
    return _digest(*tokens)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _conversation(sender: str, given: Sequence[Said], answered: Sequence[Said]) -> str | None:
    """Return a name that every call of a conversation shares: its first request and the first answer to it."""
    if len(given) >= MAX_MESSAGES:
        return None
    asked: str | None = None
    for said in (*given, *answered):
        if asked is None:
            if said.role == "user" and said.text and not said.responses:
                asked = said.text.strip()
        elif said.calls or (said.role == "assistant" and said.text):
            return DERIVED + _digest(sender, asked, _token(said) or "")
    return None


def _asked_in(given: Sequence[Said], turn: int) -> str:
    return next((said.text for said in given[turn:] if said.role == "user" and said.text), "")


def _text(answered: Sequence[Said]) -> str:
    return next((said.text for said in reversed(answered) if said.role == "assistant" and said.text), "")


def _talk(asked: str, told: str) -> str | None:
    """Return what one agent asked and another answered as one word, None if that is too little to tell it by."""
    asked, told = asked.strip(), told.strip()
    return _digest(asked, told) if told and len(asked) + len(told) >= _MIN_TALK else None


def _delegated(given: Sequence[Said], at: int) -> Iterator[str]:
    """Yield what calls would amount to if another agent had answered them: the request and the result."""
    results = {r.id: r.result for said in given[at + 1 :] for r in said.responses if isinstance(r.result, str)}
    for call in given[at].calls[:_MAX_ASKED]:
        result = results.get(call.id)
        if result is None or not isinstance(call.arguments, dict):
            continue
        for value in tuple(call.arguments.values())[:_MAX_ASKED]:
            if isinstance(value, str) and value and (talked := _talk(value, result)) is not None:
                yield talked
