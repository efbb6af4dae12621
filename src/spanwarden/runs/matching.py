"""Requested tool calls and the executions that do not carry the call id: matched by name, arguments and order."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from spanwarden.model.observation import Observation


@lru_cache(4096)
def squash(name: str | None) -> str:
    """Return a tool name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", (name or "").lower())


def same_tool(one: str | None, two: str | None) -> bool:
    """Tell whether two names are of one tool: equal, or one with a server's or plugin's name in front."""
    a, b = squash(one), squash(two)
    if len(a) < len(b):
        a, b = b, a
    return bool(b) and (a == b or (len(b) > 3 and a.endswith(b) and _prefixed(one or "", two or "")))


def _prefixed(one: str, two: str) -> bool:
    longer, shorter = (one, two) if len(one) >= len(two) else (two, one)
    rest = longer[: -len(shorter)] if longer.lower().endswith(shorter.lower()) else ""
    return bool(rest) and not rest[-1].isalnum()


def match_requests(
    observations: Sequence[Observation], members: Iterable[Sequence[int]], join: Callable[[int, int], None]
) -> None:
    """Join every execution without a call id to the request that it answers.

    First by equal name and arguments, then by name alone. Among the requests open when the execution started the
    latest batch wins, in the order in which the model wrote it.
    """
    requests: list[_Call] = []
    executions: list[_Call] = []
    for indexes in members:
        call = _call(observations, indexes)
        if call is not None:
            (executions if call.executed else requests).append(call)
    for exact in (True, False):
        open_requests: dict[tuple[str, str | None], list[_Call]] = defaultdict(list)
        for request in sorted(requests, key=lambda c: (c.start, c.sequence, c.index)):
            if not request.matched:
                open_requests[request.key(exact)].append(request)
        queues = {key: _Open(found) for key, found in open_requests.items()}
        for execution in sorted(executions, key=lambda c: (c.start, c.sequence, c.index)):
            queue = queues.get(execution.key(exact))
            if execution.matched or queue is None or (exact and execution.digest is None):
                continue
            answered = queue.take(execution.start)
            if answered is not None:
                execution.matched = answered.matched = True
                join(execution.index, answered.index)


class _Call:
    __slots__ = ("digest", "executed", "index", "matched", "sequence", "start", "tool")

    def __init__(self, index: int, first: Observation, tool: str, digest: str | None, executed: bool) -> None:
        self.index = index
        self.start = first.start
        self.sequence = first.sequence
        self.tool = tool
        self.digest = digest
        self.executed = executed
        self.matched = False

    def key(self, exact: bool) -> tuple[str, str | None]:
        return self.tool, self.digest if exact else None


class _Open:
    """Requests of one tool, by time; each can be taken once."""

    def __init__(self, requests: list[_Call]) -> None:
        batches: dict[int, list[_Call]] = defaultdict(list)
        for request in requests:
            batches[request.start].append(request)
        self._starts = sorted(batches)
        self._batches = [list(reversed(batches[start])) for start in self._starts]
        self._earlier = list(range(-1, len(self._starts) - 1))
        self._first = 0

    def take(self, before: int) -> _Call | None:
        """Return the first open request of the latest batch not after `before`, else of the earliest open batch."""
        at = self._open_from(bisect_right(self._starts, before) - 1)
        if at < 0:
            while self._first < len(self._batches) and not self._batches[self._first]:
                self._first += 1
            at = self._first
        return self._batches[at].pop() if at < len(self._batches) else None

    def _open_from(self, at: int) -> int:
        path: list[int] = []
        while at >= 0 and not self._batches[at]:
            path.append(at)
            at = self._earlier[at]
        for passed in path:
            self._earlier[passed] = at
        return at


def _call(observations: Sequence[Observation], indexes: Sequence[int]) -> _Call | None:
    """Return the call that a group is about, None where the group is no call or is complete already."""
    told = [observations[i] for i in indexes]
    if not any(o.kind in {"tool_call", "handoff"} for o in told):
        return None
    executed = any(o.executed for o in told)
    if executed and any(o.merge is not None for o in told):
        return None
    named = next((o.tool for o in told if o.tool), None)
    if named is None:
        return None
    digest = next((o.digest for o in told if o.digest is not None), None)
    first = next((o for o in told if not o.history), told[0])
    return _Call(indexes[0], first, squash(named), digest, executed)
