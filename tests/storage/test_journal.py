from __future__ import annotations

import pytest

from spanwarden.storage.journal import Entry, JournalFullError, MemoryJournal


def test_an_entry_stays_until_it_is_released() -> None:
    journal = MemoryJournal(1000)
    entry = Entry("traces", 1, b"x" * 10)
    position = journal.append(entry).result()
    assert journal.read(position) == entry
    assert journal.part(position, 2, 5) == b"xxx"
    assert journal.size() == 10
    journal.release([position])
    assert journal.read(position) is None
    assert journal.part(position, 2, 5) is None
    assert journal.size() == 0


def test_positions_grow() -> None:
    journal = MemoryJournal(1000)
    first, second = (journal.append(Entry("logs", 1, b"x")).result() for _ in range(2))
    journal.release([first])
    assert first < second < journal.append(Entry("logs", 1, b"x")).result()


def test_a_full_journal_refuses_and_recovers() -> None:
    journal = MemoryJournal(15)
    position = journal.append(Entry("traces", 1, b"x" * 10)).result()
    with pytest.raises(JournalFullError, match="10 of 15 bytes"):
        journal.append(Entry("traces", 1, b"x" * 10))
    journal.release([position])
    journal.append(Entry("traces", 1, b"x" * 10))


def test_releasing_twice_is_harmless() -> None:
    journal = MemoryJournal(100)
    position = journal.append(Entry("traces", 1, b"x" * 10)).result()
    journal.release([position])
    journal.release([position])
    assert journal.size() == 0
    assert list(journal.undecided()) == []
    journal.close()
