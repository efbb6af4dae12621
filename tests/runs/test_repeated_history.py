"""What a record says after its first words takes a short way into its window, and ends up as on the long one."""

from __future__ import annotations

import pathlib

import msgspec
import pytest

from bench.histories import turns
from runs.captures import captures, observed, requests_of
from spanwarden.dialects.reading import observe
from spanwarden.model.observation import Observation
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.windows import Decision, Windows, WindowSettings


def on_the_long_way(observations: list[Observation]) -> list[Observation]:
    """Return equal observations; as no two have the same keys in memory, each is looked up by its own."""
    assert (*observations[0].keys,) is not observations[0].keys if observations else True
    return [msgspec.structs.replace(o, keys=(*o.keys,)) for o in observations]


def outcome(told: list[list[Observation]], settings: WindowSettings) -> tuple[list[Decision], tuple[int, ...]]:
    windows, decided = Windows(settings), []
    for position, observations in enumerate(told):
        windows.add(observations, float(position), position)
        decided += windows.due(position + 0.5)
    held = windows.size, windows.observations, windows.late, windows.duplicates, windows.dropped, len(windows)
    decided += windows.close(float(len(told)))
    return decided, (*held, *windows.released())


@pytest.mark.parametrize("folder", captures(), ids=lambda folder: folder.name)
def test_captures_end_up_alike_on_both_ways(folder: pathlib.Path) -> None:
    told = [observed(request, position) for position, request in enumerate(requests_of(folder))]
    assert outcome(told, WindowSettings()) == outcome(list(map(on_the_long_way, told)), WindowSettings())


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
@pytest.mark.parametrize("settle", [0.0, 2.0], ids=["decided between", "open"])
def test_growing_histories_end_up_alike_on_both_ways(order: int, settle: float) -> None:
    bodies = [body for turn in turns(conversations=3, length=8) for body in turn][::order]
    told = [observe(decode_traces(body), position) for position, body in enumerate(bodies)]
    settings = WindowSettings(settle=settle, idle_timeout=settle)
    short, long = outcome(told, settings), outcome(list(map(on_the_long_way, told)), settings)
    assert short == long
    assert sum(len(decision.run.events) for decision in short[0]) > 50


def test_a_window_holds_a_repeated_message_once() -> None:
    bodies = [body for turn in turns(conversations=1, length=10) for body in turn]
    windows = Windows(WindowSettings())
    windows.add([o for position, body in enumerate(bodies) for o in observe(decode_traces(body), position)], 0.0)
    told = [observation for body in bodies for observation in observe(decode_traces(body), 0)]
    assert windows.observations < len(told) / 2
