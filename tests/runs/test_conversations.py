from __future__ import annotations

from typing import Any

import pytest

from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.model.run import Run
from spanwarden.runs.conversations import MAX_AGE, MAX_RUNS, Conversations
from spanwarden.runs.windows import Windows, WindowSettings


def run(number: int, conversation: str | None = "c", events: int = 1, start: int | None = None) -> Run:
    told = tuple(Event("tool_call", tool=f"t{number}") for _ in range(events))
    return Run(f"r{number}", told, conversation=conversation, start=number if start is None else start)


@pytest.fixture
def known() -> Conversations:
    return Conversations(1 << 20)


def test_a_run_sees_those_of_its_conversation_that_began_before_in_their_order(known: Conversations) -> None:
    for number in (3, 1, 2, 9):
        known.remember("", run(number), 0)
    known.remember("", run(1, "other"), 0)
    found = known.earlier("", run(5))
    assert [(e.id, e.number) for e in found] == [("r1", 2), ("r2", 3), ("r3", 1)]
    assert found[0].events == run(1).events
    assert known.earlier("", run(5, None)) == known.earlier("", run(5, "new")) == ()


def test_conversations_of_two_senders_that_share_a_name_stay_apart(known: Conversations) -> None:
    known.remember("a", run(1), 0)
    assert known.earlier("b", run(2)) == ()
    assert len(known.earlier("a", run(2))) == 1


def test_a_revision_takes_the_place_of_the_run_and_does_not_see_itself(known: Conversations) -> None:
    known.remember("", run(1), 0)
    known.remember("", run(2), 0)
    known.remember("", run(1, events=3), 1)
    found = known.earlier("", run(2))
    assert [(e.id, e.number, len(e.events or ())) for e in found] == [("r1", 1, 3)]
    assert known.earlier("", run(1)) == ()


def test_what_is_remembered_is_bounded_by_count_age_and_memory(known: Conversations) -> None:
    for number in range(MAX_RUNS + 10):
        known.remember("", run(number), 0)
    found = known.earlier("", run(1000))
    assert len(found) == MAX_RUNS
    assert found[0].number == 11
    known.remember("", run(1, "later"), MAX_AGE + 1)
    assert known.earlier("", run(1000)) == ()
    assert len(known) == 1
    for number in range(5000):
        known.remember("", run(number, f"c{number}", events=10), MAX_AGE + 2)
        assert known.size <= known.limit
    assert 100 < len(known) < 200
    for number in range(5000):
        known.forget("", f"c{number}", f"r{number}")
    assert known.size == 0


def test_of_a_run_too_big_to_be_held_it_is_known_that_it_was_there(known: Conversations) -> None:
    known.remember("", run(1, events=1000), 0)
    assert [(e.id, e.events) for e in known.earlier("", run(2))] == [("r1", None)]
    off = Conversations(0)
    off.remember("", run(1), 0)
    assert off.earlier("", run(2)) == ()


def turn(number: int, **facts: Any) -> list[Observation]:
    trace = bytes([number]) * 16
    facts = {"keys": (f"trace:{number}",), "trace_id": trace, "conversation": "c", "start": number * 100} | facts
    return [
        Observation(kind="agent", span_id=b"a" * 8, end=number * 100 + 50, root=True, **facts),
        Observation(kind="tool_call", span_id=b"b" * 8, parent_id=b"a" * 8, tool=f"t{number}", **facts),
    ]


def test_decisions_carry_the_earlier_runs_of_their_conversation() -> None:
    windows = Windows(WindowSettings())
    told = []
    for number in (1, 2, 3):
        windows.add(turn(number), now=number * 10)
        told += windows.due(number * 10 + 2)
    assert [[e.id for e in d.earlier] for d in told] == [[], [told[0].run.id], [told[0].run.id, told[1].run.id]]
    assert [event.tool for event in told[2].earlier[0].events or ()] == [None, "t1"]
    windows.add([Observation(kind="decision", keys=("trace:1", "trace:3"), conversation="c", start=100)], now=50)
    (joined,) = windows.due(52)
    assert joined.absorbed == (told[2].run.id,)
    windows.add(turn(4), now=60)
    assert [e.id for e in windows.due(62)[0].earlier] == [told[0].run.id, told[1].run.id]
