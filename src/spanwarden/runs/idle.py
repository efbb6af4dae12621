"""Windows that nothing comes for: what they hold is packed, so that many runs may stay open."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from spanwarden.runs.window import EXPORT_DELAY, Window, WindowSettings

_PRESSED = 0.5
"""The share of the memory limit from which on decided windows are packed too, and all of them sooner."""
_PACKED_AT_ONCE, _TRIED_AT_ONCE = 32, 1000
"""How many windows are packed each time, and how many are tried: the work goes with what arrives."""


class Idle:
    """Finds the windows to be packed.

    Open ones are, once nothing came for as long as exporters gather: a run that is busy is never packed, one that waits
    for its model is. Each is looked at once in that time. Where memory runs short, all windows are tried in turns.
    """

    def __init__(self) -> None:
        self._busy: deque[tuple[float, int]] = deque()
        self._hand: list[int] = []
        self._now = 0.0

    def watch(self, window: Window) -> None:
        """Look after a window that is open, and not packed as a whole."""
        if not window.watched and window.fresh:
            window.watched = True
            self._busy.append((max(window.last, self._now), window.token))

    def due(self, windows: Mapping[int, Window], now: float, settings: WindowSettings, size: int) -> Iterator[Window]:
        """Yield windows to pack at `now`. size: the bytes of memory that all of them hold."""
        self._now = now
        yield from self._waiting(windows, now)
        if size > _PRESSED * settings.max_size:
            yield from self._in_turns(windows, now - settings.settle)

    def _waiting(self, windows: Mapping[int, Window], now: float) -> Iterator[Window]:
        since, packed = now - EXPORT_DELAY, 0
        for _ in range(_TRIED_AT_ONCE):
            if not self._busy or self._busy[0][0] > since or packed == _PACKED_AT_ONCE:
                break
            window = windows.get(self._busy.popleft()[1])
            if window is None:
                continue
            window.watched = False
            if window.last > since:
                self.watch(window)
            elif window.decided_at is None:
                packed += 1
                yield window

    def _in_turns(self, windows: Mapping[int, Window], since: float) -> Iterator[Window]:
        if not self._hand:
            self._hand = list(windows)
        packed = 0
        for _ in range(min(_TRIED_AT_ONCE, len(self._hand))):
            window = windows.get(self._hand.pop())
            if window is not None and window.last <= since and window.fresh:
                packed += 1
                yield window
                if packed == _PACKED_AT_ONCE:
                    break
