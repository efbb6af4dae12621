"""The bench of decisions hears of every run that it sent."""

import pytest

from bench.decision_latency import measure


@pytest.mark.integration
def test_every_run_is_heard_of_at_half_and_at_full_load():
    found = measure(seconds=2.0)
    assert found["half"][0] < found["full"][0]
    assert all(waits for _, waits in found.values())
