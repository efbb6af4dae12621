from __future__ import annotations

from spanwarden.storage.ledger.decisions import Decisions, Told
from spanwarden.storage.ledger.ledger import Ledger
from storage.ledgers import HOUR, NOW, count, evaluation_row, finding_row, opened, run_row


def statuses(ledger: Ledger) -> dict[str, tuple[str, str, int]]:
    with ledger.reading() as connection:
        rows = connection.execute("SELECT id, status, delivery_id, revision FROM findings").fetchall()
    return {name: (status, delivery, revision) for name, status, delivery, revision in rows}


def test_a_finding_is_news_once_for_each_delivery_id() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        number = decisions.put_run(run_row("r1"))
        assert decisions.put_finding(number, finding_row("f", "d1")) == Told(news=True, revision=1)
        assert decisions.put_finding(number, finding_row("f", "d1")) == Told(news=False, revision=1)
        assert decisions.put_finding(number, finding_row("f", "d2")) == Told(news=True, revision=2)
        assert decisions.put_finding(number, finding_row("f", "d1")) == Told(news=False, revision=1)
        assert decisions.put_finding(number, finding_row("f", "d3")) == Told(news=True, revision=3)
        assert decisions.put_finding(number, finding_row("f", "d4"), revise=False) == Told(news=False, revision=3)
        assert decisions.put_finding(number, finding_row("g", "d5"), revise=False) == Told(news=True, revision=1)
    assert statuses(ledger) == {"f": ("updated", "d3", 3), "g": ("new", "d5", 1)}
    assert count(ledger, "finding_revisions") == 4


def test_a_run_keeps_its_number_and_takes_the_newest_summary() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        first = decisions.put_run(run_row("r1"))
        other = decisions.put_run(run_row("r2"))
        assert decisions.put_run(run_row("r1")._replace(revision=2, events=9, digest="new")) == first != other
        stored = decisions.run("r1")
    assert stored is not None
    assert (stored.revision, stored.events, stored.digest) == (2, 9, "new")
    assert count(ledger, "runs") == 2


def test_what_no_longer_holds_is_withdrawn_unless_it_could_not_be_judged() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        number = decisions.put_run(run_row("r1"))
        for name, rule in (("a", "r"), ("b", "r"), ("c", "unsure")):
            decisions.put_finding(number, finding_row(name, rule=rule))
        decisions.withdraw(number, {"a"}, {("p", "unsure")}, NOW)
    assert {name: row[0] for name, row in statuses(ledger).items()} == {"a": "new", "b": "withdrawn", "c": "new"}
    with ledger.writing() as connection:
        assert Decisions(connection).put_finding(number, finding_row("b")) == Told(news=False, revision=1)
    assert statuses(ledger)["b"][0] == "new"


def test_a_run_that_became_a_part_of_another_says_so() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        decisions.put_finding(decisions.put_run(run_row("part")), finding_row("f"))
        decisions.absorb("part", "whole", NOW)
        decisions.absorb("never seen", "whole", NOW)
    with ledger.reading() as connection:
        assert connection.execute("SELECT absorbed_by FROM runs WHERE id = 'part'").fetchone() == ("whole",)
    assert statuses(ledger)["f"][0] == "withdrawn"


def test_evaluations_are_kept_for_every_revision() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        number = decisions.put_run(run_row("r1"))
        for revision in (1, 2, 2):
            decisions.put_evaluation(number, evaluation_row(revision))
    assert count(ledger, "evaluations") == 2


def test_likeness_holds_for_its_window_only_and_whatever_the_clock_does() -> None:
    ledger = opened()
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        assert not decisions.told_within("hook", "k", NOW, HOUR)
        assert decisions.told_within("hook", "k", NOW + HOUR - 1, HOUR)
        assert not decisions.told_within("other", "k", NOW, HOUR)
        assert not decisions.told_within("hook", "k", NOW + HOUR, HOUR)
        assert not decisions.told_within("hook", "k", NOW - 5 * HOUR, HOUR), "the clock was set back"
