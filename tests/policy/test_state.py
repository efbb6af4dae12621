"""What is known of other runs is bounded, and what was forgotten is unknown, not nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.policy.state import MAX_OF_RUN, MemoryState, Sample


def test_a_run_is_told_of_others_only() -> None:
    state = MemoryState()
    state.observe("t", ("a",), "1", [Sample(1), Sample(2)])
    state.observe("t", ("a",), "2", [Sample(5)])
    state.observe("t", ("b",), "3", [Sample(3)])
    assert state.others("t", ("a",), "2", 0, 9) == [Sample(1), Sample(2)]
    assert state.others("t", ("a",), "1", 6, 9) == []
    state.observe("t", ("a",), "1", [Sample(7)])
    assert state.others("t", ("a",), "9", 0, 9) == [Sample(5), Sample(7)]


def test_a_dropped_key_is_unknown_as_far_as_it_was_known() -> None:
    state = MemoryState(max_keys=1)
    state.observe("t", ("a",), "1", [Sample(10)])
    state.observe("t", ("b",), "2", [Sample(20)])
    assert state.others("t", ("a",), "9", 10, 30) is None
    assert state.met("t", ("a",), "9", 10, 30) is None
    assert state.others("t", ("never seen",), "9", 10, 30) is None
    assert state.others("t", ("a",), "9", 11, 30) == []
    state.observe("t", ("a",), "3", [Sample(25)])
    assert state.others("t", ("a",), "9", 5, 30) is None
    assert state.others("u", ("a",), "9", 0, 30) == []


def test_samples_of_a_key_are_bounded_and_so_are_those_of_a_run() -> None:
    state = MemoryState(max_samples=3)
    for number in range(5):
        state.observe("t", ("a",), str(number), [Sample(number)])
    assert state.others("t", ("a",), "9", 1, 9) is None
    assert state.met("t", ("a",), "9", 1, 9) is True
    assert state.met("t", ("a",), "9", 1, 1) is None
    assert state.met("t", ("a",), "9", 5, 9) is False
    assert state.others("t", ("a",), "9", 2, 9) == [Sample(2), Sample(3), Sample(4)]
    state.observe("u", ("a",), "1", [Sample(number) for number in range(MAX_OF_RUN + 5)])
    assert state.others("u", ("a",), "9", 0, 10_000) is None
    assert len(state.others("u", ("a",), "9", 5, 10_000) or ()) == MAX_OF_RUN


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.integers(0, 40)), max_size=30),
    st.integers(1, 3),
    st.integers(1, 4),
)
@settings(max_examples=300, deadline=None)
def test_an_answer_is_the_whole_truth_or_none(
    written: list[tuple[str, int, int]], max_keys: int, max_samples: int
) -> None:
    state = MemoryState(max_keys, max_samples)
    truth: dict[tuple[str, int], int] = {}
    for key, run, time in written:
        state.observe("t", (key,), str(run), [Sample(time)])
        truth[key, run] = time
    for key in "abcd":
        for since in (0, 10, 20, 30):
            found = state.others("t", (key,), "none", since, 40)
            whole = sorted(time for (name, _), time in truth.items() if name == key and time >= since)
            assert found is None or [sample.time for sample in found] == whole
            assert state.met("t", (key,), "none", since, 40) in (None, bool(whole))
