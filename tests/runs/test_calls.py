from __future__ import annotations

from spanwarden.model.observation import Observation
from spanwarden.runs.calls import MAX_AT_ONCE, Calls
from spanwarden.runs.window import Window

S = 10**9


def call(number: int, start: int, end: int) -> Observation:
    trace = number.to_bytes(16, "big")
    return Observation(
        kind="llm_call",
        keys=("trace:" + trace.hex(),),
        trace_id=trace,
        span_id=trace[8:],
        start=start * S,
        end=end * S,
        instance="i",
    )


def window_of(observation: Observation, token: int) -> Window:
    window = Window(token, 0.0)
    window.take(observation, 500)
    return window


def test_calls_that_ended_a_while_ago_or_begin_later_are_not_about() -> None:
    calls = Calls()
    told = [call(1, 10, 20), call(2, 100, 110), call(3, 130, 131), call(4, 132, 140)]
    windows = [window_of(o, number) for number, o in enumerate(told)]
    for o, window in zip(told, windows, strict=True):
        calls.add(o, window)
        calls.add(o, window)
    assert [o.trace_id[-1] for o, _ in calls.about(told[2])] == [2, 3]
    windows[1].mute = False
    assert [o.trace_id[-1] for o, _ in calls.about(told[2])] == [3]
    windows[0].absorb(windows[2])
    assert [window.token for _, window in calls.about(told[3])] == [0, 3]


def test_nobody_can_tell_among_too_many() -> None:
    calls = Calls()
    for number in range(1, MAX_AT_ONCE + 1):
        o = call(number, 100, 110)
        calls.add(o, window_of(o, number))
    assert len(calls.about(call(1, 111, 112))) == MAX_AT_ONCE
    one_more = call(500, 100, 110)
    calls.add(one_more, window_of(one_more, 500))
    assert calls.about(call(1, 111, 112)) == []


def test_a_forgotten_window_leaves_nothing() -> None:
    calls = Calls()
    o = call(1, 100, 110)
    window = window_of(o, 1)
    calls.add(o, window)
    calls.forget(window)
    calls.forget(window)
    assert calls.about(call(2, 111, 112)) == []
