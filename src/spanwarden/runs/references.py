"""Which journal positions run windows refer to, and which they no longer do."""

from __future__ import annotations

from collections.abc import Iterable

from spanwarden.runs.window import Window


class References:
    """Counts the windows that refer to each position."""

    def __init__(self) -> None:
        self._count: dict[int, int] = {}
        self._released: list[int] = []
        self._forgotten: list[tuple[frozenset[str], frozenset[int]]] = []

    def hold(self, window: Window, position: int) -> None:
        """Note that a window refers to a position."""
        if position not in window.positions:
            window.positions.add(position)
            self._count[position] = self._count.get(position, 0) + 1

    def joining(self, keep: Window, gone: Window) -> None:
        """Note that one of two windows is about to take over the other's positions."""
        for position in gone.positions & keep.positions:
            self._count[position] -= 1

    def offered(self, positions: Iterable[int]) -> None:
        """Release those of the positions of a request that no window took anything of."""
        self._released += [position for position in positions if position not in self._count]

    def drop(self, window: Window) -> None:
        """Note that a window is forgotten."""
        shared = []
        for position in sorted(window.positions):
            left = self._count[position] - 1
            if left:
                self._count[position] = left
                shared.append(position)
            else:
                del self._count[position]
                self._released.append(position)
        if shared:
            self._forgotten.append((frozenset(window.keys), frozenset(shared)))

    def released(self) -> list[int]:
        """Return the positions that no window refers to any more since the last call."""
        released, self._released = self._released, []
        return released

    def forgotten(self) -> list[tuple[frozenset[str], frozenset[int]]]:
        """Return the keys of windows forgotten since the last call, each with the positions that others hold."""
        forgotten, self._forgotten = self._forgotten, []
        return forgotten
