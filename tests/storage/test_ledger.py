"""Opening, keeping and refusing ledger files."""

from __future__ import annotations

import os
import pathlib
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest

from spanwarden.storage.ledger import opening, schema
from spanwarden.storage.ledger.errors import LedgerError, LedgerUnavailableError
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.opening import FILE, open_read_only
from spanwarden.storage.ledger.state import State

NOW = 1_795_000_000 * 10**9


def opened(directory: pathlib.Path | None) -> Ledger:
    ledger = Ledger(directory)
    assert ledger.open(NOW) is None
    return ledger


def test_what_was_written_is_there_after_a_restart(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path / "a" / "b")
    State(ledger).put("x/1", b"one")
    ledger.close()
    again = opened(tmp_path / "a" / "b")
    assert State(again).get("x/1") == b"one"
    assert State(again).get("x/2") is None
    again.close()


def test_values_are_listed_by_prefix_and_forgotten() -> None:
    state = State(opened(None))
    for key in ("a/1", "a/2", "a/\U0001f600", "b/1"):
        state.put(key, key.encode())
    state.put("a/2", b"new")
    assert list(state.items("a/")) == [("a/1", b"a/1"), ("a/2", b"new"), ("a/\U0001f600", "a/\U0001f600".encode())]
    state.delete("a/1")
    assert [key for key, _ in state.items("a/")] == ["a/2", "a/\U0001f600"]


