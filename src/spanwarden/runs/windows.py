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
from typing import NamedTuple

import msgspec

from spanwarden.model.observation import Observation
from spanwarden.model.run import Completeness, Run
from spanwarden.runs.assemble import assemble
from spanwarden.runs.costs import Prices


class WindowSettings(msgspec.Struct, frozen=True):
    """Times in seconds and limits in bytes of memory (see `weight`); see `processors.runs` in the settings."""

    settle: float = 2.0
    idle_timeout: float = 60.0
    max_age: float = 3600.0
    grace: float = 600.0
    max_run_size: int = 64 << 20
    max_size: int = 512 << 20


class Decision(NamedTuple):
    """A run to be judged. `revision` counts the decisions of one run from 1; `token` names its window."""

    token: int
    run: Run
    revision: int
    waited: float
    """Seconds from the last arrival to this decision."""


class Window:
    """The observations of one run. Private to this room."""

    __slots__ = (
        "aged",
        "decided_at",
        "has_event",
        "identities",
        "keys",
        "last",
        "missing",
        "observations",
        "opened",
        "overflowed",
        "positions",
        "reopened",
        "revision",
        "rooted",
        "size",
        "spans",
        "token",
        "tops",
    )

    def __init__(self, token: int, now: float) -> None:
        self.token = token
        self.keys: set[str] = set()
        self.observations: list[Observation] = []
        self.size = 0
        self.positions: set[int] = set()
        self.opened = now
        self.last = now
        self.has_event = False
        self.rooted = False
        self.tops: dict[bytes, bool] = {}
        self.spans: set[bytes] = set()
        self.missing: set[bytes] = set()
        self.decided_at: float | None = None
        self.revision = 0
        self.aged = False
        self.reopened = False
        self.overflowed = False
        self.identities: set[tuple[object, ...]] | None = None

    def take(self, observation: Observation, size: int) -> None:
        """Add one observation that weighs `size` bytes."""
        self.observations.append(observation)
        self.size += size
        if observation.content is not None:
            self.positions.add(observation.content.position)
        if observation.kind == "end":
            self.rooted = True
        elif observation.kind != "span":
            self.has_event = True
        if observation.source == "span" and observation.span_id:
            top = not observation.parent_id
            self.tops[observation.trace_id] = top or self.tops.get(observation.trace_id, False)
            self.spans.add(observation.span_id)
            self.missing.discard(observation.span_id)
            if observation.parent_id and observation.parent_id not in self.spans:
                self.missing.add(observation.parent_id)
            if observation.root:
                self.rooted = True

    def absorb(self, other: Window) -> None:
        """Take over everything that another window of the same run holds."""
        self.keys |= other.keys
        self.observations += other.observations
        self.size += other.size
        self.positions |= other.positions
        self.opened = min(self.opened, other.opened)
        self.last = max(self.last, other.last)
        self.has_event |= other.has_event
        self.rooted |= other.rooted
        for trace_id, top in other.tops.items():
            self.tops[trace_id] = top or self.tops.get(trace_id, False)
        self.spans |= other.spans
        self.missing = (self.missing | other.missing) - self.spans
        self.revision = max(self.revision, other.revision)
        self.reopened |= other.reopened
        self.identities = None

    def ended(self) -> bool:
        """Tell whether the root has ended and nothing is known to be open."""
        return self.rooted and not self.missing and all(self.tops.values())

    def patience(self, settings: WindowSettings) -> float:
        """Return how long nothing must arrive before this window is decided."""
        return settings.settle if self.reopened or self.ended() else settings.idle_timeout

    def deadline(self, settings: WindowSettings) -> float:
        """Return when this window next needs attention."""
        if self.decided_at is not None:
            return self.decided_at + settings.grace
        quiet = self.last + self.patience(settings)
        return quiet if self.aged else min(quiet, self.opened + settings.max_age)

    def knows(self, observation: Observation) -> bool:
        """Tell whether an equal report has been taken before; used for decided windows only."""
        if self.identities is None:
            self.identities = {identity(seen) for seen in self.observations}
        return identity(observation) in self.identities


def identity(observation: Observation) -> tuple[object, ...]:
    """Return what makes two reports the same report sent twice; a fuller copy is a different one."""
    o = observation
    head = (o.kind, o.source, o.trace_id, o.span_id, o.merge, o.start, o.end, o.sequence)
    return (*head, o.status, o.tool, o.content is None)


def weight(observation: Observation) -> int:
    """Return about how many bytes of memory an observation holds (measured: 640 on average over 120 captures)."""
    texts = (*observation.keys, observation.merge, observation.agent, observation.tool, observation.conversation)
    effects = sum(80 + len(effect.target or "") for effect in observation.effects)
    return 420 + sum(len(text) for text in texts if text) + effects


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
        self._windows: dict[int, Window] = {}
        self._heap: list[tuple[float, int]] = []
        self._references: dict[int, int] = {}
        self._released: list[int] = []
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

    def add(self, observations: Iterable[Observation], now: float) -> None:
        """Take in observations that arrived at `now`."""
        touched: dict[int, Window] = {}
        for observation in observations:
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
            self._reference(window, observation)
            window.take(observation, size)
            self._observations += 1
            self._size += size
            touched[window.token] = window
        for token, window in touched.items():
            if token in self._windows:
                self._schedule(window)

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
        open_windows = [w for w in self._windows.values() if w.decided_at is None and w.has_event]
        return [self._judge(w, now, "root_ended" if w.ended() else completeness) for w in open_windows]

    def released(self) -> list[int]:
        """Return the journal positions that no window refers to any more since the last call."""
        released, self._released = self._released, []
        return released

    def _window(self, observation: Observation, now: float) -> Window:
        found = [window for key in observation.keys if (window := self._by_key.get(key)) is not None]
        if not found:
            window = Window(self._next_token, now)
            self._next_token += 1
            self._windows[window.token] = window
        else:
            window = found[0]
            for other in found[1:]:
                if other is not window:
                    window = self._join(window, other)
        for key in observation.keys:
            if key not in window.keys:
                window.keys.add(key)
                self._by_key[key] = window
        return window

    def _join(self, one: Window, two: Window) -> Window:
        keep, gone = (one, two) if len(one.observations) >= len(two.observations) else (two, one)
        reopened = one.decided_at is None or two.decided_at is None
        for position in gone.positions & keep.positions:
            self._references[position] -= 1
        keep.absorb(gone)
        keep.token, token = min(keep.token, gone.token), max(keep.token, gone.token)
        if reopened:
            keep.decided_at = None
        for key in gone.keys:
            self._by_key[key] = keep
        del self._windows[token]
        self._windows[keep.token] = keep
        self._schedule(keep)
        return keep

    def _reference(self, window: Window, observation: Observation) -> None:
        if observation.content is not None and observation.content.position not in window.positions:
            position = observation.content.position
            self._references[position] = self._references.get(position, 0) + 1

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
        for position in sorted(window.positions):
            left = self._references[position] - 1
            if left:
                self._references[position] = left
            else:
                del self._references[position]
                self._released.append(position)
