from __future__ import annotations

import pathlib

from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.opening import FILE
from spanwarden.storage.ledger.outbox import Outbox
from spanwarden.storage.ledger.retention import STEP, Bounds, give_back, prune
from storage.ledgers import HOUR, NOW, count, notice_row, opened, write_run

HUGE = 1 << 40


def run_ids(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM runs ORDER BY number")]


def test_old_runs_go_with_all_that_is_theirs() -> None:
    ledger = opened()
    write_run(ledger, "old", NOW - 2 * HOUR)
    write_run(ledger, "new", NOW)
    pruned = prune(ledger, Bounds(NOW - HOUR, NOW - HOUR, HUGE), NOW)
    assert (pruned.runs, pruned.given_up) == (1, 0)
    assert run_ids(ledger) == ["new"]
    for table in ("findings", "finding_revisions", "evaluations"):
        assert count(ledger, table) == 1, table
    assert not prune(ledger, Bounds(NOW - HOUR, NOW - HOUR, HUGE), NOW)


def test_what_was_not_delivered_dies_before_it_goes() -> None:
    ledger = opened()
    write_run(ledger, "old", NOW - 2 * HOUR, posts=True)
    assert prune(ledger, Bounds(NOW - HOUR, NOW - HOUR, HUGE), NOW).given_up == 1
    outbox = Outbox(ledger)
    assert outbox.counts() == {("hook", "dead"): 1}
    assert prune(ledger, Bounds(NOW, NOW, HUGE), NOW).letters == 0, "it has only just died"
    assert prune(ledger, Bounds(NOW, NOW + HOUR, HUGE), NOW).letters == 1
    assert outbox.counts() == {}


def test_what_still_waits_never_goes_by_age() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        Decisions(connection).put_notice(notice_row("hook", "unknown", created=1))
    prune(ledger, Bounds(NOW + HOUR, NOW + HOUR, HUGE), NOW)
    assert Outbox(ledger).counts() == {("hook", "pending"): 1}


def test_one_step_is_small() -> None:
    ledger = opened()
    for number in range(STEP + 5):
        write_run(ledger, f"r{number}", NOW - 2 * HOUR)
    bounds = Bounds(NOW - HOUR, NOW - HOUR, HUGE)
    assert [prune(ledger, bounds, NOW).runs for _ in range(3)] == [STEP, 5, 0]


def test_too_much_goes_oldest_first_and_the_file_shrinks(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    for number in range(300):
        write_run(ledger, f"r{number:03}", NOW + number, size=20_000)
    with ledger.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = (tmp_path / FILE).stat().st_size
    bound = before // 3
    while prune(ledger, Bounds(0, 0, bound), NOW + HOUR):
        pass
    while give_back(ledger):
        pass
    left = run_ids(ledger)
    assert 0 < len(left) < 150
    assert left[-1] == "r299"
    assert left == [f"r{number:03}" for number in range(300 - len(left), 300)]
    assert ledger.used() <= bound
    assert (tmp_path / FILE).stat().st_size <= bound + 100_000
    assert ledger.size() < before // 2
    ledger.close()


def test_pruned_words_are_not_left_in_the_file(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    with ledger.writing() as connection:
        connection.execute("INSERT INTO state VALUES ('k', ?)", (b"rosebud" * 2000,))
    with ledger.writing() as connection:
        connection.execute("DELETE FROM state")
    while give_back(ledger):
        pass
    ledger.close()
    assert b"rosebud" not in (tmp_path / FILE).read_bytes()


def test_dead_letters_go_when_there_is_nothing_else_to_make_room() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        for number in range(30):
            Decisions(connection).put_notice(notice_row("hook", f"r{number}", "dead", notice=b"x" * 10_000))
        Decisions(connection).put_notice(notice_row("hook", "waits", notice=b"x" * 10_000))
    while prune(ledger, Bounds(0, 0, 100_000), NOW):
        pass
    assert Outbox(ledger).counts() == {("hook", "pending"): 1}
