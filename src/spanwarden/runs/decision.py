"""What windows hand on: runs to be judged."""

from __future__ import annotations

from typing import NamedTuple

from spanwarden.model.event import Event
from spanwarden.model.run import Run


class EarlierRun(NamedTuple):
    """A run of the same conversation that began before and was decided.

    number: its place among the runs of the conversation, from 1, in the order of their first decisions.
    events: in order, their content no longer to be had; None where they are no longer held (see `Conversations`).
    """

    id: str
    number: int
    start: int
    events: tuple[Event, ...] | None


class Decision(NamedTuple):
    """A run to be judged. `revision` counts the decisions of one run from 1, early ones too.

    token: names its window within this process.
    waited: seconds from the last arrival to this decision; 0 for an early one.
    early: the run goes on (its completeness is "open"), and it holds only what nothing can undo: calls that were seen
        to succeed, costs that were reported. Only rules that no later record can un-break may be judged by it.
    earlier: what is known of the runs of its conversation that began before it, by their start.
    absorbed: ids of runs decided before which turned out to be parts of this one. They are no more: what was found in
        them is found again under this run's id.
    """

    token: int
    run: Run
    revision: int
    waited: float
    early: bool = False
    earlier: tuple[EarlierRun, ...] = ()
    absorbed: tuple[str, ...] = ()
