"""What befalls a journal: death of the process, a full disk, damage."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import random
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import lmdb
import pytest

from spanwarden.storage.journal import JournalFullError, Left
from spanwarden.storage.journal_records import DamagedError
from spanwarden.storage.lmdb_file import LmdbFile
from spanwarden.storage.lmdb_journal import LmdbJournal
from storage.journals import MIB, Counted, entry, left_in, opened, stored

WRITER = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from storage.journals import entry, opened
with opened(pathlib.Path(sys.argv[2]), sync=sys.argv[3]) as journal:
    number = 0
    while True:
        futures = [journal.append(entry(1000 * (number % 100), number + ahead)) for ahead in range(8)]
        for future in futures:
            print(future.result(), number, flush=True)
            number += 1
        journal.release(future.result() for future in futures[:4])
"""


@pytest.mark.parametrize("sync", ["group", "os", "off"])
def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: pathlib.Path, sync: str) -> None:
    tests = str(pathlib.Path(__file__).parents[1])
    command = [sys.executable, "-c", WRITER, tests, str(tmp_path), sync]
    held: dict[int, int] = {}
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                position, number = map(int, line.split())
                held[position] = number
                if len(held) % 100 == 99:
                    process.send_signal(signal.SIGKILL)
                    break
            for line in process.stdout.readlines():
                if len(parts := line.split()) == 2 and line.endswith("\n"):
                    held[int(parts[0])] = int(parts[1])
    with opened(tmp_path) as journal:
        left = dict(left_in(journal))
    assert len(held) > 250
    for position, number in held.items():
        if number % 8 < 4:
            continue  # released at some time
        assert left[position].received == number
    assert [left[position].body for position in left] == [entry(len(e.body), e.received).body for e in left.values()]


