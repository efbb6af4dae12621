"""The bench measures what it says: its batches are read as agent runs, and its table has figures."""

import pathlib
import subprocess
import sys

import pytest

from bench.decode_and_observe import RUN, SPANS, STEPS, batch
from spanwarden.dialects.reading import observe
from spanwarden.otlp.requests import check_traces, decode_traces

SCRIPT = pathlib.Path(__file__).with_name("decode_and_observe.py")


@pytest.mark.parametrize("content", [False, True])
def test_batches_are_agent_runs(content):
    request = decode_traces(batch(content))
    assert check_traces(request) == (SPANS, 0, "")
    observations = observe(request, 0)
    told = [o for o in observations if o.source == "span"]
    assert {o.kind for o in told} == {"agent", "llm_call", "tool_call"}
    assert {o.tool for o in told if o.kind == "tool_call"} == {"read_file"}
    assert len({o.trace_id for o in told}) == -(-SPANS // RUN)
    assert any(o.source == "message" for o in observations) is content


def test_the_table_has_a_row_for_each_batch():
    done = subprocess.run([sys.executable, str(SCRIPT), "1"], capture_output=True, text=True, check=True)
    rows = {line[:12].strip(): line[12:].split() for line in done.stdout.splitlines() if line[12:].split()}
    for name in ("no content", "content"):
        size, floor, *steps, whole, ratio = map(float, rows[name])
        assert size > 100
        assert len(steps) == len(STEPS) - 1
        assert 0 < floor < whole
        assert min(steps) > 0
        assert whole == pytest.approx(sum(steps), abs=0.05)
        assert ratio == pytest.approx(whole / floor, rel=0.05)
