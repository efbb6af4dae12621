"""What a span costs the owner of the runs and its workers, beside one process that does everything.

usage: python tests/bench/workers.py [--rounds N] [--spans N] [--case CASE]... [--workers N]

What is counted is CPU (user and system, all threads). The owner's part is what cannot be shared out: a second divided
by it is what a machine with enough cores carries, whatever the number of workers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.pipeline import CASES, Case, Spanwarden, counted, send, spanwarden
from bench.workload import Workload

CONNECTIONS = 8


class Cost(NamedTuple):
    """Microseconds of CPU per span."""

    owner: float
    workers: float


def cpu(server: Spanwarden) -> Cost:
    """Return the seconds of CPU that a service and its workers have taken."""
    tick = os.sysconf("SC_CLK_TCK")
    return Cost(server.cpu(), sum(int(ticks) for stat in _children(server) for ticks in stat[11:13]) / tick)


def _children(server: Spanwarden) -> Iterator[list[str]]:
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server.process.pid:
            yield fields


async def spread(port: int, bodies: Sequence[bytes]) -> None:
    """Send every request once over several connections."""
    await asyncio.gather(*(send(port, bodies[at::CONNECTIONS]) for at in range(CONNECTIONS)))


def finish(server: Spanwarden) -> None:
    """Wait until every run has been decided; asking seldom, as answers cost what is measured."""
    while any(server.metric(f"spanwarden_{name}") for name in ("pending_bytes", "windows_open")):
        time.sleep(1.0)


def measure(case: Case, rounds: int, spans: int, workers: int) -> tuple[Cost, Cost]:
    """Return what a span costs one process and several, the medians of interleaved rounds; the first warms up."""
    costs: tuple[list[Cost], list[Cost]] = [], []
    with spanwarden() as one, spanwarden(service={"workers": workers}) as several:
        for number in range(rounds + 1):
            bodies = list(Workload(case.content, seed=number).requests(spans, case.batch))
            sent, _ = counted(bodies)
            for server, into in zip((one, several), costs, strict=True):
                before = cpu(server)
                asyncio.run(spread(server.port, bodies))
                finish(server)
                now = cpu(server)
                if number:
                    into.append(Cost(*((b - a) / sent * 1e6 for a, b in zip(before, now, strict=True))))
    alone, shared = (
        Cost(statistics.median(c.owner for c in each), statistics.median(c.workers for c in each)) for each in costs
    )
    return alone, shared


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=10_240, help="spans a round, at least")
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    print(f"µs of CPU per span, median of {chosen.rounds} interleaved rounds of {chosen.spans} spans")
    print(f"{'':16}{'alone':>9}{'workers':>9}{'owner':>9}{'total':>9}{'x alone':>9}{'owner carries':>16}")
    for case in CASES:
        if chosen.case and case.name not in chosen.case:
            continue
        spans = chosen.spans if case.batch > 100 else max(1_000, chosen.spans // 4)
        alone, shared = measure(case, chosen.rounds, spans, chosen.workers)
        total = shared.owner + shared.workers
        print(
            f"{case.name:16}{alone.owner:9.2f}{shared.workers:9.2f}{shared.owner:9.2f}{total:9.2f}"
            f"{total / alone.owner:9.2f}{1e6 / shared.owner:12.0f} sp/s",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