def fill(journal: LmdbJournal) -> list[int]:
    """Store entries of 400 kB until the disk takes no more; return the positions of those that it took."""
    positions: list[int] = []
    with contextlib.suppress(JournalFullError):
        while len(positions) < 1000:
            positions += stored(journal, entry(400_000, len(positions)))
    return positions


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str) -> Iterator[pathlib.Path]:
    """Mount a small file system; the test is skipped where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_and_recovers(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    counted = Counted()
    with small_disk(tmp_path / "disk", "8m") as disk, opened(disk, 64 * MIB, counted=counted) as journal:
        positions = fill(journal)
        assert 5 < len(positions) < 25
        assert counted.counts["full"] == 1
        assert [journal.read(position) is not None for position in positions] == [True] * len(positions)
        journal.release(positions[:5])
        journal.flush()
        positions[:5] = stored(journal, entry(400_000, 1), entry(400_000, 2))
        size = journal.size()
        assert "takes nothing at the moment" in caplog.text
        assert "takes requests again" in caplog.text
        journal.close()
        journal.directory.close()
        with opened(disk, 64 * MIB) as again:
            assert sorted(position for position, _ in again.undecided()) == sorted(positions)
            assert again.size() == size


def test_a_limit_of_the_file_size_refuses_and_recovers(tmp_path: pathlib.Path) -> None:
    script = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[1])
from storage.journals import entry, opened, stored
from spanwarden.storage.journal import JournalFullError
with opened(pathlib.Path(sys.argv[2])) as journal:
    positions = stored(journal, *(entry(100_000, n) for n in range(20)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
    for _ in range(3):
        try:
            while True:
                positions += stored(journal, entry(100_000))
        except JournalFullError as error:
            assert "moment" in str(error), error
        journal.release(positions[:8])
        journal.flush()
        del positions[:8]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    positions += stored(journal, entry(100_000))
    print(len(positions), journal.entries())
"""
    tests = str(pathlib.Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script, tests, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    held, entries = map(int, done.stdout.split())
    assert held == entries > 10


def test_a_map_that_is_full_refuses_and_recovers(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanwarden.storage.lmdb_file._HEADROOM", -120 * MIB)
    with opened(tmp_path, 64 * MIB) as journal:
        positions = fill(journal)
        journal.release(positions)
        journal.flush()
        assert journal.entries() == 0
        assert 10 < len(positions) < 25
        stored(journal, entry(400_000))


def test_a_journal_that_lmdb_gave_up_is_opened_anew(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as journal:
        [position] = stored(journal, entry(number=7))
        write = LmdbFile.write

        def panic(*_: object) -> None:
            raise lmdb.PanicError("Update of meta page failed")

        monkeypatch.setattr(LmdbFile, "write", panic)
        with pytest.raises(JournalFullError):
            stored(journal, entry())
        monkeypatch.setattr(LmdbFile, "write", write)
        stored(journal, entry())
        assert journal.read(position) == entry(number=7)


def test_the_writer_outlives_whatever_happens_to_a_group(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(LmdbFile, "write", lambda *_: 1 / 0)
            with pytest.raises(JournalFullError):
                stored(journal, entry())
        assert "a group of the journal failed" in caplog.text
        stored(journal, entry())
        assert journal.entries() == 1


def no_lmdb_file(data: pathlib.Path) -> None:
    data.write_bytes(b"this is not a database" * 1000)


def cut_off(data: pathlib.Path) -> None:
    os.truncate(data, data.stat().st_size // 2)


def cut_to_its_first_page(data: pathlib.Path) -> None:
    os.truncate(data, 4096)


def bad_meta(data: pathlib.Path) -> None:
    held = bytearray(data.read_bytes())
    for page in (0, 4096):
        held[page + 16 : page + 160] = os.urandom(144)
    data.write_bytes(held)


def wiped_pages(data: pathlib.Path) -> None:
    held = bytearray(data.read_bytes())
    held[8192:] = bytes(len(held) - 8192)
    data.write_bytes(held)


def another_version(data: pathlib.Path) -> None:
    with lmdb.open(str(data.parent), max_dbs=3) as env:
        state = env.open_db(b"state")
        with env.begin(write=True) as txn:
            txn.put(b"format", (99).to_bytes(8, "big"), db=state)


def a_key_of_another_size(data: pathlib.Path) -> None:
    with lmdb.open(str(data.parent), max_dbs=3) as env:
        entries = env.open_db(b"entries")
        with env.begin(write=True) as txn:
            txn.put(b"short", b"x" * 40, db=entries)


def a_position_of_another_size(data: pathlib.Path) -> None:
    with lmdb.open(str(data.parent), max_dbs=3) as env:
        state = env.open_db(b"state")
        with env.begin(write=True) as txn:
            txn.put(b"next", b"7", db=state)


@pytest.mark.parametrize(
    "damage",
    [
        no_lmdb_file,
        cut_off,
        cut_to_its_first_page,
        bad_meta,
        wiped_pages,
        another_version,
        a_key_of_another_size,
        a_position_of_another_size,
    ],
)
def test_a_damaged_journal_is_set_aside_and_a_new_one_begun(
    tmp_path: pathlib.Path, damage: Callable[[pathlib.Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as journal:
        stored(journal, *(entry(30_000, n) for n in range(50)))
    damage(tmp_path / "journal" / "data.mdb")
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        assert list(journal.undecided()) == []
        assert (counted.counts["quarantined"], journal.size()) == (1, 0)
        stored(journal, entry())
    aside = tmp_path / "quarantine" / "journal-20231114T221320Z"
    assert stat.S_IMODE(aside.parent.stat().st_mode) == 0o700
    assert (aside / "data.mdb").stat().st_size > 0
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(aside) in record.getMessage()
    with opened(tmp_path) as journal:
        assert len(list(journal.undecided())) == 1


def test_a_journal_that_breaks_while_in_use_is_set_aside_and_goes_on(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        positions = stored(journal, *(entry(100, n) for n in range(50)), entry(30_000, 50))
        _make_leaves_something_else(tmp_path / "journal" / "data.mdb")
        assert journal.read(positions[0]) is None
        [after] = stored(journal, entry(200, 51))
        assert (counted.counts["quarantined"], journal.entries()) == (1, 1)
        assert after > positions[-1]
        journal.release([*positions, after])
        journal.flush()
        assert (journal.size(), journal.entries()) == (0, 0)
        [last] = stored(journal, entry(300, 52))
    assert (tmp_path / "quarantine" / "journal-20231114T221320Z" / "data.mdb").is_file()
    assert "a new one is begun" in caplog.text
    with opened(tmp_path) as journal:
        assert [(at, each.body) for at, each in left_in(journal)] == [(last, entry(300, 52).body)]


def _make_leaves_something_else(data: pathlib.Path) -> None:
    page, flags, leaf = 4096, 10, (2).to_bytes(2, "little")
    held = data.read_bytes()
    with data.open("r+b") as file:
        for at in range(2 * page, len(held), page):
            own = int.from_bytes(held[at : at + 8], "little") * page == at
            if own and held[at + flags : at + flags + 2] == leaf:
                file.seek(at + flags)
                file.write((4).to_bytes(2, "little"))


def test_what_cannot_be_read_at_the_start_is_set_aside_with_the_rest(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as journal:
        stored(journal, *(entry(100, n) for n in range(50)))
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        left = LmdbFile.left

        def breaks(file: LmdbFile, position: int, limit: int) -> list[tuple[int, Left | DamagedError]]:
            if position:
                raise DamagedError("a page of another kind")
            return left(file, position, 1)

        monkeypatch.setattr(LmdbFile, "left", breaks)
        assert [position for position, _ in journal.undecided()] == [0]
        assert (counted.counts["quarantined"], journal.entries()) == (1, 0)
        stored(journal, entry())


def test_pieces_without_their_first_are_set_aside(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path) as journal:
        first, second = stored(journal, entry(300_000, 1), entry(number=2))
    with lmdb.open(str(tmp_path / "journal"), max_dbs=3) as env, env.begin(write=True) as txn:
        assert txn.delete(struct.pack(">QI", first, 0), db=env.open_db(b"entries", txn))
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        assert [position for position, _ in left_in(journal)] == [second]
        assert counted.counts["quarantined"] == 1
        journal.flush()
        assert journal.entries() == 1


def test_no_flipped_bytes_end_the_process(tmp_path: pathlib.Path) -> None:
    with opened(tmp_path / "whole") as journal:
        positions = stored(journal, *(entry(size, n) for n, size in enumerate((100, 3000, 90_000) * 30)))
        journal.release(positions[::4], [(frozenset({f"k:{p}"}), frozenset({p + 1})) for p in positions[::4]])
    held = (tmp_path / "whole" / "journal" / "data.mdb").read_bytes()
    script = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from storage.journals import Counted, entry, left_in, opened, stored
for folder in sys.argv[2:]:
    counted = Counted()
    with opened(pathlib.Path(folder), counted=counted) as journal:
        left = left_in(journal)
        assert all(e.body == entry(len(e.body), e.received).body for _, e in left)
        stored(journal, entry())
        journal.release([p for p, _ in left])
        journal.flush()
        print(len(left), counted.counts["quarantined"])
"""
    dice = random.Random(3)
    folders = []
    for number in range(40):
        broken = bytearray(held)
        for _ in range(dice.choice((1, 4, 100))):
            broken[dice.randrange(8192, len(broken))] = dice.randrange(256)
        folder = tmp_path / f"broken{number}"
        (folder / "journal").mkdir(parents=True)
        (folder / "journal" / "data.mdb").write_bytes(broken)
        folders.append(str(folder))
    tests = str(pathlib.Path(__file__).parents[1])
    command = [sys.executable, "-c", script, tests, *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(outcomes) == 40
    assert any(left and damaged for left, damaged in outcomes), "some damage is confined to its entry"
    assert any(not left for left, _ in outcomes), "some is not"


def test_a_damaged_entry_is_set_aside_and_passed_over(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as journal:
        first, second, third = stored(journal, entry(10_000, 1), entry(10_000, 2), entry(10_000, 3))
    data = tmp_path / "journal" / "data.mdb"
    held = data.read_bytes()
    stamp = (2).to_bytes(8, "big") * 3
    assert held.count(stamp) > 100
    data.write_bytes(held.replace(stamp, b"?" * len(stamp), 1))
    counted = Counted()
    with opened(tmp_path, counted=counted) as journal:
        assert [position for position, _ in left_in(journal)] == [first, third]
        journal.flush()
        assert (counted.counts["quarantined"], journal.entries()) == (1, 2)
    kept = tmp_path / "quarantine" / f"entry-{second}.bin"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.stat().st_size > 10_000
    assert "checksum" in caplog.text
    with opened(tmp_path, counted=counted) as journal:
        assert len(list(journal.undecided())) == 2
        assert counted.counts["quarantined"] == 1
