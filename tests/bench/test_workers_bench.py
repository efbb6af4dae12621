"""The workers' bench measures both forms whole, and tells the owner's part from the workers'."""

from bench.pipeline import CASES
from bench.workers import measure


def test_owner_and_workers_are_told_apart():
    alone, shared = measure(CASES[0], rounds=1, spans=2048, workers=2)
    assert alone.workers == 0 < alone.owner
    assert shared.workers > 0
    assert shared.owner > 0
