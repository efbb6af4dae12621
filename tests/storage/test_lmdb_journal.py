from __future__ import annotations

import pathlib
import random
import stat

import pytest

from spanwarden.storage import lmdb_journal
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.journal import Entry, JournalFullError, Left, Sync
from storage.journals import MIB, Counted, entry, left_in, opened, stored

SIZES = (0, 1, 1990, 2001, 4080, 65_000, 65_520, 65_521, 300_000, 2 * MIB)


@pytest.mark.parametrize("sync", ["group", "os", "off"])
def test_what_was_stored_is_there_after_a_restart_in_order(tmp_path: pathlib.Path, sync: Sync) -> None:
    entries = [entry(size, number) for number, size in enumerate(SIZES)]
    with opened(tmp_path, sync=sync) as journal:
        positions = stored(journal, *entries)
        assert positions == sorted(set(positions))
        assert [journal.read(position) for position in positions] == entries
        size = journal.size()
        assert size >= sum(SIZES)
    with opened(tmp_path, sync=sync) as journal:
        assert left_in(journal) == list(zip(positions, entries, strict=True))
        assert (journal.size(), journal.entries(), journal.oldest()) == (size, len(SIZES), 0)


def test_parts_of_a_body_are_read_from_wherever_they_stand(tmp_path: pathlib.Path) -> None:
    chosen = random.Random(3)
    entries = [Entry("traces", 1, chosen.randbytes(size), "peer" * 9, "acme") for size in SIZES]
    with opened(tmp_path) as journal:
        for position, stored_as in zip(stored(journal, *entries), entries, strict=True):
            size = len(stored_as.body)
            edges = [0, size, *(at for at in (65_000, 65_454, 65_455, 130_000) if at < size)]
            edges += [chosen.randint(0, size) for _ in range(30)]
            for start in edges:
                for end in edges:
                    if start <= end:
                        assert journal.part(position, start, end) == stored_as.body[start:end]
            assert journal.part(position, 0, size + 1) is None
            assert journal.part(position + 1000, 0, 1) is None


def test_names_and_signals_come_back_as_they_were(tmp_path: pathlib.Path) -> None:
    odd = [Entry("logs", 2**63, b"x", "pe\u00e9r", ""), Entry("metrics", 1, b"", "", "t" * 3000)]
    with opened(tmp_path) as journal:
        first, second = (journal.read(position) for position in stored(journal, *odd))
    assert first == odd[0]
    assert second is not None
    assert second.tenant == "t" * 1024


