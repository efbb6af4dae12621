"""The bench of open runs: its runs are open and whole, and it measures what it says."""

from __future__ import annotations

import pytest

from bench.decode_and_observe import RUN
from bench.open_runs import LEAST, ROOM, measure, requests


@pytest.mark.parametrize("content", [False, True])
def test_each_run_is_told_of_in_two_halves(content: bool) -> None:
    told = [o for even in (True, False) for part in requests(content, 40, even=even) for o in part]
    spans = {(o.trace_id, o.span_id) for o in told if o.source == "span"}
    assert len({trace for trace, _ in spans}) == 40
    assert len(spans) == 40 * (RUN - 1)


def test_runs_that_wait_keep_within_what_is_allowed() -> None:
    wide, narrow = measure(False, 600, 1 << 40), measure(False, 600, 600 * ROOM)
    assert 0 < wide.span < 1000
    assert wide.counted < ROOM / 1024
    assert narrow.counted <= wide.counted
    assert LEAST > ROOM
