"""A crash at every single moment between two writes, and clocks that jump: the same is told, under the same names."""

import itertools
import random

import pytest

from crash.load import Load
from crash.place import read
from crash.process import Arrival, Clock, Process, told_whole

DAY = 86_400.0


def arrivals(seed, runs, *, shuffled=True):
    """Return requests of a few runs and their times, so that some runs are over before others begin."""
    dice, load = random.Random(seed), Load(seed, shuffled=shuffled)
    batches = [batch for share in load.take(runs) for batch in share]
    return [Arrival(dice.choice((0.1, 0.3, 1.0, 3.0)), batch.request().SerializeToString()) for batch in batches]


def judged(folder):
    left = read(folder)
    assert left.learned
    return left.findings, left.runs, left.learned


@pytest.mark.parametrize("grace", [0.0, 5.0])
def test_a_crash_at_any_moment_changes_nothing_that_is_told(tmp_path, grace):
    # Without a grace, requests are let go of in the step that judges their run.
    coming = arrivals(5, 3, shuffled=bool(grace))
    whole, crashes = told_whole(tmp_path / "whole", coming, grace=grace)
    expected = judged(tmp_path / "whole")
    assert len(whole) == len(set(whole)) > 8
    assert {crash.what for crash in crashes} == {
        *("acknowledged, and not read", "judged, and not written down", "written down, and not released"),
        *("released", "delivered, and not noted"),
    }
    dice = random.Random(5)
    for number, crash in enumerate(crashes):
        # Clocks that count from the start of the machine begin anew, and some time was lost.
        clock = Clock(dice.uniform(0, 1000), crash.clock[1] + dice.choice((0.1, 3.0, 100.0)))
        process = Process(crash.folder, clock, grace=grace)
        try:
            # The sender may not have heard the last acknowledgement.
            heard = crash.acknowledged - (dice.random() < 0.5)
            for arrival in coming[max(0, heard) :]:
                process.go_on(arrival.after)
                process.receive(arrival.body)
            process.finish()
            place = f"crash {number}, {crash.what}, after {crash.acknowledged} requests"
            assert process.journal.entries() == 0, place
            assert judged(crash.folder) == expected, place
            assert set(crash.delivered) | set(process.deliveries) == set(whole), place
            twice = [each for each in process.deliveries if each in crash.delivered]
            assert len(twice) <= (crash.what == "delivered, and not noted"), place
            assert len(set(process.deliveries)) == len(process.deliveries), place
        finally:
            process.close()


@pytest.mark.parametrize("seed", range(6))
def test_wall_clocks_that_jump_change_nothing_that_is_told(tmp_path, seed):
    coming = arrivals(seed, 6, shuffled=bool(seed % 2))
    steady, _ = told_whole(tmp_path / "whole", coming, crashing=False)
    dice, clock = random.Random(seed), Clock()
    folders = (tmp_path / f"life-{number}" for number in itertools.count())
    process = Process(next(folders), clock)
    told = []
    try:
        for arrival in coming:
            process.go_on(arrival.after)
            if dice.random() < 0.3:
                clock.wall = max(0.0, clock.wall + dice.choice((-1, 1)) * dice.choice((1.0, 3600.0, DAY, 4000 * DAY)))
            if dice.random() < 0.1:
                folder = next(folders)
                process.left_behind(folder)
                told += process.deliveries
                process.close()
                clock.now = dice.uniform(0, 1000)
                process = Process(folder, clock)
            process.receive(arrival.body)
        process.finish()
        told += process.deliveries
        assert process.journal.entries() == 0
        left = judged(process.folder)
    finally:
        process.close()
    assert sorted(told) == sorted(steady)
    assert left == judged(tmp_path / "whole")
