"""The pipeline's bench measures what it says: whole runs, all decided, beside peers that take the same bytes."""

import pytest

from bench.pipeline import CASES, measure
from bench.workload import Workload


def test_a_workload_repeats_itself_by_its_seed():
    assert list(Workload(True, seed=3).requests(100, 10)) == list(Workload(True, seed=3).requests(100, 10))
    assert list(Workload(True, seed=3).requests(100, 10)) != list(Workload(True, seed=4).requests(100, 10))


def test_content_is_what_makes_a_batch_large():
    with_content, without = (sum(map(len, Workload(content).requests(1000, 100))) for content in (True, False))
    assert 4 < with_content / without < 10


@pytest.mark.integration
def test_every_way_is_measured_in_one_run():
    pytest.importorskip("rotel", reason="rotel is not installed (pip install -e '.[integration]')")
    costs = measure(CASES[0], rounds=1, spans=8192)  # the kernel counts in steps of 10 ms
    assert 0 < costs["floor"] < costs["rotel"] < costs["rotel+python"]
    assert costs["spanwarden"] > costs["floor"]
