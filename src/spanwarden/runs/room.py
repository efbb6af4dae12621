"""Which windows go first where memory is short."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from spanwarden.runs.window import Window


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
