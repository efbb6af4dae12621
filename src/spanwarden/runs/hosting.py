"""Layers of one call that report it in traces of their own: the outer one's window for an inner one's report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from spanwarden.model.observation import Observation
from spanwarden.runs.ties import SLACK, best_host, hosts, seeks
from spanwarden.runs.window import Window

MAX_HOSTS = 512
"""How many of the newest windows of a process are searched for the outer layer of a call."""
MAX_SEARCHED = 20_000
"""How many observations of them."""
MAX_SEEKING = 64
"""How many windows of a process are remembered that no outer layer was found for, and reports in each."""


class Hosting:
    """Knows which windows hold outer layers of calls, and which hold inner ones; see `ties.seeks`.

    opened: returns what a window holds; what was packed is unpacked to stay so for a while, as searches come in many.
    """

    def __init__(self, opened: Callable[[Window], list[Observation]]) -> None:
        self._opened = opened
        self._outer: dict[str, dict[int, Window]] = {}
        self._inner: dict[str, dict[int, tuple[Window, list[Observation]]]] = {}

    def note(self, window: Window, o: Observation) -> bool:
        """Note an observation of a window; tell whether one in another window may have been waiting for it."""
        instance = o.instance
        if instance is None:
            return False
        if seeks(o):
            window.instances[instance] = None
            inner = self._inner.setdefault(instance, {})
            inner.setdefault(window.token, (window, []))[1].append(o)
            if len(inner) > MAX_SEEKING:
                del inner[next(iter(inner))]
        if not hosts(o):
            return False
        outer = self._outer.get(instance)
        if outer is None:
            outer = self._outer[instance] = {}
        if window.token not in outer:
            outer[window.token] = window
        window.instances[instance] = None
        return instance in self._inner

    def host(self, window: Window, inner: Observation) -> Window | None:
        """Return the other window that holds the outer layer's report of an action."""
        owners: dict[int, tuple[Observation, Window]] = {}
        searched = 0
        for other in islice(reversed(self._outer.get(inner.instance or "", {}).values()), MAX_HOSTS):
            if other is window or not other.spans_time(inner):
                continue
            searched += other.held
            if searched > MAX_SEARCHED:
                break
            owners |= {id(o): (o, other) for o in self._opened(other) if hosts(o)}
        found = best_host(inner, (o for o, _ in owners.values()))
        return None if found is None else owners[id(found)][1]

    def left_alone(self, outer: Observation) -> Iterator[tuple[Window, Observation]]:
        """Yield inner reports from the time of an outer one that looked for it in vain, with their windows."""
        for window, told in list(self._inner.get(outer.instance or "", {}).values()):
            if window.untied:
                continue  # looks for itself yet
            for inner in told[:MAX_SEEKING]:
                during = outer.start - SLACK <= inner.start and inner.end <= outer.end + SLACK
                if during and best_host(inner, filter(hosts, self._opened(window))) is None:
                    yield window, inner

    def joined(self, keep: Window, tokens: tuple[int, ...]) -> None:
        """Note that the windows of these tokens are one now."""
        for instance in keep.instances:
            outer, inner = self._outer.get(instance, {}), self._inner.get(instance, {})
            told = [o for token in tokens if token in inner for o in inner.pop(token)[1]]
            if told:
                inner[keep.token] = keep, told
            found = [outer.pop(token, None) for token in tokens]
            if any(window is not None for window in found):
                outer[keep.token] = keep

    def forget(self, window: Window) -> None:
        """Forget a window."""
        for instance in window.instances:
            for known in (self._outer, self._inner):
                windows = known.get(instance, {})
                windows.pop(window.token, None)
                if not windows:
                    known.pop(instance, None)
