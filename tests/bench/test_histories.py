"""The bench of histories measures what it says: histories grow, and are read as what they are."""

import pathlib
import subprocess
import sys

from bench.histories import turns
from spanwarden.dialects.reading import observe
from spanwarden.otlp.requests import decode_traces

SCRIPT = pathlib.Path(__file__).with_name("histories.py")


def test_histories_grow_by_a_call_and_its_result():
    told = [observe(decode_traces(bodies[0]), 0) for bodies in turns(conversations=1, length=5)]
    assert [sum(o.history for o in each) for each in told] == [2 + 2 * number for number in range(5)]
    assert {o.kind for o in told[-1]} == {"llm_call", "message", "tool_call"}


def test_the_table_of_histories_has_a_row_for_each_part():
    done = subprocess.run([sys.executable, str(SCRIPT), "1"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["1-10", "11-20", "21-30", "31-40"]
    sizes = [float(row[1]) for row in rows]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 100_000
    assert all(float(cell) > 0 for row in rows for cell in row[2:])
