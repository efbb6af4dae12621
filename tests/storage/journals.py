"""Journals on disk for tests: opened on a folder, with counters that can be looked at."""

from __future__ import annotations

import contextlib
import pathlib
from collections import Counter
from collections.abc import Iterator

from spanwarden.storage.directory import Directory
from spanwarden.storage.journal import Entry, Sync
from spanwarden.storage.lmdb_journal import LmdbJournal

MIB = 1 << 20


class Counted:
    """What a journal counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.commits: list[float] = []

    def count(self, name: str, amount: float = 1) -> None:
        self.counts[name.removeprefix("spanwarden_journal_")] += int(amount)

    def observe(self, name: str, value: float) -> None:
        assert name == "spanwarden_journal_commit_seconds"
        self.commits.append(value)


@contextlib.contextmanager
def opened(
    folder: pathlib.Path, max_bytes: int = 64 * MIB, sync: Sync = "group", counted: Counted | None = None
) -> Iterator[LmdbJournal]:
    """Open a journal for the time of a block, and close it in order."""
    directory = Directory(folder)
    directory.open()
    journal = LmdbJournal(directory, max_bytes, sync, counted or Counted(), lambda: 1.0, lambda: 1_700_000_000 * 10**9)
    try:
        journal.open()
        yield journal
    finally:
        journal.close()
        directory.close()


def left_in(journal: LmdbJournal) -> list[tuple[int, Entry]]:
    """Return what an earlier journal left, as a start reads it that has nothing else to go by."""
    found = [(position, journal.read(position)) for position, _ in journal.undecided()]
    return [(position, each) for position, each in found if each is not None]


def entry(size: int = 100, number: int = 0) -> Entry:
    """Return an entry whose body says which it is."""
    stamp = number.to_bytes(8, "big")
    return Entry("traces", number, (stamp * (size // 8 + 1))[:size], f"127.0.0.{number % 250}:5", "acme")


def stored(journal: LmdbJournal, *entries: Entry) -> list[int]:
    """Append entries and wait until they are stored; return their positions."""
    futures = [journal.append(each) for each in entries]
    return [future.result(30) for future in futures]
