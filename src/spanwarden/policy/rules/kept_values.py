"""Values that one run put into a memory and another one took out: what `through` of a flow looks for.

Only words that say something (five characters and more, with a digit or an "@") are followed, by their digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from spanwarden.detectors.texts import leaves
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.fields import MISSING, Path
from spanwarden.policy.rules.selectors import Selector
from spanwarden.policy.rules.shared_values import SharedValue, words
from spanwarden.policy.state import CrossRunState, Sample

MAX_WORDS = 1_000
"""Words of one run that are kept for later ones."""
MAX_TEXT = 64 * 1024


class Through(msgspec.Struct, frozen=True):
    """The calls that write to the memory and read from it, and how long (ns) a value is followed.

    `facts` are those of the two runs that the rule compares.
    """

    selector: Selector
    within: int
    facts: tuple[Path, ...] = ()

    def owner(self, view: RunView, index: int) -> str:
        """Return digests of those facts, as they are kept with what a call wrote; "-" for one that is not known."""
        found = (view.run.agent if fact.name == "agent" else fact(view, index) for fact in self.facts)
        return " ".join("-" if value is MISSING or value is None else _digest(str(value)) for value in found)


class Taken(NamedTuple):
    """A value that a sink got from a read of the memory, and the owners of the runs that had kept it there."""

    value: SharedValue
    owners: frozenset[str]


def keep(
    view: RunView, state: CrossRunState, topic: str, through: Through, sources: Sequence[int], writes: Sequence[int]
) -> None:
    """Keep the words that a write was given after an earlier source had returned them."""
    if not sources or not writes:
        return
    returned: dict[str, int] = {}
    for index in sources:
        for _, word in _telling(view.content(index).result, "result"):
            returned.setdefault(word, index)
    kept = 0
    for index in writes:
        time = view.events[index].start or view.events[index].end
        owner = through.owner(view, index)
        for _, word in _telling(view.content(index).arguments, "arguments"):
            if returned.get(word, index) < index and kept < MAX_WORDS:
                kept += 1
                state.observe(topic, (_digest(word),), view.run.id, (Sample(time, item=owner),))


def taken_out(
    view: RunView, state: CrossRunState, topic: str, through: Through, reads: Sequence[int], sinks: Sequence[int]
) -> Iterator[Taken | None]:
    """Yield what sinks were given after a read had returned it, and other runs had kept; None where that is unknown."""
    returned: dict[str, tuple[int, str]] = {}
    for index in reads:
        for field, word in _telling(view.content(index).result, "result"):
            returned.setdefault(word, (index, field))
    for sink in sinks:
        time = view.events[sink].start or view.events[sink].end
        for field, word in _telling(view.content(sink).arguments, "arguments"):
            if word not in returned or returned[word][0] >= sink:
                continue
            place = topic, (_digest(word),), view.run.id, max(0, time - through.within), time
            if not through.facts:
                met = state.met(*place)
                owners = None if met is None else frozenset([""] if met else [])
            else:
                others = state.others(*place)
                owners = None if others is None else frozenset(sample.item for sample in others)
            if owners is None:
                yield None
            elif owners:
                yield Taken(SharedValue(*returned[word], sink, field, word), owners)


def _telling(value: object, name: str) -> Iterable[tuple[str, str]]:
    for leaf in leaves(value, name):
        for word in words(leaf.text[:MAX_TEXT].lower()):
            if len(word) >= 5 and ("@" in word or any(mark.isdigit() for mark in word)):
                yield leaf.field, word


def _digest(word: str) -> str:
    return hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
