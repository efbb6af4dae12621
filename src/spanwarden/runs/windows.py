"""Run windows: which run an observation belongs to and when the run is complete.

A state machine that is handed the time. Arrival time (seconds of a monotonic clock, given by the caller) drives every
timeout; event time only orders. Two observations that share a key share a window; an observation whose keys belong to
two windows joins them.

A window is decided when its root has ended, every trace in it has its top and every parent has been seen, and nothing
has arrived for `settle`; else when nothing has arrived for `idle_timeout`; at `max_age` it gets a provisional
decision and stays open. A decided window is kept for `grace`: something new in it leads to a further decision of the
same run, a repetition changes nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from spanwarden.model.observation import Observation
from spanwarden.model.run import Completeness, Run
from spanwarden.runs.assemble import assemble
from spanwarden.runs.calls import Calls
from spanwarden.runs.costs import Prices
from spanwarden.runs.links import Links
from spanwarden.runs.ties import answer_keys, bare, best_host, goes_on_from, hosts, loose_ties, seeks
from spanwarden.runs.window import Window, WindowSettings, weight

__all__ = ["Decision", "Window", "WindowSettings", "Windows", "weight"]
_MAX_HOSTS = 512
"""How many of the newest windows of a process are searched for the outer layer of a call."""


class Decision(NamedTuple):
    """A run to be judged. `revision` counts the decisions of one run from 1; `token` names its window."""

    token: int
    run: Run
    revision: int
    waited: float
    """Seconds from the last arrival to this decision."""


class Windows:
    """All windows of one pipeline. Not thread-safe; one thread owns it.

    settings, prices: may be replaced at any time; what is decided from then on goes by them.
    """

    def __init__(self, settings: WindowSettings, prices: Prices | None = None) -> None:
        self.settings = settings
        self.prices = prices
        self.late = 0
        self.duplicates = 0
        self.dropped = 0
        self._by_key: dict[str, Window] = {}
        self._links = Links()
        self._calls = Calls()
        self._hosting: dict[str, dict[int, Window]] = {}
        self._windows: dict[int, Window] = {}
        self._heap: list[tuple[float, int]] = []
        self._references: dict[int, int] = {}
        self._released: list[int] = []
        self._forgotten: list[tuple[frozenset[str], frozenset[int]]] = []
        self._next_token = 0
        self._observations = 0
        self._size = 0

    def __len__(self) -> int:
        """Return the number of undecided windows."""
        return sum(1 for window in self._windows.values() if window.decided_at is None)

    @property
    def observations(self) -> int:
        """Return how many observations are held, those of decided windows in their grace included."""
        return self._observations

    @property
    def size(self) -> int:
        """Return about how many bytes of memory they hold."""
        return self._size

    def add(self, observations: Iterable[Observation], now: float, position: int | None = None) -> None:
        """Take in observations that arrived at `now`.

        position: the journal's of the request that told them all; it is referred to by every window that took one of
        them in, with content or without, so that a restart finds all of it. Without, only content is referred to.
        """
        touched: dict[int, Window] = {}
        positions: dict[int, None] = {} if position is None else {position: None}
        for observation in observations:
            if observation.content is not None:
                positions[observation.content.position] = None
            window = self._window(observation, now)
            if window.decided_at is not None:
                if window.knows(observation):
                    self.duplicates += 1
                    continue
                self.late += 1
                window.decided_at = None
                window.reopened = True
                window.identities = None
            size = weight(observation)
            if window.size + size > self.settings.max_run_size:
                window.overflowed = True
                self.dropped += 1
                continue
            window.last = max(window.last, now)
            self._take(window, observation, size, position)
            touched[window.token] = window
        for window in touched.values():
            if window.into is None:
                self._schedule(window)
        self._released += [position for position in positions if position not in self._references]

    def _take(self, window: Window, observation: Observation, size: int, told_at: int | None) -> None:
        held, weighed = len(window.observations), window.size
        position = told_at
        if position is None and observation.content is not None:
            position = observation.content.position
        known = position in window.positions
        window.take(observation, size)
        if told_at is not None:
            window.positions.add(told_at)
        self._observations += len(window.observations) - held
        self._size += window.size - weighed
        if position is not None and not known and position in window.positions:
            self._references[position] = self._references.get(position, 0) + 1
        instance = observation.instance
        if instance is not None and instance not in window.instances and hosts(observation):
            window.instances.add(instance)
            self._hosting.setdefault(instance, {})[window.token] = window
        if bare(observation):
            self._calls.add(observation, window)

    def due(self, now: float) -> list[Decision]:
        """Return the runs that are to be judged at `now`, and forget those whose grace has passed."""
        decisions: list[Decision] = []
        while self._heap and self._heap[0][0] <= now:
            _, token = heapq.heappop(self._heap)
            window = self._windows.get(token)
            if window is None:
                continue
            deadline = window.deadline(self.settings)
            if deadline > now:
                self._schedule(window)
            elif window.decided_at is not None:
                self._forget(window)
            elif window.untied and now >= window.last + window.patience(self.settings):
                self._schedule(self._tie_together(window))
            else:
                decisions += self._decide(window, now)
        while self._size > self.settings.max_size and self._windows:
            decisions += self._evict(now)
        return decisions

    def next_deadline(self) -> float | None:
        """Return the earliest time at which `due` may have something to do, None if there is nothing."""
        return self._heap[0][0] if self._heap else None

    def close(self, now: float, completeness: Completeness = "forced") -> list[Decision]:
        """Decide every open window at once, in order of first arrival."""
        for each in list(self._windows.values()):
            window = each.now()
            while window.untied:  # what it joins may be waiting for more
                window = self._tie_together(window)
        open_windows = [w for w in self._windows.values() if w.decided_at is None and w.has_event]
        return [self._judge(w, now, "root_ended" if w.ended() else completeness) for w in open_windows]

    def released(self) -> list[int]:
        """Return the journal positions that no window refers to any more since the last call."""
        released, self._released = self._released, []
        return released

    def forgotten(self) -> list[tuple[frozenset[str], frozenset[int]]]:
        """Return the keys of windows that were forgotten since the last call, each with the positions that others hold.

        What those positions tell of these keys is over and done with. Windows that shared no position are left out.
        """
        forgotten, self._forgotten = self._forgotten, []
        return forgotten

    def _window(self, observation: Observation, now: float) -> Window:
        """Return the window of an observation, after joining all that it ties together."""
        keys = observation.keys + answer_keys(observation)
        window: Window | None = None
        for key in keys:
            found = self._by_key.get(key)
            if found is not None and found is not window:
                window = found if window is None else self._join(window, found)
        if window is None:
            window = Window(self._next_token, now)
            self._next_token += 1
            self._windows[window.token] = window
        for key in keys:
            if key not in window.keys:
                window.keys.add(key)
                self._by_key[key] = window
        if observation.leads_to or observation.follows:
            window = self._link(window, observation.leads_to, observation.follows)
        return window

    def _link(self, window: Window, leads_to: Iterable[str], follows: Iterable[str]) -> Window:
        for leading, keys in ((True, leads_to), (False, follows)):
            for key in keys:
                for other in self._links.meet(window, key, leading=leading):
                    window = self._join(window, other)
        return window

    def _tie_together(self, window: Window) -> Window:
        """Join a window with what its loose messages and its unhosted calls belong to, as far as it has arrived."""
        window.untied = False
        spans, window.unseen = sorted(window.unseen), set()
        seeking, window.seeking = window.seeking, []
        for told in [window.loose[span] for span in spans]:
            ties = loose_ties(told)
            for key in ties.keys:
                window = self._join(window, self._by_key.get(key, window))
                window.keys.add(key)
                self._by_key[key] = window
            window = self._link(window, ties.leads_to, ties.follows)
        for observation in seeking:
            host = self._host(window, observation) if seeks(observation) else None
            if host is not None:
                window = self._join(window, host)
            if window.mute and bare(observation):
                window = self._join(window, self._before(window, observation))
        return window

    def _before(self, window: Window, call: Observation) -> Window:
        """Return the window of the call that a bare one without content goes on from; its own where that is unsure."""
        about = self._calls.about(call)
        found = goes_on_from(call, (other for other, _ in about))
        return next((owner for other, owner in about if other is found), window)

    def _host(self, window: Window, inner: Observation) -> Window | None:
        newest = islice(reversed(self._hosting.get(inner.instance or "", {}).values()), _MAX_HOSTS)
        near = [other for other in newest if other is not window and other.spans_time(inner)]
        owners = {id(o): other for other in near for o in other.observations if hosts(o)}
        found = best_host(inner, (o for other in near for o in other.observations if hosts(o)))
        return None if found is None else owners[id(found)]

    def _join(self, one: Window, two: Window) -> Window:
        if one is two:
            return one
        keep, gone = (one, two) if len(one.observations) >= len(two.observations) else (two, one)
        both_decided = one.decided_at is not None and two.decided_at is not None
        held, weighed = len(keep.observations) + len(gone.observations), keep.size + gone.size
        for position in gone.positions & keep.positions:
            self._references[position] -= 1
        keep.absorb(gone)
        self._observations += len(keep.observations) - held
        self._size += keep.size - weighed
        for token in (keep.token, gone.token):
            del self._windows[token]
            for instance in keep.instances:
                self._hosting[instance].pop(token, None)
        keep.token = min(keep.token, gone.token)
        keep.reopened |= both_decided
        keep.decided_at = None
        for key in gone.keys:
            self._by_key[key] = keep
        self._windows[keep.token] = keep
        for instance in keep.instances:
            self._hosting[instance][keep.token] = keep
        self._schedule(keep)
        return keep

    def _schedule(self, window: Window) -> None:
        heapq.heappush(self._heap, (window.deadline(self.settings), window.token))

    def _decide(self, window: Window, now: float) -> list[Decision]:
        if not window.has_event:
            self._forget(window)
            return []
        if now < window.last + window.patience(self.settings):
            window.aged = True
            decision = self._judge(window, now, "max_age")
            window.decided_at = None
            self._schedule(window)
            return [decision]
        return [self._judge(window, now, "root_ended" if window.ended() else "idle")]

    def _judge(self, window: Window, now: float, completeness: Completeness) -> Decision:
        window.revision += 1
        window.decided_at = now
        run = assemble(window.observations, "limit" if window.overflowed else completeness, self.prices)
        self._schedule(window)
        return Decision(window.token, run, window.revision, now - window.last)

    def _evict(self, now: float) -> list[Decision]:
        """Make room: forget the window that was decided first, else decide and forget the one idle for longest."""
        decided = [window for window in self._windows.values() if window.decided_at is not None]
        if decided:
            self._forget(min(decided, key=lambda window: window.decided_at or 0.0))
            return []
        window = min(self._windows.values(), key=lambda window: window.last)
        decisions = [self._judge(window, now, "limit")] if window.has_event else []
        self._forget(window)
        return decisions

    def _forget(self, window: Window) -> None:
        del self._windows[window.token]
        self._observations -= len(window.observations)
        self._size -= window.size
        for key in window.keys:
            if self._by_key.get(key) is window:
                del self._by_key[key]
        self._links.forget(window)
        self._calls.forget(window)
        for instance in window.instances:
            self._hosting[instance].pop(window.token, None)
            if not self._hosting[instance]:
                del self._hosting[instance]
        shared = []
        for position in sorted(window.positions):
            left = self._references[position] - 1
            if left:
                self._references[position] = left
                shared.append(position)
            else:
                del self._references[position]
                self._released.append(position)
        if shared:
            self._forgotten.append((frozenset(window.keys), frozenset(shared)))