def test_what_is_stored_later_is_not_left_from_earlier(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        [old] = stored(journal, entry(number=1))
    with opened(tmp_path) as journal:
        stored(journal, entry(number=2))
        assert [position for position, _ in journal.undecided()] == [old]


def test_positions_are_never_used_again(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        positions = stored(journal, *(entry(number=n) for n in range(5)))
        journal.release(positions)
    with opened(tmp_path) as journal:
        assert list(journal.undecided()) == []
        assert stored(journal, entry())[0] > max(positions)


def test_who_was_answered_together_is_stored_together(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_journal, "_COMPANY", 30.0)
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        for number in range(3):
            stored(journal, entry(number=number))  # alone, and so at once
        assert len(counted.commits) == 3
        with journal._changed:  # so that the writer finds all four
            first = [journal.append(entry(number=number)) for number in range(4)]
        for future in first:
            future.result(30)
        assert len(counted.commits) == 4
        for turn in range(3):
            second = []
            for number in range(4):
                second.append(journal.append(entry(number=number)))
                journal.release([first[number].result()])
                first[number] = second[-1]
            for future in second:
                future.result(30)
            assert len(counted.commits) == 5 + turn
        journal.append(entry())  # and a fourth part of the company does not keep the journal from closing


def test_company_that_does_not_come_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        with journal._changed:
            company = [journal.append(entry(number=number)) for number in range(4)]
        for future in company:
            future.result(30)
        for number in range(4):
            stored(journal, entry(number=number))
        assert len(counted.commits) == 5


def test_a_released_entry_is_gone_for_good(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        first, second, third = stored(journal, entry(300_000), entry(10), entry(5000))
        journal.release([second, second, 999])
        journal.release([first])
        journal.flush()
        assert [journal.read(position) is None for position in (first, second, third)] == [True, True, False]
        assert [journal.part(position, 1, 2) is None for position in (first, second, third)] == [True, True, False]
        assert journal.size() < 10_000
    with opened(tmp_path) as journal:
        assert [position for position, _ in journal.undecided()] == [third]


def test_a_full_journal_refuses_and_recovers(tmp_path: pathlib.Path) -> None:
    counted = Counted()
    with opened(tmp_path, MIB, counted=counted) as journal:
        positions = stored(journal, entry(600_000))
        with pytest.raises(JournalFullError, match=f"of {MIB} bytes"):
            journal.append(entry(600_000))
        assert counted.counts["full"] == 1
        journal.release(positions)
        journal.flush()
        stored(journal, entry(600_000))


def test_space_is_used_again_and_given_back(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "journal" / "data.mdb"
    dice = random.Random(7)
    written = 0
    with opened(tmp_path, 24 * MIB, "off") as journal:
        held: list[int] = []
        while written < 600 * MIB:
            sizes = [dice.choice((300, 3000, 28_000, 400_000, 1_500_000)) for _ in range(6)]
            held += stored(journal, *map(entry, sizes))
            written += sum(sizes)
            dice.shuffle(held)
            while journal.size() > 16 * MIB:
                half, held = held[: len(held) // 2], held[len(held) // 2 :]
                journal.release(half)
                journal.flush()
        assert data.stat().st_size < 64 * MIB


def test_a_large_file_shrinks_when_it_is_empty_and_at_a_start(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "journal" / "data.mdb"
    with opened(tmp_path, 256 * MIB, "off") as journal:
        positions = stored(journal, *(entry(2 * MIB, n) for n in range(40)))
        assert data.stat().st_size > 80 * MIB
        journal.release(positions)
        journal.flush()
        assert data.stat().st_size < MIB
        *positions, last = stored(journal, *(entry(2 * MIB, n) for n in range(41)))
        journal.release(positions)
        journal.flush()
        assert data.stat().st_size > 80 * MIB
    with opened(tmp_path, 256 * MIB, "off") as journal:
        assert data.stat().st_size < 4 * MIB
        assert [(position, held.received) for position, held in journal.undecided()] == [(last, 40)]
        assert stat.S_IMODE(data.stat().st_mode) == 0o600


def test_nobody_else_may_read_it(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "deep" / "data"
    with opened(folder) as journal:
        stored(journal, entry())
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes == {"lock": 0o600, "journal": 0o700, "data.mdb": 0o600, "lock.mdb": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_one_directory_serves_one_process(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path), pytest.raises(DirectoryError, match="used by another process"):
        Directory(tmp_path).open()
    Directory(tmp_path).open()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryError, match=r"file/data: Not a directory"):
        Directory(tmp_path / "file" / "data").open()


def test_what_is_over_is_known_as_long_as_its_entry_stays(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        first, second, third = stored(journal, *(entry(number=n) for n in range(3)))
        journal.release([third], [(frozenset({"trace:a", "prompt:b"}), frozenset({first, second}))])
        journal.flush()
        assert not journal.closed(["trace:a"], first), "only a restart asks"
    with opened(tmp_path) as journal:
        assert journal.closed(["trace:x", "trace:a"], first)
        assert journal.closed(["prompt:b"], second)
        assert not journal.closed(["trace:a"], second + 1)
        assert not journal.closed(["trace:x"], first)
        journal.release([second])
    with opened(tmp_path) as journal:
        assert journal.closed(["trace:a"], first)
        journal.release([first])
        journal.flush()
        assert journal._file.next_position() > third
        assert list(journal._file.records()) == []


def test_each_group_is_timed(tmp_path: pathlib.Path) -> None:
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        stored(journal, entry())
        stored(journal, entry())
        assert counted.commits == [0.0, 0.0]


def test_a_closed_journal_takes_nothing(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        journal.close()
        with pytest.raises(JournalFullError):
            journal.append(entry())


@pytest.mark.parametrize("size", [0, 1, 300, 65_521, MIB])
def test_what_was_read_of_an_entry_is_kept_as_long_as_it_is(tmp_path: pathlib.Path, size: int) -> None:
    with opened(tmp_path) as journal:
        first, second, third = stored(journal, entry(100, 1), entry(200_000, 2), entry(300, 3))
        before = journal.size()
        journal.keep_reading(second, bytes(range(256)) * (size // 256 + 1))
        journal.keep_reading(third, b"3")
        journal.flush()
        assert journal.read(second) == entry(200_000, 2)
        assert journal.size() > before + size
        journal.release([third])
        journal.keep_reading(third, b"gone by now")
        journal.keep_reading(99, b"never there")
    with opened(tmp_path) as journal:
        left = dict(journal.undecided())
        assert list(left) == [first, second]
        assert left[first] == Left(1, 100, "127.0.0.1:5", "acme", b"")
        assert left[second] == Left(2, 200_000, "127.0.0.2:5", "acme", bytes(range(256)) * (size // 256 + 1))
        assert left_in(journal) == [(first, entry(100, 1)), (second, entry(200_000, 2))]
        journal.release(left)
        journal.flush()
        assert (journal.size(), journal.entries()) == (0, 0)
    with opened(tmp_path) as journal:
        assert list(journal.undecided()) == []


def test_what_was_read_makes_way_where_there_is_no_room(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path, max_bytes=MIB) as journal:
        positions = stored(journal, entry(1000, 1))
        journal.keep_reading(positions[0], b"x" * 80 * MIB)
        positions += stored(journal, entry(1000, 2))
        assert journal.size() < 10_000
    with opened(tmp_path, max_bytes=MIB) as journal:
        assert [(at, each.reading) for at, each in journal.undecided()] == [(at, b"") for at in positions]
