"""What ties observations of separate traces to one run, where their keys alone do not say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from spanwarden.model.observation import Observation
from spanwarden.runs.matching import same_tool

_UNIQUE = 16
_WHILE = 300 * 10**9
_AT_ONCE = 4 * 10**9
SLACK = 5_000_000
_APART = 500_000_000
PAUSE = 60 * 10**9
"""Times in ns: how long short ids tie, within what one answer is reported twice, how exact two layers' clocks are,
how much later than the outer layer the inner one may begin, how long tools may take between two calls without
content."""


class Ties(NamedTuple):
    """Keys as in `Observation`."""

    keys: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


def answer_keys(o: Observation) -> tuple[str, ...]:
    """Return keys that two reports of one model call share although each is a trace of its own.

    Two layers that report the same answer do so at once; some servers repeat their response ids later.
    """
    if o.parent_id or o.kind != "llm_call" or o.merge is None or o.source != "span" or not o.end:
        return ()
    told = f"{o.merge}:{o.usage.output if o.usage is not None and len(o.merge) < _UNIQUE else ''}"
    start = f"answer:{o.instance or o.service or ''}:{told}:"
    return f"{start}a{o.end // _AT_ONCE}", f"{start}b{(o.end + _AT_ONCE // 2) // _AT_ONCE}"


def bare(o: Observation) -> bool:
    """Tell whether an observation is a model call that is a trace of its own."""
    return not o.parent_id and o.kind == "llm_call" and o.source == "span" and o.instance is not None and o.end > 0


def goes_on_from(o: Observation, calls: Iterable[Observation]) -> Observation | None:
    """Return the bare call without content that another one goes on from, None where that is not certain.

    calls: those of the same process, their order and whether `o` is among them do not matter. All that tells is that
    a call ended by asking for tools, that it was the only such one at the time, and that the history has grown.
    """
    by_answer = {c.merge or c.span_id: c for c in sorted([*calls, o], key=_by_start)}
    waiting: list[Observation] = []
    for call in sorted(by_answer.values(), key=_by_start):
        waiting = [w for w in waiting if call.start - w.end <= PAUSE]
        one = waiting[0] if len(waiting) == 1 else None
        if one is not None and (one.end > call.start + SLACK or not _grown(one, call)):
            one = None
        if call.span_id == o.span_id or (call.merge is not None and call.merge == o.merge):
            return one
        if one is not None:
            waiting = []
        if call.expects:
            waiting.append(call)
    return None


def _by_start(o: Observation) -> tuple[int, int, bytes]:
    return o.start, o.end, o.span_id


def _grown(one: Observation, two: Observation) -> bool:
    longer = one.usage is None or two.usage is None or one.usage.input < two.usage.input
    return longer and one.service == two.service and _same_model(one.model, two.model)


def seeks(o: Observation) -> bool:
    """Tell whether an observation may be an inner layer's report of what another trace of its process tells too.

    An MCP server inside the agent's process starts traces of its own, and so does a client library whose caller was
    instrumented by wrapping; a model call without a response id (it failed) is found by its times alone.
    """
    if o.parent_id or o.source != "span" or o.instance is None or not o.end:
        return False
    return (o.rank < 0 and o.executed and o.kind == "tool_call") or (bare(o) and o.merge is None)


def hosts(o: Observation) -> bool:
    """Tell whether an observation may be the outer layer's report that `seeks` speaks of."""
    if o.kind == "tool_call":
        return o.executed and o.rank >= 0 and o.source == "span" and o.instance is not None
    return o.kind == "llm_call" and seeks(o)


def best_host(o: Observation, candidates: Iterable[Observation]) -> Observation | None:
    """Return the report of the same action by another layer of the same process; the closest in time wins."""
    found = [(_distance(o, c), c.trace_id, c.span_id, c) for c in candidates if _is_host(o, c)]
    return min(found, key=lambda f: f[:3])[3] if found else None


def _is_host(o: Observation, host: Observation) -> bool:
    if host.source != "span" or host.kind != o.kind or host.trace_id == o.trace_id or host.instance != o.instance:
        return False
    if host.scope == o.scope or not _around(host, o):
        return False
    if o.kind == "llm_call":
        around = _around(o, host) or o.start - host.start < _APART
        return around and host.merge is None and not host.parent_id and _same_model(o.model, host.model)
    alike = o.digest is None or host.digest is None or o.digest == host.digest
    return alike and host.executed and host.rank >= 0 and same_tool(o.tool, host.tool)


def _around(outer: Observation, inner: Observation) -> bool:
    return outer.start - SLACK <= inner.start and inner.end <= outer.end + SLACK


def _distance(o: Observation, host: Observation) -> int:
    return abs(o.start - host.start) + abs(o.end - host.end)


def _same_model(one: str | None, two: str | None) -> bool:
    return one is None or two is None or one.startswith(two) or two.startswith(one)


def loose_ties(told: Sequence[Observation]) -> Ties:
    """Return what ties a model call whose messages came one by one: the ids of the calls of the user's last request.

    told: the loose observations of one span, at least one. A new request begins where the user speaks after an answer.
    """
    asked: list[Observation] = []
    turn: list[Observation] = []
    answered = False
    for o in sorted(told, key=lambda o: (o.history is False, o.start, o.sequence)):
        if o.kind == "message":
            if o.role == "user" and answered:
                turn = []
            answered = o.role == "assistant"
        elif o.merge is not None:
            answered = False
            (turn if o.history else asked).append(o)
    keys: dict[str, None] = {}
    leads: dict[str, None] = {}
    follows: dict[str, None] = {}
    sender = told[0].instance or told[0].service or ""
    for o in (*asked, *turn[-2 * _UNIQUE :]):
        if o.merge is not None and len(o.merge) >= _UNIQUE:
            keys[f"call:{o.service or ''}:{o.merge}"] = None
        elif o.history:
            follows.update(dict.fromkeys(_lately(sender, o, 0, 1)))
        else:
            leads.update(dict.fromkeys(_lately(sender, o, 0)))
    return Ties(tuple(keys), tuple(leads), tuple(follows))


def _lately(sender: str, o: Observation, *before: int) -> Iterator[str]:
    return (f"call:{sender}:{o.merge}:{max(0, o.start // _WHILE - n)}" for n in before)
