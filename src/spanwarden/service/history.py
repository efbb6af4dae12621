"""What rules know of other runs, kept in the ledger: written with the decision that it belongs to.

Runs are judged before they are written down. Until then what they did is known here only, and a run that is judged
again after a crash teaches the same.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice

from spanwarden.effects.encodable import encodable
from spanwarden.policy.state import MAX_SAMPLES, Kept, Key, Sample
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.history import Learned, Place, known
from spanwarden.storage.ledger.ledger import Ledger

logger = logging.getLogger(__name__)

MAX_CACHED = 5_000
"""Places held in memory, beside those that are not written down yet."""
MAX_CACHED_SAMPLES = 500_000
_LOOKED_AT = 100
MAX_PLACES = 10_000
"""Places in which one run is kept; what is beyond makes its topic unknown up to then."""


class History:
    """A `CrossRunState` in a ledger, for one thread.

    For each run call `begin`, judge it, take `learned` to be written with the decision, and call `written` after the
    transaction. Where the ledger cannot be read, what is asked for is unknown.
    """

    def __init__(self, ledger: Ledger, telemetry: Telemetry, max_samples: int = MAX_SAMPLES) -> None:
        self._ledger = ledger
        self._telemetry = telemetry
        self._max_samples = max_samples
        self._held: OrderedDict[Place, Kept] = OrderedDict()
        self._samples = 0
        self._run = ""
        self._before: dict[Place, tuple[Sample, ...]] = {}
        """Places of the run that is being judged, with what was known of it there."""
        self._crowded: list[tuple[Place, str]] = []
        self._unknown: dict[Place, int] = {}
        self._absorbed: tuple[str, ...] = ()
        self._unwritten: Counter[Place] = Counter()
        self._unwritten_absorbed: Counter[str] = Counter()
        self._stale: set[Place] = set()

    def begin(self, run: str, absorbed: Iterable[str] = ()) -> None:
        """Start on a run. What was observed of one before and not taken is forgotten.

        absorbed: runs that turned out to be parts of this one; what they did is its own now.
        """
        for place, samples in self._before.items():
            kept = self._held.get(place)
            if kept is not None:
                self._put(kept, self._run, samples)
        self._clear()
        self._run = encodable(run)
        self._absorbed = tuple(encodable(other) for other in absorbed)
        for other in self._absorbed:
            for kept in self._held.values():
                before = kept.size
                kept.forget(other)
                self._samples += kept.size - before

    def observe(self, topic: str, key: Key, run: str, samples: Sequence[Sample]) -> None:
        """See `CrossRunState.observe`; the run is the one that was begun."""
        place = _place(topic, key)
        if place not in self._before and len(self._before) >= MAX_PLACES:
            self._note((place[0], ""), max((sample.time for sample in samples), default=-1))
            return
        kept = self._kept(place)
        if kept is None:
            kept = self._held[place] = Kept(-1)
            self._stale.add(place)
        unknown_before = kept.unknown_before
        self._before.setdefault(place, kept.runs.get(self._run, ()))
        self._crowded += [(place, other) for other in self._put(kept, self._run, samples)]
        if kept.unknown_before > unknown_before:
            self._note(place, kept.unknown_before)

    def others(self, topic: str, key: Key, run: str, since: int, until: int) -> Sequence[Sample] | None:
        """See `CrossRunState.others`."""
        kept = self._kept(_place(topic, key))
        return None if kept is None else kept.others(encodable(run), since, until)

    def met(self, topic: str, key: Key, run: str, since: int, until: int) -> bool | None:
        """See `CrossRunState.met`."""
        kept = self._kept(_place(topic, key))
        return None if kept is None else kept.met(encodable(run), since, until)

    def learned(self) -> Learned:
        """Take what judging the run has taught of it, to be written down."""
        learned = Learned(
            tuple((place, self._held[place].runs.get(self._run, ())) for place in self._before),
            tuple(self._crowded),
            tuple(self._unknown.items()),
            self._absorbed,
        )
        self._unwritten.update(place for place, _ in learned.samples)
        self._unwritten_absorbed.update(learned.absorbed)
        self._telemetry.count("spanwarden_history_forgotten", len(learned.crowded), reason="crowded")
        self._clear()
        return learned

    def written(self, batch: Iterable[Learned], stale: Iterable[Place]) -> None:
        """Let go of what is in the ledger now. stale: places of which the ledger knows better."""
        self._stale.update(stale)
        for learned in batch:
            self._unwritten.subtract(place for place, _ in learned.samples)
            self._unwritten_absorbed.subtract(learned.absorbed)
        self._unwritten = +self._unwritten
        self._unwritten_absorbed = +self._unwritten_absorbed
        for place in [place for place in self._stale if place not in self._unwritten]:
            self._stale.discard(place)
            self._drop(place)

    def _kept(self, place: Place) -> Kept | None:
        kept = self._held.get(place)
        if kept is not None:
            self._held.move_to_end(place)
            return kept
        try:
            with self._ledger.reading() as connection:
                found = known(connection, place)
        except LedgerUnavailableError as error:
            logger.warning("what other runs did is unknown: %s", error)
            return None
        kept = Kept(found.unknown_before)
        for run, samples in found.runs:
            if run not in self._unwritten_absorbed and run not in self._absorbed:
                kept.put(run, tuple(Sample(*sample) for sample in samples), self._max_samples)
        self._held[place] = kept
        self._samples += kept.size
        self._make_room(place)
        return kept

    def _make_room(self, newest: Place) -> None:
        """Let go of what was not asked for lately and is in the ledger as well."""
        for place in list(islice(self._held, _LOOKED_AT)):
            if len(self._held) <= MAX_CACHED and self._samples <= MAX_CACHED_SAMPLES:
                return
            if place == newest or place in self._before or place in self._unwritten:
                self._held.move_to_end(place)
            else:
                self._drop(place)

    def _drop(self, place: Place) -> None:
        kept = self._held.pop(place, None)
        if kept is not None:
            self._samples -= kept.size

    def _put(self, kept: Kept, run: str, samples: Sequence[Sample]) -> list[str]:
        before = kept.size
        gone = kept.put(run, samples, self._max_samples)
        self._samples += kept.size - before
        return gone

    def _note(self, place: Place, until: int) -> None:
        self._unknown[place] = max(until, self._unknown.get(place, -1))

    def _clear(self) -> None:
        self._before, self._crowded, self._unknown, self._absorbed = {}, [], {}, ()


def _place(topic: str, key: Key) -> Place:
    """Return where something is kept. Of the key only a digest, as it may be content."""
    joined = "\x1f".join(key).encode("utf-8", "surrogatepass")
    return encodable(topic), hashlib.blake2b(joined, digest_size=16).hexdigest()
