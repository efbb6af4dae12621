"""The runs of each conversation that were decided, for rules that look beyond one run. Bounded in every direction."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict

from spanwarden.model.run import Run
from spanwarden.runs.decision import EarlierRun

MAX_RUNS = 32
"""Runs remembered of one conversation, the newest."""
MAX_AGE = 24 * 3600.0
"""Seconds after which a conversation that nothing was decided of is forgotten."""
_EVENT = 700
_RUN = 400


class _Conversation:
    __slots__ = ("counted", "decided", "runs", "size")

    def __init__(self) -> None:
        self.runs: dict[str, EarlierRun] = {}
        self.counted = 0
        self.decided = 0.0
        self.size = 0


class Conversations:
    """Remembers decided runs by conversation, within `limit` bytes of memory (about; 0: none).

    The conversation that nothing was decided of for longest is forgotten first; of a run that alone is bigger than an
    eighth of all, only that it was there is kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._known: OrderedDict[tuple[str, str], _Conversation] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of conversations remembered."""
        return len(self._known)

    def earlier(self, sender: str, run: Run) -> tuple[EarlierRun, ...]:
        """Return the decided runs of its conversation that began before a run, by their start."""
        known = self._known.get((sender, run.conversation)) if run.conversation else None
        if known is None:
            return ()
        before: list[EarlierRun] = []
        for other in known.runs.values():
            if other.id != run.id and (other.start, other.id) < (run.start, run.id):
                insort(before, other, key=lambda earlier: (earlier.start, earlier.id))
        return tuple(before)

    def remember(self, sender: str, run: Run, now: float) -> None:
        """Note a decided run, or its revision."""
        if not run.conversation or not self.limit:
            return
        key = (sender, run.conversation)
        known = self._known.setdefault(key, _Conversation())
        self._known.move_to_end(key)
        known.decided = now
        self._drop(known, run.id, keep_number=True)
        old = known.runs.get(run.id)
        if old is None:
            known.counted += 1
        size = _cost(run.events)
        held = run.events if size <= self.limit // 8 else None
        known.runs[run.id] = EarlierRun(run.id, old.number if old else known.counted, run.start, held)
        self._grow(known, _cost(held))
        while len(known.runs) > MAX_RUNS:
            self._drop(known, next(iter(known.runs)))
        self._trim(now)

    def forget(self, sender: str, conversation: str | None, run_id: str) -> None:
        """Forget a run that has become part of another one."""
        known = self._known.get((sender, conversation or ""))
        if known is not None:
            self._drop(known, run_id)

    def _drop(self, known: _Conversation, run_id: str, *, keep_number: bool = False) -> None:
        old = known.runs.get(run_id)
        if old is None:
            return
        self._grow(known, -_cost(old.events))
        if not keep_number:
            del known.runs[run_id]

    def _grow(self, known: _Conversation, size: int) -> None:
        known.size += size
        self.size += size

    def _trim(self, now: float) -> None:
        while self._known:
            oldest = next(iter(self._known))
            known = self._known[oldest]
            if self.size <= self.limit and known.decided > now - MAX_AGE:
                break
            del self._known[oldest]
            self.size -= known.size


def _cost(events: tuple[object, ...] | None) -> int:
    return _RUN + _EVENT * len(events or ())
