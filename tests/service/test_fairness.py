"""Fair shares of room, and turns by size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.service.fairness import QUANTUM, FairQueue, Shares


def test_one_sender_alone_leaves_an_eighth_to_newcomers():
    shares = Shares(800)
    taken = 0
    while shares.has_room("flood", 10):
        shares.hold("flood", 10)
        taken += 10
    assert taken == 700
    assert shares.has_room("newcomer", 100)
    assert not shares.has_room("newcomer", 101)


def test_room_is_divided_among_those_who_hold_something():
    shares = Shares(800)
    shares.hold("one", 340)
    shares.hold("two", 10)
    assert shares.has_room("one", 10)
    assert not shares.has_room("one", 11)
    shares.free("two", 10)
    assert shares.has_room("one", 360)


def test_a_request_larger_than_everything_is_taken_where_nothing_is_held():
    shares = Shares(100)
    assert shares.has_room("one", 1000)
    shares.hold("one", 1000)
    assert not shares.has_room("two", 1)
    shares.free("one", 1000)
    assert shares.held == 0


def test_turns_go_by_size_and_keep_each_senders_order():
    queue = FairQueue(1 << 30)
    for number in range(20):
        queue.put("flood", ("flood", number), QUANTUM)
    queue.put("small", ("small", 0), 10)
    queue.put("small", ("small", 1), 10)
    order = [queue.get() for _ in range(22)]
    assert max(order.index(("small", 0)), order.index(("small", 1))) <= 4
    assert [number for sender, number in order if sender == "flood"] == list(range(20))
    assert not queue


def test_an_empty_queue_has_nothing_to_give():
    with pytest.raises(IndexError):
        FairQueue(10).get()


def test_what_was_read_while_nobody_else_waited_is_not_held_against_a_sender():
    queue = FairQueue(1 << 40)
    for number in range(100):
        queue.put("early", number, 1 << 20)
    for _ in range(50):
        queue.get()
    for number in range(1000, 1100):
        queue.put("late", number, 1 << 20)
    served = [queue.get() for _ in range(20)]
    assert 8 <= sum(number < 1000 for number in served) <= 12


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4 * QUANTUM)), max_size=60))
def test_nothing_is_lost_and_no_sender_waits_for_more_than_the_others_turns(sent):
    queue = FairQueue(1 << 40)
    for number, (sender, size) in enumerate(sent):
        queue.put(sender, (sender, number, size), size)
    got = []
    while queue:
        got.append(queue.get())
    assert sorted(got) == sorted((sender, number, size) for number, (sender, size) in enumerate(sent))
    for sender in "abc":
        assert [n for s, n, _ in got if s == sender] == [n for n, (s, _) in enumerate(sent) if s == sender]
    assert queue.shares.held == 0


def test_bytes_are_shared_evenly_while_all_wait():
    queue = FairQueue(1 << 40)
    for number in range(400):
        queue.put("large", ("large", number), 1 << 20)
        for part in range(8):
            queue.put("small", ("small", number * 8 + part), 1 << 17)
    served = {"large": 0, "small": 0}
    for _ in range(900):
        sender, _number = queue.get()
        served[sender] += 1 << 20 if sender == "large" else 1 << 17
    assert abs(served["large"] - served["small"]) <= 3 << 20
