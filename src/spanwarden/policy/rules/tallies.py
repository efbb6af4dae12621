"""What samples come to as time goes by: counted, told apart or added up, within a window that moves along."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from spanwarden.policy.state import Sample

Op = Literal["count", "distinct", "sum", "rate"]
Placed = tuple[int, Sample]
"""A sample and the event that it is of; -1 is an event of another run."""


class Standing(NamedTuple):
    """What samples come to once one of them has been taken in, and those that are inside of the window then."""

    event: int
    time: int
    value: float
    inside: Sequence[Placed]


def standings(found: Iterable[Placed], op: Op, window: int) -> Iterator[Standing]:
    """Yield how things stand after each sample, in order; `window` is in ns, 0 is without end.

    `inside` changes with the next step: take out of it what is to stay.
    """
    tally = _Tally(op)
    inside: deque[Placed] = deque()
    for index, sample in found:
        inside.append((index, sample))
        tally.add(sample)
        while window and sample.time - inside[0][1].time > window:
            tally.remove(inside.popleft()[1])
        yield Standing(index, sample.time, tally.value, inside)


class _Tally:
    """Samples go in at one end and out at the other."""

    def __init__(self, op: Op) -> None:
        self._op = op
        self._items: Counter[str] = Counter()
        self._sum = 0.0
        self._count = 0

    def add(self, sample: Sample) -> None:
        self._count += 1
        self._sum += sample.amount
        if self._op == "distinct":
            self._items[sample.item] += 1

    def remove(self, sample: Sample) -> None:
        self._count -= 1
        self._sum -= sample.amount
        if self._op == "distinct":
            self._items[sample.item] -= 1
            if not self._items[sample.item]:
                del self._items[sample.item]

    @property
    def value(self) -> float:
        if self._op == "distinct":
            return len(self._items)
        return round(self._sum, 9) if self._op == "sum" else self._count
