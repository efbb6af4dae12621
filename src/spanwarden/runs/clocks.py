"""Clocks of several hosts in one run, brought together by what must come before what.

Only where a host's times contradict causality: a child that begins before its parent, or all of whose spans begin after
their parents have ended; a call carried out before it was asked for, or after its result was read.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import SpanKey, span_key
from spanwarden.runs.ties import SLACK

Host = tuple[str | None, str | None]
"""Service and instance: what shares a clock."""

MAX_HOSTS = 64
"""Hosts of one run beyond which their clocks are left alone."""


_host: Callable[[Observation], Host] = attrgetter("service", "instance")


class _Order(NamedTuple):
    """What one pair of records says of two hosts, in ns that the inner host's clock is to be put forward.

    least: not less, or causality is broken. late: more than this and the inner began after all of the outer was over.
    most: not more, for the inner to lie within the outer.
    """

    least: int | None
    late: int | None
    most: int | None


def aligned(observations: Sequence[Observation]) -> Sequence[Observation]:
    """Return the observations with the times of all hosts on one clock, as far as they contradict each other.

    The clock is that of the host of the topmost span; hosts that nothing ties to it keep their own.
    """
    hosts = set(map(_host, observations))
    if len(hosts) == 1 or len(hosts) > MAX_HOSTS:
        return observations
    shifts = _shifts(observations)
    if not any(shifts.values()):
        return observations
    return [_shifted(o, shifts.get(_host(o), 0)) for o in observations]


def _shifted(o: Observation, shift: int) -> Observation:
    if not shift:
        return o
    start, end = (max(1, at + shift) if at else 0 for at in (o.start, o.end))
    return msgspec.structs.replace(o, start=start, end=end)


def _shifts(observations: Sequence[Observation]) -> dict[Host, int]:
    told: dict[tuple[Host, Host], list[_Order]] = defaultdict(list)
    spans = {key: o for o in observations if o.source == "span" and (key := span_key(o)) is not None}
    for outer, inner, order in (*_nested(observations, spans), *_asked(observations)):
        told[outer, inner].append(order)
        told[inner, outer]  # found from either side
    neighbours: dict[Host, dict[Host, None]] = defaultdict(dict)
    for outer, inner in sorted(told, key=repr):
        neighbours[outer][inner] = None
    shifts: dict[Host, int] = {}
    for start in _references(observations):
        if start in shifts:
            continue
        shifts[start] = 0
        waiting = deque([start])
        while waiting:
            one = waiting.popleft()
            for other in neighbours[one]:
                if other not in shifts:
                    forward, backward = told[one, other], told[other, one]
                    shifts[other] = shifts[one] + _between(-shifts[one], forward, backward)
                    waiting.append(other)
    return shifts


def _references(observations: Sequence[Observation]) -> Iterator[Host]:
    """Yield the hosts: those of topmost spans first, each in the order of its name."""
    tops = {_host(o) for o in observations if o.source == "span" and not o.parent_id}
    yield from sorted(tops, key=repr)
    yield from sorted({_host(o) for o in observations} - tops, key=repr)


def _nested(
    observations: Sequence[Observation], spans: Mapping[SpanKey, Observation]
) -> Iterator[tuple[Host, Host, _Order]]:
    for o in observations:
        if not o.start or not o.trace_id or o.history:
            continue
        above = o.parent_id if o.source == "span" else o.span_id
        outer = spans.get((o.trace_id, above)) if above else None
        if outer is None or not outer.start or _host(outer) == _host(o):
            continue
        until = max(outer.start, outer.end)
        most = until - max(o.start, o.end)
        yield _host(outer), _host(o), _Order(outer.start - o.start, until - o.start, most)


def _asked(observations: Sequence[Observation]) -> Iterator[tuple[Host, Host, _Order]]:
    """Yield what the ids of calls say that a model asked for on one host and another carried out."""
    calls: dict[str, list[Observation]] = defaultdict(list)
    for o in observations:
        if o.merge is not None and o.kind in {"tool_call", "handoff"} and o.start:
            calls[o.merge].append(o)
    for told in calls.values():
        done = _earliest(o for o in told if o.executed and o.source == "span")
        asked = _earliest(o for o in told if o.source == "message" and not o.history)
        read = _earliest(o for o in told if o.history)
        for host, inner in done.items():
            for other in asked.keys() - {host}:
                yield other, host, _Order(asked[other].start - inner.start, None, None)
            for other in read.keys() - {host}:
                most = read[other].start - max(inner.start, inner.end)
                yield other, host, _Order(None, most, most)


def _earliest(told: Iterable[Observation]) -> dict[Host, Observation]:
    """Return the first of each host."""
    first: dict[Host, Observation] = {}
    for o in told:
        known = first.get(_host(o))
        if known is None or o.start < known.start:
            first[_host(o)] = o
    return first


def _between(wanted: int, forward: Sequence[_Order], backward: Sequence[_Order]) -> int:
    """Return how far to put the other host's clock forward: `wanted` if nothing speaks against it."""
    if not _broken(forward, wanted) and not _broken(backward, -wanted):
        return wanted
    lowest = [o.least for o in forward if o.least is not None]
    highest = [-o.least for o in backward if o.least is not None]
    within = [-o.most for o in backward if o.most is not None], [o.most for o in forward if o.most is not None]
    low, high = max([*lowest, *within[0]], default=wanted), min([*highest, *within[1]], default=wanted)
    if low > high:  # a child that outlives its parent: that it does not begin before counts for more
        low, high = max(lowest, default=wanted), min(highest, default=wanted)
    return max(low, min(wanted, high))


def _broken(orders: Sequence[_Order], shift: int) -> bool:
    """Tell whether a shift breaks what the orders say."""
    early = any(o.least is not None and shift < o.least - SLACK for o in orders)
    late = [shift > o.late + SLACK for o in orders if o.late is not None]
    return early or (bool(late) and all(late))
