from __future__ import annotations

import pathlib

from spanwarden.storage.ledger.decisions import Decisions, State
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.opening import open_beside
from spanwarden.storage.ledger.outbox import Choice, Outbox, Outcome, drop, retry
from storage.ledgers import NOW, notice_row, opened


def post(ledger: Ledger, *rows: tuple[str, str, State]) -> None:
    with ledger.writing() as connection:
        for exporter, run, state in rows:
            Decisions(connection).put_notice(notice_row(exporter, run, state, queued=10.0))


def test_the_oldest_come_first_and_held_runs_are_left_out() -> None:
    ledger = opened()
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "pending"), ("hook", "b", "pending"), ("mail", "c", "pending"), ("hook", "a", "pending"))
    post(ledger, ("hook", "d", "dead"), ("hook", "e", "suppressed"))
    assert [row.run for row in outbox.waiting("hook", (), 10)] == ["a", "b", "a"]
    assert [row.run for row in outbox.waiting("hook", (), 2)] == ["a", "b"]
    assert [row.run for row in outbox.waiting("hook", {"a"}, 10)] == ["b"]
    assert outbox.waiting("nobody", (), 10) == []
    assert outbox.counts() == {
        ("hook", "pending"): 3,
        ("hook", "dead"): 1,
        ("hook", "suppressed"): 1,
        ("mail", "pending"): 1,
    }


def test_what_was_delivered_goes_and_the_rest_keeps_its_story() -> None:
    ledger = opened()
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "pending"), ("hook", "b", "pending"), ("hook", "c", "pending"))
    one, two, three = outbox.waiting("hook", (), 3)
    outbox.settle(
        [
            Outcome(one.id, delivered=True),
            Outcome(two.id, attempts=1, next_at=NOW + 5, error="down"),
            Outcome(three.id, state="dead", attempts=1, error="refused"),
        ],
        NOW,
    )
    [left] = outbox.waiting("hook", (), 3)
    assert (left.run, left.attempts) == ("b", 1)
    assert outbox.delays("hook", NOW) == [("b", NOW + 5)]
    assert outbox.delays("hook", NOW + 5) == []
    assert outbox.count("hook", "dead") == 1


def test_what_was_dropped_meanwhile_stays_gone() -> None:
    ledger = opened()
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "pending"))
    [row] = outbox.waiting("hook", (), 1)
    with ledger.writing() as connection:
        connection.execute("DELETE FROM outbox")
    outbox.settle([Outcome(row.id, attempts=1, error="down")], NOW)
    assert outbox.counts() == {}


def test_only_what_has_waited_too_long_at_one_exporter_is_given_up() -> None:
    ledger = opened()
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "pending"), ("mail", "b", "pending"))
    assert outbox.give_up("hook", 9.9, "too long", NOW) == 0
    assert outbox.give_up("hook", 10.0, "too long", NOW) == 1
    assert outbox.counts() == {("hook", "dead"): 1, ("mail", "pending"): 1}


def test_dead_letters_are_retried_and_dropped_from_beside(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "dead"), ("hook", "b", "suppressed"), ("mail", "c", "dead"), ("mail", "d", "pending"))
    beside = open_beside(tmp_path)
    assert retry(beside, Choice(exporter="hook", state="dead"), NOW) == 1
    assert retry(beside, Choice(exporter="nobody"), NOW) == 0
    assert ledger.look()
    assert [row.run for row in outbox.waiting("hook", (), 9)] == ["a"]
    assert drop(beside, Choice(state="dead")) == 1
    assert drop(beside, Choice(exporter="mail", id=4)) == 1
    assert ledger.look()
    assert outbox.counts() == {("hook", "pending"): 1, ("hook", "suppressed"): 1}
    beside.close()
    ledger.close()


def test_ids_are_never_used_again(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path)
    outbox = Outbox(ledger)
    post(ledger, ("hook", "a", "pending"))
    [first] = outbox.waiting("hook", (), 1)
    outbox.settle([Outcome(first.id, delivered=True)], NOW)
    ledger.close()
    again = opened(tmp_path)
    post(again, ("hook", "b", "pending"))
    assert Outbox(again).waiting("hook", (), 1)[0].id > first.id
    again.close()
