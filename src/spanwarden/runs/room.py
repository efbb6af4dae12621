"""Which windows go first where memory is short."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from spanwarden.runs.window import Window, WindowSettings

_LEFT = 0.98
"""What is left of a limit after room was made: the order in which windows leave is worked out once for many."""


def to_leave(
    windows: Mapping[int, Window], now: float, settings: WindowSettings, size: int, undecided: int
) -> Iterator[Window]:
    """Yield windows that are to be let go, each before the next is asked for, until the rest keeps within the limits.

    size, undecided: the bytes of memory that all windows hold, and how many of them were not decided.
    """
    if size > settings.max_size:
        for window in leaving(windows.values(), now, settings.settle):
            if size <= _LEFT * settings.max_size:
                break
            size -= window.size
            undecided -= window.decided_at is None
            yield window
    if undecided > settings.max_open:
        open_ones = (window for window in windows.values() if window.decided_at is None)
        for window in leaving(open_ones, now, settings.settle, lambda _: 1):
            if undecided <= _LEFT * settings.max_open:
                break
            undecided -= 1
            yield window


def first_decided(windows: Iterable[Window], share: float) -> list[Window]:
    """Return this share of the decided windows, those that were decided first."""
    decided = [(window.decided_at, window.token, window) for window in windows if window.decided_at is not None]
    return [window for _, _, window in sorted(decided)[: math.ceil(len(decided) * share)]]


def leaving(
    windows: Iterable[Window], now: float, quiet: float, weigh: Callable[[Window], int] = lambda window: window.size
) -> Iterator[Window]:
    """Yield windows in the order in which they make room, always one of the sender who holds most at that moment.

    Of one sender's, those decided go first, the first decided before the others; then the biggest that were idle for
    `quiet` seconds; then the biggest.
    """
    by_sender: dict[str, list[Window]] = {}
    for window in windows:
        by_sender.setdefault(window.sender, []).append(window)
    heap: list[tuple[int, str]] = []
    for sender, held in by_sender.items():
        held.sort(key=lambda window: _order(window, now - quiet), reverse=True)  # the first is popped from the end
        heap.append((-sum(map(weigh, held)), sender))
    heapq.heapify(heap)
    while heap:
        most, sender = heap[0]
        held = by_sender[sender]
        window = held.pop()
        yield window
        if held:
            heapq.heapreplace(heap, (most + weigh(window), sender))
        else:
            heapq.heappop(heap)


def _order(window: Window, quiet_since: float) -> tuple[int, float, int]:
    if window.decided_at is not None:
        return 0, window.decided_at, window.token
    return (1 if window.last <= quiet_since else 2), -window.size, window.token
