"""What runs did that rules of later runs look back on: samples by topic, key and run, within bounds.

Nothing goes silently: with what goes, the time is written down up to which its topic is no longer known for sure.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from spanwarden.storage.ledger.ledger import Ledger

SampleRow = tuple[int, float, str]
"""A time (ns since the epoch), an amount, a digest."""
Place = tuple[str, str]
"""A topic and the digest of a key."""
Samples = Mapping[Place, tuple[SampleRow, ...]]
Thing = tuple[str, int, str]
"""What one thing that a run did has in all places: a topic, a time and a digest."""
STEP = 1_000
"""Rows that one transaction removes."""
MAX_MARKS = 10_000
_ROW = 200
"""Bytes that a row takes beside its samples, about."""
_decoder = msgspec.msgpack.Decoder(tuple[SampleRow, ...])


class Learned(NamedTuple):
    """What judging a run taught of it.

    samples: what it did, by place. crowded: the places and runs whose samples had to make room. unknown: the time up to
    which something of a place was left out; a place with the key "" is a whole topic. absorbed: runs that are no more.
    """

    samples: tuple[tuple[Place, tuple[SampleRow, ...]], ...] = ()
    crowded: tuple[tuple[Place, str], ...] = ()
    unknown: tuple[tuple[Place, int], ...] = ()
    absorbed: tuple[str, ...] = ()


class Known(NamedTuple):
    """What is known of a place: runs with their samples, those told of longest ago first, and since when for sure."""

    runs: tuple[tuple[str, tuple[SampleRow, ...]], ...]
    unknown_before: int


def known(connection: sqlite3.Connection, place: Place) -> Known:
    """Return what is known of a place."""
    # The plus keeps SQLite from walking the whole topic by its times.
    rows = connection.execute(
        "SELECT run, samples FROM history WHERE topic = ? AND key = ? ORDER BY +latest, run", place
    ).fetchall()
    until = connection.execute(
        """SELECT max(until) FROM forgotten
           WHERE (topic = :topic AND key IN (:key, '')) OR (topic = '' AND key = '')""",
        {"topic": place[0], "key": place[1]},
    ).fetchone()[0]
    return Known(tuple((run, _decoder.decode(blob)) for run, blob in rows), -1 if until is None else until)


def write(
    connection: sqlite3.Connection, run: str, learned: Learned, *, whole: bool, fuller: bool = False
) -> set[Place]:
    """Write down what a run did in place of what was known of it; return the places where that is not all it did.

    whole: the run was seen as far as ever; otherwise what was known of it stays. fuller: it was seen as far as before,
    so that what is now told in another place than before belongs there; otherwise it belongs where it was: of a part
    of a run less is known, such as whose it is.
    """
    rows = connection.execute("SELECT topic, key, samples FROM history WHERE run = ?", (run,))
    before = {(topic, key): blob for topic, key, blob in rows}
    now = {place: samples for place, samples in learned.samples if samples}
    kept = now if whole else _together({place: _decoder.decode(before[place]) for place in before}, now, fuller)
    for place, samples in kept.items():
        blob = msgspec.msgpack.encode(samples)
        if blob != before.get(place):
            connection.execute(
                "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?)",
                (*place, run, max(time for time, _, _ in samples), _ROW + len(blob), blob),
            )
    gone = [(*place, run) for place in before.keys() - kept.keys()]
    gone += [(*place, other) for place, other in learned.crowded]
    connection.executemany("DELETE FROM history WHERE topic = ? AND key = ? AND run = ?", gone)
    connection.executemany("DELETE FROM history WHERE run = ?", [(other,) for other in learned.absorbed])
    for place, until in learned.unknown:
        _mark(connection, place, until)
    return (before.keys() - now.keys()) | {place for place in now if kept.get(place) != now[place]}


def _together(before: Samples, now: Samples, fuller: bool) -> Samples:
    """Return what was known and what is known now; of what both tell, as now told.

    What both tell in places that have nothing in common is one thing that has moved: it counts in one of them.
    """
    was, found = _places(before), _places(now)
    moved = {thing for thing in was.keys() & found.keys() if was[thing].isdisjoint(found[thing])}
    if fuller:
        before = _without(before, moved)
    else:
        now = _without(now, moved)
    joined = {place: _joined(before.get(place, ()), now.get(place, ())) for place in {**before, **now}}
    return {place: samples for place, samples in joined.items() if samples}


def _places(told: Samples) -> dict[Thing, set[Place]]:
    places: dict[Thing, set[Place]] = defaultdict(set)
    for place, samples in told.items():
        for sample in samples:
            places[_thing(place, sample)].add(place)
    return places


def _without(told: Samples, things: set[Thing]) -> Samples:
    return {
        place: tuple(sample for sample in samples if _thing(place, sample) not in things)
        for place, samples in told.items()
    }


def _thing(place: Place, sample: SampleRow) -> Thing:
    return place[0], sample[0], sample[2]


def _joined(before: Sequence[SampleRow], now: Sequence[SampleRow]) -> tuple[SampleRow, ...]:
    groups: list[dict[tuple[int, str], list[SampleRow]]] = [defaultdict(list), defaultdict(list)]
    for found, samples in zip(groups, (before, now), strict=True):
        for sample in samples:
            found[sample[0], sample[2]].append(sample)
    old, new = groups
    each = (max(new.get(name, []), old.get(name, []), key=len) for name in {**old, **new})
    return tuple(sorted(sample for samples in each for sample in samples))


class HistoryBounds(NamedTuple):
    """What may stay. `oldest` is in ns since the epoch, `max_size` in bytes, about."""

    oldest: int
    max_size: int


class Held(NamedTuple):
    """How much there is: bytes (about) and rows, a row being a run in a place."""

    size: int
    rows: int


def prune(ledger: Ledger, bounds: HistoryBounds) -> tuple[int, int]:
    """Remove what is beyond the bounds; return the rows that went by age and by size.

    By size goes the oldest of the topic that takes most, so that one flooded topic does not cost the others theirs.
    Raises LedgerUnavailableError.
    """
    aged = crowded = 0
    sizes = _sizes(ledger)
    for topic in sizes:
        while step := _drop(ledger, topic, before=bounds.oldest):
            aged += step.rows
            sizes[topic] -= step.size
    while sum(sizes.values()) > bounds.max_size:
        biggest = max(sizes, key=lambda topic: sizes[topic])
        step = _drop(ledger, biggest, size=sum(sizes.values()) - bounds.max_size)
        crowded += step.rows
        sizes[biggest] -= step.size
        if not step:
            break
    with ledger.writing() as connection:
        _fold(connection, bounds.oldest)
    return aged, crowded


def held(ledger: Ledger) -> Held:
    """Return how much there is. Raises LedgerUnavailableError."""
    with ledger.reading() as connection:
        return Held(*connection.execute("SELECT coalesce(sum(size), 0), count(*) FROM history").fetchone())


def _sizes(ledger: Ledger) -> dict[str, int]:
    with ledger.reading() as connection:
        return dict(connection.execute("SELECT topic, sum(size) FROM history GROUP BY topic").fetchall())


class _Step(Held):
    def __bool__(self) -> bool:
        return self.rows > 0


def _drop(ledger: Ledger, topic: str, *, before: int | None = None, size: int | None = None) -> _Step:
    """Remove at most one step of the oldest rows of a topic: those before a time, or some bytes of them."""
    with ledger.writing() as connection:
        rows = connection.execute(
            """SELECT key, run, latest, size FROM history
               WHERE topic = :topic AND (:before IS NULL OR latest < :before) ORDER BY latest LIMIT :step""",
            {"topic": topic, "before": before, "step": STEP},
        ).fetchall()
        gone: list[tuple[str, str, int, int]] = []
        freed = 0
        for row in rows:
            if size is not None and freed >= size:
                break
            gone.append(row)
            freed += row[3]
        if gone:
            connection.executemany(
                "DELETE FROM history WHERE topic = ? AND key = ? AND run = ?",
                [(topic, key, run) for key, run, _, _ in gone],
            )
            _mark(connection, (topic, ""), gone[-1][2])
        return _Step(freed, len(gone))


def _fold(connection: sqlite3.Connection, oldest: int) -> None:
    """Join marks of keys that are old, or too many, into those of their topics; too many topics become one."""
    old = connection.execute("SELECT topic, key, until FROM forgotten WHERE key != '' AND until < ?", (oldest,))
    _join(connection, [((topic, key), (topic, ""), until) for topic, key, until in old.fetchall()])
    many = connection.execute(
        "SELECT topic, key, until FROM forgotten WHERE topic != '' ORDER BY key = '', until DESC LIMIT -1 OFFSET ?",
        (MAX_MARKS,),
    ).fetchall()
    _join(connection, [((topic, key), (topic if key else "", ""), until) for topic, key, until in many])


def _join(connection: sqlite3.Connection, marks: Iterable[tuple[Place, Place, int]]) -> None:
    for place, into, until in marks:
        connection.execute("DELETE FROM forgotten WHERE topic = ? AND key = ?", place)
        _mark(connection, into, until)


def _mark(connection: sqlite3.Connection, place: Place, until: int) -> None:
    connection.execute(
        """INSERT INTO forgotten VALUES (?, ?, ?)
           ON CONFLICT (topic, key) DO UPDATE SET until = max(until, excluded.until)""",
        (*place, until),
    )