def test_files_are_private(tmp_path: pathlib.Path) -> None:
    before = os.umask(0)
    try:
        ledger = opened(tmp_path / "data")
        State(ledger).put("k", b"v")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
        ledger.close()
    finally:
        os.umask(before)
    assert modes == {FILE: 0o600, FILE + "-wal": 0o600, FILE + "-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_commit_survives_kill_9(tmp_path: pathlib.Path) -> None:
    program = (
        "import os, pathlib, signal, sys\n"
        "from spanwarden.storage.ledger.ledger import Ledger\n"
        "from spanwarden.storage.ledger.state import State\n"
        "ledger = Ledger(pathlib.Path(sys.argv[1])); ledger.open(1)\n"
        "state = State(ledger)\n"
        "for number in range(50): state.put(f'n/{number:02}', b'v')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    ledger = opened(tmp_path)
    assert len(list(State(ledger).items("n/"))) == 50
    ledger.close()


def test_a_failed_transaction_changes_nothing() -> None:
    ledger = opened(None)
    before = ledger.changes

    def fail_halfway() -> None:
        with ledger.writing() as connection:
            connection.execute("INSERT INTO state VALUES ('k', x'00')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert State(ledger).get("k") is None
    assert ledger.changes == before


def test_a_closed_ledger_is_unavailable_not_a_crash(tmp_path: pathlib.Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(LedgerUnavailableError, match="not open"), ledger.reading():
        pass
    ledger.open(NOW)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerUnavailableError, match="not open"), ledger.writing():
        pass


@pytest.mark.parametrize("damage", ["no database", "cut", "scrambled"])
def test_a_damaged_file_is_moved_aside_and_a_fresh_one_used(tmp_path: pathlib.Path, damage: str) -> None:
    ledger = opened(tmp_path)
    for number in range(200):
        State(ledger).put(f"{number}", b"x" * 3000)
    ledger.close()
    path = tmp_path / FILE
    content = path.read_bytes()
    if damage == "no database":
        path.write_bytes(b"not a database at all, only text" * 200)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2 + 100])
    else:
        path.write_bytes(content[:4096] + os.urandom(len(content) // 2) + content[4096 + len(content) // 2 :])
    fresh = Ledger(tmp_path)
    aside = fresh.open(NOW)
    assert aside is not None
    assert aside.parent == tmp_path / "quarantine"
    assert (aside / FILE).stat().st_size > 0
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    assert State(fresh).get("1") is None
    State(fresh).put("1", b"new")
    fresh.close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path: pathlib.Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 7}")
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(LedgerError, match="newer version of spanwarden"):
        Ledger(tmp_path).open(NOW)
    with pytest.raises(LedgerError, match="newer version of spanwarden"):
        open_read_only(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: pathlib.Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA application_id = 7")
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(LedgerError, match="another program"):
        Ledger(tmp_path).open(NOW)


def test_an_older_file_is_brought_up_to_date_with_its_rows(tmp_path: pathlib.Path) -> None:
    old = (("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)",),)
    new = (*old, ("ALTER TABLE notes ADD COLUMN kind TEXT NOT NULL DEFAULT 'plain'", "CREATE INDEX k ON notes (kind)"))
    connection = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    schema.migrate(connection, "x", old)
    connection.execute("INSERT INTO notes (text) VALUES ('kept')")
    schema.migrate(connection, "x", new)
    schema.migrate(connection, "x", new)
    assert connection.execute("SELECT text, kind FROM notes").fetchall() == [("kept", "plain")]
    assert schema.version(connection) == 2
    with pytest.raises(LedgerError, match="newer"):
        schema.migrate(connection, "x", old)
    connection.close()


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: pathlib.Path) -> None:
    steps = (("CREATE TABLE a (x)",), ("CREATE TABLE b (x)", "CREATE TABLE a (x)"))
    connection = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        schema.migrate(connection, "x", steps)
    assert schema.version(connection) == 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'b'").fetchone() == (0,)
    connection.close()


def test_a_file_of_the_first_version_opens_with_the_newest_tables(tmp_path: pathlib.Path) -> None:
    """Every released version must lead to the same tables as a fresh file."""
    for first in range(1, len(schema.MIGRATIONS) + 1):
        folder = tmp_path / str(first)
        folder.mkdir()
        connection = sqlite3.connect(folder / FILE, isolation_level=None)
        schema.migrate(connection, "x", schema.MIGRATIONS[:first])
        connection.close()
        opened(folder).close()
        fresh = opened(tmp_path / f"fresh-{first}")
        old = open_read_only(folder)
        statement = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        with fresh.reading() as expected:
            assert old.execute(statement).fetchall() == expected.execute(statement).fetchall()
        old.close()
        fresh.close()


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="file"):
        Ledger(tmp_path / "file").open(NOW)
    (tmp_path / "dir" / FILE).mkdir(parents=True)
    with pytest.raises(LedgerError, match=FILE):
        Ledger(tmp_path / "dir").open(NOW)


def test_reading_beside_a_service_sees_its_commits_and_cannot_write(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    beside = open_read_only(tmp_path)
    State(ledger).put("k", b"v")
    assert beside.execute("SELECT value FROM state WHERE key = 'k'").fetchone() == (b"v",)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        beside.execute("DELETE FROM state")
    ledger.close()
    beside.close()
    alone = open_read_only(tmp_path)  # no service, no side files
    assert alone.execute("SELECT count(*) FROM state").fetchone() == (1,)
    alone.close()


def test_a_change_by_another_process_is_noticed(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    State(ledger).put("k", b"v")
    assert not ledger.look()
    other = opening.open_beside(tmp_path)
    other.execute("INSERT INTO state VALUES ('other', x'01')")
    before = ledger.changes
    assert ledger.look()
    assert ledger.changes > before
    assert not ledger.look()
    other.close()
    ledger.close()


def test_a_locked_file_is_unavailable_and_works_again_later(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.01)
    ledger = opened(tmp_path)
    other = opening.open_beside(tmp_path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailableError, match="locked"):
        State(ledger).put("k", b"v")
    other.execute("ROLLBACK")
    State(ledger).put("k", b"v")
    other.close()
    ledger.close()
    assert ledger.size() > 0


def test_a_full_disk_is_unavailable_and_works_again_later(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    with ledger.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LedgerUnavailableError, match="full"):
        State(ledger).put("k", b"v" * 100_000)
    with ledger.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    State(ledger).put("k", b"v" * 100_000)
    assert len(State(ledger).get("k") or b"") == 100_000
    ledger.close()


def test_no_ledger_is_an_error_that_says_where(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LedgerError, match="no ledger here"):
        open_read_only(tmp_path)
    (tmp_path / FILE).write_bytes(b"text, no database" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        open_read_only(tmp_path)
