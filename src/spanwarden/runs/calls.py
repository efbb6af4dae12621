"""The bare model calls of each process, in the order of their times."""

from __future__ import annotations

from bisect import bisect_left

from spanwarden.model.observation import Observation
from spanwarden.runs.ties import PAUSE, bare
from spanwarden.runs.window import Window

MAX_AT_ONCE = 64
"""How many calls may be about for those without content to be told apart by their times."""
_LONGEST = 5 * PAUSE

Entry = tuple[int, bytes, bytes, Observation, Window]


class Calls:
    """Finds the calls without content that were about when another one began."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Entry]] = {}

    def add(self, call: Observation, window: Window) -> None:
        """Note a bare call; one that was sent twice counts once."""
        known = self._calls.setdefault(call.instance or "", [])
        entry = (call.start, call.trace_id, call.span_id, call, window)
        at = bisect_left(known, entry[:3])
        if at == len(known) or known[at][:3] != entry[:3]:
            known.insert(at, entry)

    def about(self, call: Observation) -> list[tuple[Observation, Window]]:
        """Return the calls without content that may have been going on, or been waited for, when this one began.

        Empty if there are so many that nobody can tell.
        """
        known = self._calls.get(call.instance or "", [])
        first = bisect_left(known, (call.start - _LONGEST,))
        after = bisect_left(known, (call.start + 1,))
        if after - first > 4 * MAX_AT_ONCE:
            return []
        found = [(entry[3], entry[4].now()) for entry in known[first:after]]
        mute = [(other, window) for other, window in found if window.mute and other.end >= call.start - PAUSE]
        return mute if len(mute) <= MAX_AT_ONCE else []

    def forget(self, window: Window) -> None:
        """Forget the calls of a window."""
        for call in window.observations:
            if not bare(call):
                continue
            known = self._calls.get(call.instance or "", [])
            at = bisect_left(known, (call.start, call.trace_id, call.span_id))
            if at < len(known) and known[at][:3] == (call.start, call.trace_id, call.span_id):
                del known[at]
            if not known:
                self._calls.pop(call.instance or "", None)
