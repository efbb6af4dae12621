"""One run window: what it holds and when it is due."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from spanwarden.model.observation import Observation
from spanwarden.runs.merging import Name
from spanwarden.runs.packing import pack, unpack
from spanwarden.runs.ties import SLACK, bare, seeks
from spanwarden.runs.weights import KEY, PACK, PACKED_HISTORY, WINDOW, weight

EXPORT_DELAY = 6.0
"""Seconds after which what was made at the same time has been sent: exporters gather for 5 s by default."""


class WindowSettings(msgspec.Struct, frozen=True):
    """Times in seconds and limits in bytes of memory (see `weight`); see `processors.runs` in the settings.

    max_open: most runs that are not decided. conversation_memory: for what is remembered of decided runs; 0: nothing.
    """

    settle: float = 2.0
    idle_timeout: float = 60.0
    max_age: float = 3600.0
    grace: float = 600.0
    max_run_size: int = 64 << 20
    max_size: int = 512 << 20
    max_open: int = 200_000
    early_debounce: float = 0.25
    conversation_memory: int = 32 << 20


SpanKey = tuple[bytes, bytes]
Repeated = tuple[str, str, str, str | None]

_LEAST_PACKED = 8
_SPAN_ID = 8
_NONE: set[bytes] = set()
"""Stands for the spans of every packed window; never added to."""


class Window:
    """The observations of one run. Private to this room."""

    __slots__ = (
        "absorbed",
        "alarmed",
        "decided_at",
        "ends",
        "first",
        "fresh",
        "has_bare",
        "has_event",
        "history",
        "identities",
        "instances",
        "into",
        "keys",
        "last",
        "look_at",
        "looked",
        "loose",
        "missing",
        "mute",
        "opened",
        "overflowed",
        "packed",
        "packed_count",
        "packed_history",
        "packed_spans",
        "positions",
        "provisional",
        "reopened",
        "revision",
        "rooted",
        "run_id",
        "scheduled",
        "seeking",
        "sender",
        "size",
        "spans",
        "token",
        "told",
        "told_at",
        "tops",
        "unseen",
        "untied",
        "until",
        "watched",
    )

    def __init__(self, token: int, now: float, sender: str = "") -> None:
        self.token = token
        self.sender = sender
        self.keys: set[str] = set()
        self.ends: dict[str, None] = {}  # dicts for sets where most are empty: those take a third
        self.fresh: list[Observation] = []
        self.packed: list[bytes] = []
        self.packed_count = 0
        self.packed_history: dict[int, int] = {}
        self.history: dict[Repeated, int] = {}
        self.size = WINDOW
        self.positions: set[int] = set()
        self.opened = now
        self.last = now
        self.first = 0
        self.until = 0
        self.has_event = False
        self.rooted = False
        self.tops: dict[bytes, bool] = {}
        self.spans: set[bytes] = set()
        self.packed_spans = b""
        self.missing: set[bytes] = set()
        self.decided_at: float | None = None
        self.revision = 0
        self.provisional: float | None = None
        self.scheduled = math.inf
        self.run_id: str | None = None
        self.told: frozenset[Name] = frozenset()
        self.told_at = math.inf
        self.absorbed: tuple[str, ...] = ()
        self.alarmed = False
        self.look_at: float | None = None
        self.looked = 0
        self.has_bare = False
        self.reopened = False
        self.overflowed = False
        self.identities: set[int] | None = None
        self.instances: dict[str, None] = {}
        self.into: Window | None = None
        self.loose: dict[SpanKey, list[Observation]] = {}
        self.unseen: dict[SpanKey, None] = {}
        self.seeking: list[Observation] = []
        self.untied = False
        self.mute = True
        self.watched = False

    @property
    def held(self) -> int:
        """Return how many observations are held."""
        return len(self.fresh) + self.packed_count

    @property
    def observations(self) -> list[Observation]:
        """Return all observations held, as objects again."""
        self.unpack()
        return self.fresh

    def seen(self) -> list[Observation]:
        """Return the observations, packed ones for the moment only; of history that repeats the first in time."""
        if not self.packed:
            return self.fresh
        told = unpack(self.packed) + self.fresh
        return _first_told(told) if self.packed_history else told

    def unpack(self) -> None:
        """Make objects again of what was packed."""
        if not self.packed:
            return
        found = self.seen()
        self.fresh, self.history, self.packed, self.packed_count, self.packed_history = [], {}, [], 0, {}
        self.size = WINDOW + sum(KEY + len(key) for key in self.keys)
        for observation in found:
            self.keep(observation, weight(observation))

    def pack(self) -> None:
        """Make what is held small, unless parts of it are needed as they are."""
        if self.untied or self.loose or self.has_bare or len(self.fresh) < (_LEAST_PACKED if self.packed else 1):
            return
        packed = pack(self.fresh)
        if packed is None:
            return
        self.size += len(packed) + PACK - sum(map(weight, self.fresh))
        self.packed.append(packed)
        self.packed_count += len(self.fresh)
        for repeated, at in self.history.items():
            self._remember_packed(hash(repeated), self.fresh[at].start)
        self.fresh, self.history = [], {}
        if self.all_spans():
            self.packed_spans = b"".join(self.spans)
            self.spans = _NONE

    def _remember_packed(self, repeated: int, start: int) -> None:
        """Note when a piece of history was told that is packed now: later ones that repeat it need not be held."""
        known = self.packed_history.get(repeated)
        if known is None:
            self.size += PACKED_HISTORY
        self.packed_history[repeated] = start if known is None else min(known, start)

    def all_spans(self) -> set[bytes]:
        """Return the ids of the spans that were seen, as a set again."""
        if self.packed_spans:
            told = self.packed_spans
            self.spans = {told[at : at + _SPAN_ID] for at in range(0, len(told), _SPAN_ID)}
            self.packed_spans = b""
        return self.spans

    def now(self) -> Window:
        """Return the window that this one has become part of; itself if none."""
        window = self
        while window.into is not None:
            window = window.into
        if window is not self:
            self.into = window
        return window

    def take(self, observation: Observation, size: int) -> bool:
        """Add one observation that weighs `size` bytes; of history that repeats the first in time is kept."""
        taken = self.keep(observation, size)
        if observation.kind == "end":
            self.rooted = True
        elif observation.kind != "span":
            self.has_event = True
        if observation.source == "span":
            if observation.span_id:
                self._place(observation)
            if bare(observation):
                self.has_bare = True
        if observation.history:
            self.mute = False
        if observation.loose:
            span = (observation.trace_id, observation.span_id)
            self.loose.setdefault(span, []).append(observation)
            self.unseen[span] = None
            self.untied = True
        return taken

    def keep(self, observation: Observation, size: int) -> bool:
        """Hold an observation that weighs `size` bytes, or let it go if it repeats history."""
        if observation.history and observation.merge is not None and not observation.loose:
            repeated = _repeated(observation)
            if self.packed_history and self._packed_before(repeated, observation):
                return False
            at = self.history.get(repeated)
            if at is not None:
                if earlier(observation, self.fresh[at]):
                    self.size += size - weight(self.fresh[at])
                    self.fresh[at] = observation
                    return True
                return False
            self.history[repeated] = len(self.fresh)
        self.fresh.append(observation)
        self.size += size
        return True

    def repeats(self, o: Observation) -> bool:
        """Tell whether a message of a record that is taken in is held already, from an earlier model call."""
        if not o.history or o.merge is None or o.loose:
            return False
        repeated = _repeated(o)
        at = self.history.get(repeated)
        if at is not None:
            return not earlier(o, self.fresh[at])
        return bool(self.packed_history) and self._packed_before(repeated, o)

    def _packed_before(self, repeated: Repeated, o: Observation) -> bool:
        """Tell whether a piece of history is packed that was told earlier; one told at the same time is none."""
        start = self.packed_history.get(hash(repeated))
        return start is not None and start < o.start

    def _place(self, o: Observation) -> None:
        """Note where a span stands in its trace, and when it was."""
        parent = o.parent_id
        if not parent:
            self.tops[o.trace_id] = True
        elif o.trace_id not in self.tops:
            self.tops[o.trace_id] = False
        spans = self.all_spans() if self.packed_spans else self.spans
        spans.add(o.span_id)
        self.missing.discard(o.span_id)
        if parent and parent not in spans:
            self.missing.add(parent)
        if o.root:
            self.rooted = True
        if o.start and (o.start < self.first or not self.first):
            self.first = o.start
        self.until = max(self.until, o.end)
        if not parent and (seeks(o) or bare(o)):
            self.seeking.append(o)
            self.untied = True

    def absorb(self, other: Window) -> None:
        """Take over everything that another window of the same run holds."""
        for key in other.keys - self.keys:
            self.add_key(key)
        self.ends |= other.ends
        self.instances |= other.instances
        self._absorb_packed(other)
        for observation in other.fresh:
            self.keep(observation, weight(observation))
        self._take_over_what_was_told(other)
        self.positions |= other.positions
        self.opened = min(self.opened, other.opened)
        self.last = max(self.last, other.last)
        self.first = min(self.first or other.first, other.first or self.first)
        self.until = max(self.until, other.until)
        self.has_event |= other.has_event
        self.rooted |= other.rooted
        for trace_id, top in other.tops.items():
            self.tops[trace_id] = top or self.tops.get(trace_id, False)
        spans = self.all_spans()
        spans |= other.all_spans()
        self.missing = (self.missing | other.missing) - spans
        self.revision = max(self.revision, other.revision)
        self.reopened |= other.reopened
        self.overflowed |= other.overflowed
        for span, told in other.loose.items():
            self.loose.setdefault(span, []).extend(told)
        self.unseen |= other.unseen
        self.seeking += other.seeking
        self.untied |= other.untied
        self.mute &= other.mute
        self.identities = None
        self.has_bare |= other.has_bare
        other.into = self

    def _absorb_packed(self, other: Window) -> None:
        self.packed += other.packed
        self.packed_count += other.packed_count
        self.size += sum(len(packed) + PACK for packed in other.packed)
        for repeated, start in other.packed_history.items():
            self._remember_packed(repeated, start)

    def _take_over_what_was_told(self, other: Window) -> None:
        """Of two runs that were told of, the one that was told of first gives its id to both."""
        mine, others = self.run_id, other.run_id
        first, second = (mine, others) if (self.told_at, self.token) <= (other.told_at, other.token) else (others, mine)
        self.run_id = first or second
        gone = [*self.absorbed, *other.absorbed, *([second] if first and second and first != second else [])]
        self.absorbed = tuple(dict.fromkeys(gone))
        self.told |= other.told
        self.told_at = min(self.told_at, other.told_at)
        self.looked = max(self.looked, other.looked)
        self.alarmed |= other.alarmed
        looks = [at for at in (self.look_at, other.look_at) if at is not None]
        self.look_at = min(looks, default=None)

    def add_key(self, key: str) -> None:
        """Note a key of this run."""
        self.keys.add(key)
        self.size += KEY + len(key)

    def spans_time(self, observation: Observation) -> bool:
        """Tell whether an observation lies within the times of the spans seen here, as exact as clocks are."""
        return self.first - SLACK <= observation.start and observation.end <= self.until + SLACK

    def ended(self) -> bool:
        """Tell whether the root has ended and nothing is known to be open.

        Of a run too big to be held, what is missing may have been let go.
        """
        if self.overflowed:
            return self.rooted
        return self.rooted and not self.missing and all(self.tops.values())

    def patience(self, settings: WindowSettings) -> float:
        """Return how long nothing must arrive before this window is decided."""
        if self.untied:
            return min(settings.idle_timeout, max(settings.settle, EXPORT_DELAY))
        # A root without anything below it may have come before the rest.
        return settings.settle if self.has_event and (self.reopened or self.ended()) else settings.idle_timeout

    def deadline(self, settings: WindowSettings) -> float:
        """Return when this window next needs attention."""
        if self.decided_at is not None:
            return self.decided_at + settings.grace
        quiet = self.last + self.patience(settings)
        aged = self.opened if self.provisional is None else self.provisional
        return min(quiet, aged + settings.max_age)

    def knows(self, observation: Observation) -> bool:
        """Tell whether an equal report has been taken before; used for decided windows only."""
        seen = self.observations
        if observation.history and observation.merge is not None and not observation.loose:
            at = self.history.get(_repeated(observation))
            if at is not None:
                return not earlier(observation, seen[at])
        if self.identities is None:
            self.identities = {identity(known) for known in seen}
        return identity(observation) in self.identities


def speaks(o: Observation) -> bool:
    """Tell whether an observation is only of what was said, and ties its run to nothing beyond its keys."""
    return o.source == "message" and not o.leads_to and not o.follows


def _first_told(told: Iterable[Observation]) -> list[Observation]:
    """Return the observations, of history that repeats the first in time alone."""
    kept: list[Observation] = []
    history: dict[Repeated, int] = {}
    for o in told:
        if o.history and o.merge is not None and not o.loose:
            at = history.setdefault(_repeated(o), len(kept))
            if at < len(kept):
                if earlier(o, kept[at]):
                    kept[at] = o
                continue
        kept.append(o)
    return kept


def _repeated(o: Observation) -> Repeated:
    """Return what makes two observations the same piece of history, told by two model calls."""
    return o.kind, o.merge or "", o.status, o.agent


def earlier(one: Observation, two: Observation) -> bool:
    """Tell whether the first of two equal pieces of history comes first, whatever the order of arrival."""
    return one.start < two.start or (one.start == two.start and _order(one) < _order(two))


def _order(o: Observation) -> tuple[int, bytes, bytes, int, tuple[str, ...]]:
    return o.start, o.trace_id, o.span_id, o.sequence, o.keys


def identity(observation: Observation) -> int:
    """Return what two reports share that are the same report sent twice; a fuller copy is a different one."""
    return hash((msgspec.structs.replace(observation, content=None), observation.content is None))
