"""Open windows that nothing comes for are packed, busy and decided ones are not, and no run shows it."""

from __future__ import annotations

import random

import pytest

from runs.test_windows import OTHER, TRACE, only, span
from spanwarden.model.observation import Observation
from spanwarden.runs.idle import Idle
from spanwarden.runs.window import EXPORT_DELAY, Window, WindowSettings
from spanwarden.runs.windows import Windows

KEYS = ("trace:" + TRACE.hex(),)


def said(number: int, at: int) -> Observation:
    """Return what a model call at a time repeats of its conversation."""
    return Observation(
        kind="message", keys=KEYS, source="message", history=True, merge=f"m{number}", role="user", start=at, end=at
    )


@pytest.fixture
def windows() -> Windows:
    return Windows(WindowSettings())


def packed(windows: Windows) -> list[bool]:
    return [bool(window.packed) and not window.fresh for window in windows._windows.values()]


def test_an_open_run_is_packed_once_nothing_came_for_some_seconds(windows: Windows) -> None:
    windows.add([span(number, 1) for number in range(2, 30)], now=0)
    whole = windows.size
    assert windows.due(EXPORT_DELAY - 0.1) == []
    assert packed(windows) == [False]
    assert windows.due(EXPORT_DELAY) == []
    assert packed(windows) == [True]
    assert windows.size < 0.4 * whole
    assert windows.observations == 28


def test_a_busy_run_is_not_packed(windows: Windows) -> None:
    for number in range(2, 60):
        windows.add([span(number, 1)], now=number)
        windows.due(number)
        assert packed(windows) == [False]


def test_a_decided_run_is_not_packed_while_there_is_room(windows: Windows) -> None:
    windows.add([span(2, 1), span(1)], now=0)
    only(windows.due(2))
    windows.due(100)
    assert packed(windows) == [False]


def test_what_a_packed_run_holds_of_its_history_is_not_held_again(windows: Windows) -> None:
    for turn in range(1, 20):
        windows.add([said(number, turn) for number in range(turn)], now=turn * 10)
        windows.due(turn * 10 + 8)
        assert windows.observations == turn
    assert only(windows.close(1000)).run.events  # and is still there


def test_packed_runs_that_prove_to_be_one_are_joined_as_they_are(windows: Windows) -> None:
    plain = Windows(WindowSettings())
    parts = [[span(number, 1) for number in range(2, 12)], [span(number, 1, trace=OTHER) for number in range(20, 30)]]
    tie = span(40, 1, keys=(*KEYS, "trace:" + OTHER.hex()))
    for number, part in enumerate([*parts, [tie]]):
        windows.add(part, now=number * 20)
        windows.due(number * 20 + 10)
        plain.add(part, now=number * 20)
    assert len(windows) == 1
    assert windows.observations == plain.observations
    assert windows.size < 0.5 * plain.size
    assert only(windows.close(100)).run == only(plain.close(100)).run
    windows.due(10_000)
    assert (windows.size, windows.observations, len(windows)) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_runs_are_the_same_however_often_they_were_packed(seed: int) -> None:
    source = random.Random(seed)
    plain, idle = Windows(WindowSettings(idle_timeout=1e6)), Windows(WindowSettings(idle_timeout=1e6))
    now = 0.0
    for number in range(2, 40):
        part = [span(number, source.randrange(1, number)), *[said(n, number) for n in range(source.randrange(number))]]
        part = source.sample(part, len(part))
        now += source.choice([0.1, 10])
        for windows in (plain, idle):
            windows.add(part, now)
        assert idle.due(now + 9) == []
    assert any(window.packed for window in idle._windows.values())
    assert only(idle.close(now)).run == only(plain.close(now)).run


def test_each_window_is_looked_at_once_in_some_seconds() -> None:
    idle, window = Idle(), Window(0, 0.0)
    window.fresh = [span(2, 1)]
    for number in range(100):
        window.last = number / 10
        idle.watch(window)
        assert list(idle.due({0: window}, number / 10, WindowSettings(), 0)) == []
        assert len(idle._busy) == 1


def test_no_call_packs_more_than_a_few() -> None:
    idle, windows = Idle(), {number: Window(number, 0.0) for number in range(100)}
    for window in windows.values():
        window.fresh = [span(2, 1)]
        idle.watch(window)
    turns = [len(list(idle.due(windows, 10, WindowSettings(), 0))) for _ in range(5)]
    assert turns == [32, 32, 32, 4, 0]


def test_a_run_with_words_that_cannot_be_encoded_stays_as_it_is(windows: Windows) -> None:
    odd = Observation("tool_call", KEYS, tool="\ud800", trace_id=TRACE, span_id=b"12345678", start=1, end=2)
    windows.add([odd], now=0)
    windows.add([span(2, 1, trace=OTHER)], now=0)
    assert windows.due(EXPORT_DELAY) == []
    assert packed(windows) == [False, True]
    assert only(windows.close(EXPORT_DELAY + 1)[:1]).run.events[0].tool == "\ud800"
