"""Following a sequence through a run in one pass.

For every number of steps taken, open chains are kept by what later steps will ask of them. Of two that later steps
cannot tell apart the newer one is as good as the older in every respect (less time, fewer events between), so one is
enough; only where a condition must be tried on every chain are several kept, up to a limit.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.joins import Joined, Key

MAX_OPEN = 64
"""Chains that are kept and tried where later steps can tell them apart only by trying."""
WHOLE = 0
"""The gap of a blocker between the first and the last step."""


class Step(NamedTuple):
    """One step and the name that later ones know its event by."""

    name: str
    joined: Joined


class Chain(NamedTuple):
    """A compiled sequence. A blocker's gap is the number of steps before it, or WHOLE; `within` is in ns, 0 is any."""

    steps: tuple[Step, ...]
    blockers: tuple[tuple[int, Joined], ...]
    within: int


class LimitError(Exception):
    """A run has more that a rule must keep in mind than it may."""


_Open = tuple[int, ...]


class Chains:
    """The open chains of one run."""

    def __init__(self, chain: Chain, view: RunView) -> None:
        self._chain = chain
        self._view = view
        self._names = tuple(step.name for step in chain.steps)
        self._levels: list[dict[Any, OrderedDict[Any, _Open]]] = [{} for _ in chain.steps]
        self._blocked = [_Blocker(gap, joined, view) for gap, joined in chain.blockers]
        self._asked = [self._asked_later(level) for level in range(len(chain.steps))]
        self._serial = 0
        self.dropped = False
        """Whether chains were left out, so that a chain that was not found may be there all the same."""

    def take(self, index: int) -> Mapping[str, int] | None:
        """Take in the next event; return the events of a chain that it completes, by name, None without one."""
        complete: Mapping[str, int] | None = None
        steps = self._chain.steps
        for level in range(len(steps) - 1, -1, -1):
            if not steps[level].joined.fits_alone(self._view, index):
                continue
            found: _Open | None = () if level == 0 else self._match(level, index)
            if found is None:
                continue
            if level == len(steps) - 1:
                complete = dict(zip(self._names, (*found, index), strict=True))
            else:
                self._keep(level + 1, (*found, index))
        for blocker in self._blocked:
            blocker.take(index)
        return complete

    def complain(self) -> None:
        """Raise LimitError if chains were left out."""
        if self.dropped or any(blocker.dropped for blocker in self._blocked):
            raise LimitError(f"more than {MAX_OPEN} open chains, older ones were left out")

    def _asked_later(self, level: int) -> tuple[list[Key], bool]:
        """Return the ties that steps after the next one have to the first `level` steps, and whether some are tried."""
        bound = frozenset(self._names[:level])
        later = [step.joined for step in self._chain.steps[level + 1 :]]
        blockers = [joined for gap, joined in self._chain.blockers if gap >= level or gap == WHOLE]
        keys = [key for joined in (*later, *blockers) for key in joined.keys if key.uses <= bound]
        following = self._chain.steps[level].joined
        return keys, any(joined.rest for joined in (following, *later, *blockers))

    def _keep(self, level: int, taken: _Open) -> None:
        bound = dict(zip(self._names, taken, strict=False))
        following = self._chain.steps[level].joined.other_key(self._view, taken[-1], bound)
        if following is None:
            return
        keys, tried = self._asked[level]
        values = [str(key.other.value(self._view, taken[-1], bound)) for key in keys]
        self._serial += 1
        mark = (*values, self._serial if tried else 0)
        kept = self._levels[level].setdefault(following, OrderedDict())
        kept.pop(mark, None)
        kept[mark] = taken
        if len(kept) > MAX_OPEN:
            kept.popitem(last=False)
            self.dropped = True

    def _match(self, level: int, index: int) -> _Open | None:
        joined = self._chain.steps[level].joined
        key = joined.own_key(self._view, index)
        if key is None:
            return None
        for taken in reversed(self._levels[level].get(key, {}).values()):
            bound = dict(zip(self._names, taken, strict=False))
            free = self._in_time(level, taken, index) and not self._is_blocked(level, taken, index, bound)
            if free and joined.ties(self._view, index, bound):
                return taken
        return None

    def _in_time(self, level: int, taken: _Open, index: int) -> bool:
        if not self._chain.within or level < len(self._chain.steps) - 1:
            return True
        first, last = self._view.events[taken[0]], self._view.events[index]
        return (last.start or last.end) - (first.start or first.end) <= self._chain.within

    def _is_blocked(self, level: int, taken: _Open, index: int, bound: Mapping[str, int]) -> bool:
        last = level == len(self._chain.steps) - 1
        for blocker in self._blocked:
            if blocker.gap == level and blocker.between(taken[-1], index, bound):
                return True
            if blocker.gap == WHOLE and last and blocker.between(taken[0], index, bound):
                return True
        return False


class _Blocker:
    """Where events were that may not be between two steps."""

    def __init__(self, gap: int, joined: Joined, view: RunView) -> None:
        self.gap = gap
        self.dropped = False
        self._joined = joined
        self._view = view
        self._places: dict[Any, deque[int]] = {}

    def take(self, index: int) -> None:
        """Take in the next event."""
        if not self._joined.fits_alone(self._view, index):
            return
        key = self._joined.own_key(self._view, index)
        if key is not None:
            # Without conditions to try, the last place is all that counts.
            self._places.setdefault(key, deque(maxlen=MAX_OPEN if self._joined.rest else 1)).append(index)

    def between(self, first: int, last: int, bound: Mapping[str, int]) -> bool:
        """Tell whether one was after `first` and before `last`."""
        key = self._joined.other_key(self._view, first, bound)
        places = self._places.get(key) if key is not None else None
        if not places:
            return False
        for place in reversed(places):
            if place <= first:
                return False
            if place < last and self._joined.ties(self._view, place, bound):
                return True
        self.dropped = self.dropped or len(places) == MAX_OPEN
        return False
