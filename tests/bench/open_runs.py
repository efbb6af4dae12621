"""What open runs cost: memory for each, and CPU for each span added while 10 to 100,000 others are open.

usage: python tests/bench/open_runs.py [--content] [MOST]

Every run has the 26 spans of `decode_and_observe` but its root, sent half now and half later, so that all are open at
once. Memory is what the process grew by (RSS): with room for all, and where memory runs short ("pressed").
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import pathlib
import time
from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.decode_and_observe import RUN, batch
from spanwarden.dialects.reading import observe
from spanwarden.model.observation import Observation
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

AT_ONCE = 16
PACE = 3.0
"""Runs that one request tells of, and the seconds between two requests."""
KIB = 1024

ROOM, LEAST = 10 * KIB, 4 << 20
"""Memory that is allowed for a run, and for all, where it is short."""


class Measured(NamedTuple):
    """Of one number of open runs: µs for a span, KiB for a run; `counted` is what windows believe to hold."""

    span: float
    run: float
    counted: float


def requests(content: bool, runs: int, *, even: bool) -> Iterator[list[Observation]]:
    """Yield what requests say that tell of half of every run, all but its root."""
    for first in range(0, runs, AT_ONCE):
        told = ExportTraceServiceRequest.FromString(batch(content, RUN * min(AT_ONCE, runs - first)))
        spans = told.resource_spans[0].scope_spans[0].spans
        kept = [span for span in spans if span.parent_span_id and (span.span_id[-1] % 2 == 0) is even]
        for span in kept:
            span.trace_id = (int.from_bytes(span.trace_id, "big") + first).to_bytes(16, "big")
        del spans[:]
        spans.extend(kept)
        yield observe(decode_traces(told.SerializeToString()), first)


def measure(content: bool, runs: int, room: int) -> Measured:
    """Open this many runs in `room` bytes, half of each first, then the rest of each; the times are of the rest."""
    settings = WindowSettings(max_size=room, max_open=10 * runs, idle_timeout=1e9, max_age=1e9)
    windows = Windows(settings)
    gc.collect()
    before = _resident()
    position, spent, spans = 0, 0.0, 0
    for even in (True, False):
        spent, spans = 0.0, 0
        for told in requests(content, runs, even=even):
            position += 1
            started = time.process_time()
            windows.add(told, position * PACE, position)
            decided = windows.due(position * PACE)
            spent += time.process_time() - started
            spans += len({(o.trace_id, o.span_id) for o in told})
            assert not decided
    gc.collect()
    held = _resident() - before
    assert len(windows) == runs
    return Measured(spent / spans * 1e6, held / runs / KIB, windows.size / runs / KIB)


def _resident() -> int:
    with pathlib.Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("most", nargs="?", type=int, default=100_000)
    parser.add_argument("--content", action="store_true")
    options = parser.parse_args()
    print("open runs   µs/span   KiB/run   counted   pressed: µs/span   KiB/run   counted")
    runs = 10
    while runs <= options.most:
        first = " ".join(_alone(options.content, runs, 1 << 40))
        second = " ".join(_alone(options.content, runs, max(LEAST, runs * ROOM)))
        print(f"{runs:9,} {first}       {second}", flush=True)
        runs *= 10


def _alone(content: bool, runs: int, room: int) -> list[str]:
    """Measure in a process of its own, so that memory is not what another round has left behind."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(measure, (content, runs, room))
    return [f"{value:9.2f}" for value in found]


if __name__ == "__main__":
    main()
