"""What rules may know of other runs: samples by topic and key, kept within bounds.

The state forgets when it must, but never quietly: what it may have forgotten is unknown, not nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

Key = tuple[str, ...]
MAX_KEYS = 100_000
MAX_SAMPLES = 10_000
"""Samples of one key; a run gives at most `MAX_OF_RUN` of them."""
MAX_OF_RUN = 1_000


class Sample(NamedTuple):
    """Something that a run did: when (ns since the epoch), how much, and a digest of the value where that counts."""

    time: int
    amount: float = 1.0
    item: str = ""


class CrossRunState(Protocol):
    """What other runs did, by topic (a policy and a rule) and key (an agent, a tenant, a value)."""

    def observe(self, topic: str, key: Key, run: str, samples: Sequence[Sample]) -> None:
        """Keep what a run did, in place of what it was said to have done before.

        Judging a run again counts nothing twice. Samples are in order of time.
        """
        ...

    def others(self, topic: str, key: Key, run: str, since: int, until: int) -> Sequence[Sample] | None:
        """Return what all other runs did from `since` to `until` (ns, both included), in order of time.

        None where it is not known: something that would belong to the answer may have been forgotten.
        """
        ...


class _Kept:
    __slots__ = ("runs", "size", "unknown_before")

    def __init__(self, unknown_before: int) -> None:
        self.runs: OrderedDict[str, tuple[Sample, ...]] = OrderedDict()
        self.size = 0
        self.unknown_before = unknown_before
        """The time up to which something of this key may have been forgotten; -1 where nothing was."""


class MemoryState:
    """State in memory, for tests, the command line and a service without a ledger.

    max_keys: keys of all topics together; the one that was touched least recently goes first. max_samples: samples of
    one key; its oldest runs go first.
    """

    def __init__(self, max_keys: int = MAX_KEYS, max_samples: int = MAX_SAMPLES) -> None:
        self._max_keys = max_keys
        self._max_samples = max_samples
        self._kept: OrderedDict[tuple[str, Key], _Kept] = OrderedDict()
        self._forgotten: dict[str, int] = {}
        """By topic, the time of the latest sample among the keys that were dropped."""

    def observe(self, topic: str, key: Key, run: str, samples: Sequence[Sample]) -> None:
        """See `CrossRunState.observe`."""
        kept = self._kept.get((topic, key))
        if kept is None:
            if not samples:
                return
            kept = self._kept[topic, key] = _Kept(self._forgotten.get(topic, -1))
        before = kept.runs.pop(run, ())
        kept.size -= len(before)
        if samples:
            kept.runs[run] = tuple(samples[-MAX_OF_RUN:])
            kept.size += len(kept.runs[run])
            if len(samples) > MAX_OF_RUN:
                kept.unknown_before = max(kept.unknown_before, samples[-MAX_OF_RUN - 1].time)
        self._kept.move_to_end((topic, key))
        self._shrink(kept)

    def others(self, topic: str, key: Key, run: str, since: int, until: int) -> Sequence[Sample] | None:
        """See `CrossRunState.others`."""
        kept = self._kept.get((topic, key))
        unknown_before = self._forgotten.get(topic, -1) if kept is None else kept.unknown_before
        if max(since, 0) <= unknown_before:
            return None
        if kept is None:
            return ()
        found = [
            sample
            for other, samples in kept.runs.items()
            if other != run
            for sample in samples
            if since <= sample.time <= until
        ]
        return sorted(found)

    def _shrink(self, kept: _Kept) -> None:
        while kept.size > self._max_samples and len(kept.runs) > 1:
            _, samples = kept.runs.popitem(last=False)
            kept.size -= len(samples)
            kept.unknown_before = max(kept.unknown_before, *(sample.time for sample in samples))
        while len(self._kept) > self._max_keys:
            (topic, _), dropped = self._kept.popitem(last=False)
            latest = max((s.time for samples in dropped.runs.values() for s in samples), default=-1)
            latest = max(latest, dropped.unknown_before)
            self._forgotten[topic] = max(self._forgotten.get(topic, -1), latest)
