"""What rules may know of other runs: samples by topic and key, kept within bounds.

The state forgets when it must, but never quietly: what it may have forgotten is unknown, not nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
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

    def met(self, topic: str, key: Key, run: str, since: int, until: int) -> bool | None:
        """Tell whether any other run did something from `since` to `until` (ns, both included).

        None where nothing is known of such a thing and something may have been forgotten.
        """
        ...


class Kept:
    """What is known under one key: what each run did, the run that was told of last at the end."""

    __slots__ = ("runs", "size", "unknown_before")

    def __init__(self, unknown_before: int = -1) -> None:
        self.runs: OrderedDict[str, tuple[Sample, ...]] = OrderedDict()
        self.size = 0
        self.unknown_before = unknown_before
        """The time up to which something of this key may have been forgotten; -1 where nothing was."""

    def put(self, run: str, samples: Sequence[Sample], most: int = MAX_SAMPLES) -> list[str]:
        """Keep what a run did, in place of what was known of it; return the runs that had to make room for it."""
        self.forget(run)
        if samples:
            self.runs[run] = tuple(samples[-MAX_OF_RUN:])
            self.size += len(self.runs[run])
            if len(samples) > MAX_OF_RUN:
                self.unknown_before = max(self.unknown_before, samples[-MAX_OF_RUN - 1].time)
        gone = []
        while self.size > most and len(self.runs) > 1:
            other, dropped = self.runs.popitem(last=False)
            self.size -= len(dropped)
            self.unknown_before = max(self.unknown_before, *(sample.time for sample in dropped))
            gone.append(other)
        return gone

    def forget(self, run: str) -> None:
        """Take back what a run was said to have done: it did not."""
        self.size -= len(self.runs.pop(run, ()))

    def others(self, run: str, since: int, until: int) -> Sequence[Sample] | None:
        """See `CrossRunState.others`."""
        return None if max(since, 0) <= self.unknown_before else sorted(self._within(run, since, until))

    def met(self, run: str, since: int, until: int) -> bool | None:
        """See `CrossRunState.met`."""
        if next(self._within(run, since, until), None) is not None:
            return True
        return None if max(since, 0) <= self.unknown_before else False

    def _within(self, run: str, since: int, until: int) -> Iterator[Sample]:
        return (
            sample
            for other, samples in self.runs.items()
            if other != run
            for sample in samples
            if since <= sample.time <= until
        )


class MemoryState:
    """State in memory, for tests, the command line and a service without a ledger.

    max_keys: keys of all topics together; the one that was touched least recently goes first. max_samples: samples of
    one key; its oldest runs go first.
    """

    def __init__(self, max_keys: int = MAX_KEYS, max_samples: int = MAX_SAMPLES) -> None:
        self._max_keys = max_keys
        self._max_samples = max_samples
        self._kept: OrderedDict[tuple[str, Key], Kept] = OrderedDict()
        self._forgotten: dict[str, int] = {}
        """By topic, the time of the latest sample among the keys that were dropped."""

    def observe(self, topic: str, key: Key, run: str, samples: Sequence[Sample]) -> None:
        """See `CrossRunState.observe`."""
        kept = self._kept.get((topic, key))
        if kept is None:
            if not samples:
                return
            kept = self._kept[topic, key] = self._nothing(topic)
        kept.put(run, samples, self._max_samples)
        self._kept.move_to_end((topic, key))
        while len(self._kept) > self._max_keys:
            (topic, _), dropped = self._kept.popitem(last=False)
            latest = max((s.time for of_run in dropped.runs.values() for s in of_run), default=-1)
            latest = max(latest, dropped.unknown_before)
            self._forgotten[topic] = max(self._forgotten.get(topic, -1), latest)

    def others(self, topic: str, key: Key, run: str, since: int, until: int) -> Sequence[Sample] | None:
        """See `CrossRunState.others`."""
        return (self._kept.get((topic, key)) or self._nothing(topic)).others(run, since, until)

    def met(self, topic: str, key: Key, run: str, since: int, until: int) -> bool | None:
        """See `CrossRunState.met`."""
        return (self._kept.get((topic, key)) or self._nothing(topic)).met(run, since, until)

    def _nothing(self, topic: str) -> Kept:
        return Kept(self._forgotten.get(topic, -1))
