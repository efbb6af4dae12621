"""What rules know of other runs, in the ledger."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.deliveries import FakeClock
from service.test_corridor import Bench, spans
from spanwarden.exporters.base import Notice
from spanwarden.policy.state import CrossRunState, MemoryState, Sample
from spanwarden.service import history as rooms
from spanwarden.service import recording
from spanwarden.service.history import History
from spanwarden.service.housekeeping import Housekeeping
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import HistorySettings, RetentionSettings
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.history import write
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.opening import FILE

BUDGET = """name: p
rules:
  - id: budget
    severity: high
    aggregate: {op: count, of: {tool: pay}, by: [agent], over: 24h, gt: 3}
"""
FIRST = """name: p
rules:
  - {id: new-tool, severity: low, when: "kind == 'tool_call' and not seen('tools', tool, over=days(1))"}
"""


def opened(directory: pathlib.Path | None = None) -> Ledger:
    ledger = Ledger(directory)
    ledger.open(0)
    return ledger


class Told:
    """A history whose runs are written as soon as they are judged."""

    def __init__(self, ledger: Ledger, **bounds: int) -> None:
        self.ledger = ledger
        self.telemetry = Telemetry()
        self.history = History(ledger, self.telemetry, **bounds)

    def run(
        self,
        name: str,
        *times: int,
        key: str = "a",
        topic: str = "t",
        whole: bool = True,
        fuller: bool = False,
        absorbed: tuple[str, ...] = (),
    ) -> None:
        self.history.begin(name, absorbed)
        if times:
            self.history.observe(topic, (key,), name, [Sample(time) for time in times])
        learned = self.history.learned()
        with self.ledger.writing() as connection:
            stale = write(connection, name, learned, whole=whole, fuller=fuller)
        self.history.written([learned], stale)

    def others(self, since: int = 0, until: int = 1_000, key: str = "a", topic: str = "t") -> list[int] | None:
        """Return what is known, which must be the same after a restart."""
        answers = [
            state.others(topic, (key,), "none", since, until)
            for state in (self.history, History(self.ledger, Telemetry()))
        ]
        here, after = [None if found is None else [sample.time for sample in found] for found in answers]
        assert here == after
        return here


@pytest.fixture
def known() -> Told:
    return Told(opened())


def run_of(trace: int, *tools: str) -> bytes:
    """Return the spans of a run of `bot`, in the order of their trace numbers."""
    calls = [(trace * 100 + n, trace * 100 + 50, "execute_tool", tool) for n, tool in enumerate(tools, 1)]
    return spans((trace * 100 + 50, 0, "invoke_agent", ""), *calls, trace=bytes([trace]) * 16)


def bench(tmp_path: pathlib.Path, policy: str, ledger: Ledger) -> Bench:
    return Bench(tmp_path, policy, ledger)


def test_a_budget_over_runs_outlives_the_process(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path / "data")
    first = bench(tmp_path, BUDGET, ledger)
    first.receive(run_of(1, "pay", "pay"))
    assert first.findings(3) == []
    ledger.close()
    ledger = opened(tmp_path / "data")
    second = bench(tmp_path, BUDGET, ledger)
    second.receive(run_of(2, "pay", "pay"))
    assert second.findings(3) == ["budget"]
    ledger.close()


def test_a_run_judged_again_after_a_crash_counts_once(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path / "data")
    first = bench(tmp_path, BUDGET, ledger)
    first.receive(run_of(1, "pay", "pay"))
    first.at(3)
    ledger.close()
    ledger = opened(tmp_path / "data")
    # The requests were still in the journal, as after kill -9.
    second = bench(tmp_path, BUDGET, ledger)
    second.receive(run_of(1, "pay", "pay"))
    assert second.findings(3) == []
    second.receive(run_of(2, "pay"))
    assert second.findings(6) == [], "three payments"
    second.receive(run_of(3, "pay"))
    assert second.findings(9) == ["budget"], "four"
    ledger.close()


def test_a_late_record_counts_once_and_a_lost_one_is_not_taken_back(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path / "data")
    first = bench(tmp_path, BUDGET, ledger)
    first.receive(run_of(1, "pay", "pay"))
    first.at(3)
    first.receive(run_of(1, "pay", "pay", "pay"))
    assert first.findings(90) == [], "three payments, however often they are told of"
    ledger.close()
    ledger = opened(tmp_path / "data")
    second = bench(tmp_path, BUDGET, ledger)
    second.receive(run_of(1, "pay"))
    second.at(90)
    second.receive(run_of(2, "pay"))
    assert second.findings(180) == ["budget"], "the third of the first run is still known"
    ledger.close()


def test_nothing_is_known_of_a_run_that_was_not_written_down(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened(tmp_path / "data")
    first = bench(tmp_path, BUDGET, ledger)

    def full(*_: object) -> None:
        raise LedgerUnavailableError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(first.judge, "decide", full)
        first.receive(run_of(1, "pay", "pay", "pay"))
        first.clock.now = 3
        first.corridor.step()
    ledger.close()
    ledger = opened(tmp_path / "data")
    second = bench(tmp_path, BUDGET, ledger)
    second.receive(run_of(2, "pay"))
    assert second.findings(3) == []
    second.receive(run_of(1, "pay", "pay", "pay"))
    assert second.findings(6) == []
    second.receive(run_of(3, "pay"))
    assert second.findings(9) == ["budget"]
    ledger.close()


def test_runs_that_are_due_at_once_are_judged_by_their_ends(tmp_path: pathlib.Path) -> None:
    ordered = bench(tmp_path, FIRST, opened())
    ordered.receive(run_of(2, "new"))
    ordered.receive(run_of(1, "new"))
    told = [notice for notice in ordered.at(3) if notice.kind == "finding"]
    assert [notice.run.trace_ids[0][:2] for notice in told] == ["01"]


def test_a_run_that_cannot_be_written_down_is_not_known_either(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opened()
    first = bench(tmp_path, BUDGET, ledger)
    record = recording.Recorder.record

    def fails(self: recording.Recorder, judged: recording.Judged) -> list[Notice]:
        if judged.run.trace_ids == ("01" * 16,):
            raise ValueError
        return record(self, judged)

    monkeypatch.setattr(recording.Recorder, "record", fails)
    first.receive(run_of(1, "pay", "pay", "pay"))
    first.at(3)
    first.receive(run_of(2, "pay"))
    assert first.findings(6) == []
    assert not first.judge._history._unwritten


def test_a_first_seen_value_outlives_the_process_as_a_digest(tmp_path: pathlib.Path) -> None:
    ledger = opened(tmp_path / "data")
    first = bench(tmp_path, FIRST, ledger)
    first.receive(run_of(1, "wire_to_sesame_street"))
    assert first.findings(3) == ["new-tool"]
    ledger.close()
    ledger = opened(tmp_path / "data")
    second = bench(tmp_path, FIRST, ledger)
    second.receive(run_of(2, "wire_to_sesame_street"))
    assert second.findings(3) == []
    with ledger.reading() as connection:
        rows = connection.execute("SELECT * FROM history").fetchall()
    assert len(rows) == 2
    assert "sesame" not in repr(rows)
    ledger.close()
    assert (tmp_path / "data" / FILE).is_file()


def test_what_a_run_is_found_not_to_have_done_is_forgotten(known: Told) -> None:
    known.run("1", 5)
    known.run("2", 6)
    known.run("1", 7, key="b")
    assert known.others() == [6]
    assert known.others(key="b") == [7]
    known.run("2")
    assert known.others() == []


def test_a_partial_look_takes_nothing_back(known: Told) -> None:
    known.run("1", 5, 6, 7)
    known.run("1", 6, 8, whole=False)
    assert known.others() == [5, 6, 7, 8]
    known.run("1", whole=False)
    assert known.others() == [5, 6, 7, 8]
    known.run("1", 6)
    assert known.others() == [6]


def test_a_late_part_of_a_run_counts_nothing_twice_for_whom_it_takes_it_to_be(known: Told) -> None:
    known.run("1", 5, 6, 7, key="bot")
    known.run("1", 6, 8, key="unknown", whole=False)
    assert known.others(key="bot") == [5, 6, 7]
    assert known.others(key="unknown") == [8]


def test_a_fuller_look_moves_what_it_knows_to_be_of_another(known: Told) -> None:
    known.run("1", 5, 6, 7, key="unknown")
    known.run("1", 6, 7, 8, key="bot", whole=False, fuller=True)
    assert known.others(key="unknown") == [5]
    assert known.others(key="bot") == [6, 7, 8]
    known.run("1", 5, key="bot", whole=False, fuller=True)
    assert known.others(key="unknown") == []
    assert known.others(key="bot") == [5, 6, 7, 8]


def test_a_thing_may_be_kept_in_several_places(known: Told) -> None:
    known.run("1", 5, key="a")
    known.history.begin("1")
    for key in ("a", "b"):
        known.history.observe("t", (key,), "1", [Sample(5)])
    learned = known.history.learned()
    with known.ledger.writing() as connection:
        known.history.written([learned], write(connection, "1", learned, whole=False))
    assert known.others(key="a") == [5]
    assert known.others(key="b") == [5]


def test_what_a_part_did_is_counted_under_the_whole(known: Told) -> None:
    known.run("part", 5)
    known.run("whole", 5, 6, absorbed=("part",))
    assert known.others() == [5, 6]


def test_a_run_that_could_not_be_judged_leaves_nothing(known: Told) -> None:
    known.run("1", 5)
    known.history.begin("1")
    known.history.observe("t", ("a",), "1", [Sample(8), Sample(9)])
    known.run("2", 6)
    assert known.others() == [5, 6]


def test_too_many_samples_of_a_key_are_unknown_not_nothing() -> None:
    known = Told(opened(), max_samples=3)
    for number in range(1, 6):
        known.run(str(number), number * 10)
    assert known.others(since=20) is None
    assert known.others(since=21) == [30, 40, 50]
    assert known.telemetry.value("spanwarden_history_forgotten", reason="crowded") == 2


def test_a_run_in_too_many_places_makes_its_topic_unknown_up_to_then(
    known: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MAX_PLACES", 2)
    known.history.begin("1")
    for number in range(4):
        known.history.observe("t", (str(number),), "1", [Sample(number)])
    learned = known.history.learned()
    with known.ledger.writing() as connection:
        write(connection, "1", learned, whole=True)
    after = History(known.ledger, Telemetry())
    assert after.met("t", ("0",), "2", 0, 9) is True
    assert after.met("t", ("3",), "2", 0, 9) is None
    assert after.met("t", ("3",), "2", 4, 9) is False
    assert after.others("t", ("never",), "2", 3, 9) is None
    assert after.others("other", ("never",), "2", 0, 9) == []


def test_a_key_costs_what_is_under_it_and_not_what_is_under_others(known: Told) -> None:
    for number in range(500):
        known.run(str(number), number, key=str(number))
    steps = 0

    def counted() -> int:
        nonlocal steps
        steps += 1
        return 0

    with known.ledger.reading() as connection:
        connection.set_progress_handler(counted, 1)
        found = History(known.ledger, Telemetry()).others("t", ("7",), "none", 0, 1_000)
        connection.set_progress_handler(None, 0)
    assert found == [Sample(7)]
    assert 0 < steps < 500


def test_little_is_held_in_memory_and_all_is_known(known: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MAX_CACHED", 3)
    for number in range(20):
        known.run(str(number), number, key=str(number))
    assert len(known.history._held) <= 3
    assert [known.others(key=str(number)) for number in range(20)] == [[number] for number in range(20)]


def chores(known: Told, clock: FakeClock, **bounds: str) -> Housekeeping:
    bounded = HistorySettings.model_validate(bounds)
    life = Lifetime(known.ledger, clock)
    return Housekeeping(known.ledger, life, RetentionSettings(), bounded, lambda: None, known.telemetry, clock)


def test_what_is_too_old_is_forgotten_and_known_to_be(known: Told) -> None:
    clock = FakeClock()
    now, hour = clock.wall_ns(), 3600 * 10**9
    known.run("old", now - 3 * hour)
    known.run("new", now - hour)
    chores(known, clock, max_age="2h").prune_history()
    fresh = Told(known.ledger)
    assert fresh.others(now - 2 * hour, now) == [now - hour]
    assert fresh.others(now - 3 * hour, now) is None
    assert fresh.others(0, now, key="never") is None
    assert known.telemetry.value("spanwarden_history_forgotten", reason="age") == 1


def test_a_flooded_topic_makes_room_and_others_stay(known: Told) -> None:
    clock = FakeClock()
    now = clock.wall_ns()
    known.run("calm", now - 500, topic="budget")
    for number in range(400):
        known.run(f"flood-{number}", now - 400 + number, key=str(number), topic="flood")
    keeper = chores(known, clock, max_size="32KiB")
    keeper.prune_history()
    assert known.telemetry.value("spanwarden_history_bytes") <= 32 * 1024
    fresh = Told(known.ledger)
    assert fresh.others(now - 500, now, topic="budget") == [now - 500]
    assert fresh.others(now - 400, now, key="0", topic="flood") is None
    assert fresh.others(now - 1, now, key="399", topic="flood") == [now - 1]
    went = known.telemetry.value("spanwarden_history_forgotten", reason="size")
    assert 200 < went < 400


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.lists(st.integers(0, 40), max_size=3), st.booleans()),
        max_size=20,
    ),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_it_answers_as_the_state_in_memory_does_over_restarts(
    steps: list[tuple[str, int, list[int], bool]], max_samples: int
) -> None:
    """One place a run here: state in memory knows of no run that was judged again to have left a place."""
    ledger = opened()
    telemetry = Telemetry()
    history, memory = History(ledger, telemetry, max_samples), MemoryState(max_samples=max_samples)
    for key, number, times, restart in steps:
        name, samples = f"{key}{number}", [Sample(time) for time in sorted(times)]
        states: tuple[CrossRunState, ...] = (history, memory)
        history.begin(name)
        for state in states:
            state.observe("t", (key,), name, samples)
        learned = history.learned()
        with ledger.writing() as connection:
            history.written([learned], write(connection, name, learned, whole=True))
        if restart:
            history = History(ledger, telemetry, max_samples)
        for since in (0, 10, 30):
            truth = memory.others("t", (key,), "none", since, 50)
            found = history.others("t", (key,), "none", since, 50)
            if truth is not None and found is not None:
                assert list(found) == list(truth)
            if found is None or truth is None:
                # Which run goes first may differ after a restart; that something went is never forgotten.
                assert max_samples < sum(len(entry[2]) for entry in steps)
