"""What it costs to keep requests on disk, and to read them again at a start.

usage: python tests/bench/journal.py [DIRECTORY]

Eight requests wait together, as with eight busy senders; those of each size are stored in every sync mode and released
soon after. The floor does the same with a plain file: append, CRC-32, fdatasync for every eight. Replay is what a start
does with what was left: opening and checking, then rebuilding the run windows.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.decode_and_observe import batch
from spanwarden.dialects.reading import observe
from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.model.observation import Observation
from spanwarden.otlp.requests import decode
from spanwarden.runs.packing import encode
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.memory import tune
from spanwarden.service.metrics import Telemetry
from spanwarden.service.readings import Readings
from spanwarden.storage.directory import Directory
from spanwarden.storage.journal import Entry, Left, Sync
from spanwarden.storage.lmdb_journal import LmdbJournal

TOGETHER = 8
SIZES = {"1.5 MB": (1_500_000, 160), "28 KB": (28_000, 2000), "3 KB": (3_000, 8000)}
MODES: tuple[Sync, ...] = ("group", "os", "off")


class Cost(NamedTuple):
    """Microseconds of one request: on the clock, and of CPU."""

    wall: float
    cpu: float


def opened(folder: pathlib.Path, sync: Sync) -> LmdbJournal:
    """Return an open journal; its directory is locked until the process ends or `close` is called on it."""
    directory = Directory(folder)
    directory.open()
    journal = LmdbJournal(directory, 4 << 30, sync, Telemetry(), time.monotonic, time.time_ns)
    journal.open()
    return journal


def timed(act: Callable[[], None], requests: int) -> Cost:
    """Return what one of the requests costs that `act` stores."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Cost((time.perf_counter() - wall) / requests * 1e6, (time.process_time() - cpu) / requests * 1e6)


def store(journal: LmdbJournal, bodies: Sequence[bytes]) -> None:
    """Store bodies eight by eight, and release them half a hundred later."""
    held: list[int] = []
    for at in range(0, len(bodies), TOGETHER):
        futures = [journal.append(Entry("traces", at, body)) for body in bodies[at : at + TOGETHER]]
        held += [future.result() for future in futures]
        if len(held) >= 50:
            journal.release(held)
            held = []
    journal.release(held)
    journal.flush()


def floor(file: int, bodies: Sequence[bytes]) -> None:
    """Append bodies to a plain file, eight at a time on disk together."""
    for at in range(0, len(bodies), TOGETHER):
        for body in bodies[at : at + TOGETHER]:
            os.writev(file, (zlib.crc32(body).to_bytes(4, "little"), body))
        os.fdatasync(file)


def appends(folder: pathlib.Path, rounds: int = 3, share: float = 1.0) -> dict[str, Cost]:
    """Return the median cost of every size and mode over interleaved rounds; `share` of the usual requests."""
    costs: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        for name, (size, usual) in SIZES.items():
            bodies = [os.urandom(size)] * max(TOGETHER, int(usual * share))
            plain = folder / "plain"
            file = os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            costs.setdefault(f"{name} floor", []).append(timed(lambda f=file, b=bodies: floor(f, b), len(bodies)))  # type: ignore[misc]
            os.close(file)
            plain.unlink()
            for mode in MODES:
                place = folder / mode
                journal = opened(place, mode)
                costs.setdefault(f"{name} {mode}", []).append(
                    timed(lambda j=journal, b=bodies: store(j, b), len(bodies))  # type: ignore[misc]
                )
                journal.close()
                journal.directory.close()
                shutil.rmtree(place)
    return {
        name: Cost(statistics.median(c.wall for c in all_), statistics.median(c.cpu for c in all_))
        for name, all_ in costs.items()
    }


def runs(content: bool, spans: int, requests: int) -> Iterator[bytes]:
    """Yield requests of runs that are all different."""
    request = ExportTraceServiceRequest.FromString(batch(content=content, spans=spans))
    told = request.resource_spans[0].scope_spans[0].spans
    first = [int.from_bytes(span.trace_id, "big") for span in told]
    for number in range(requests):
        for span, trace in zip(told, first, strict=True):
            span.trace_id = (trace + number * spans).to_bytes(16, "big")
        yield request.SerializeToString()


class Rates(NamedTuple):
    """MB of requests per second of CPU.

    opened: opening the journal and looking through it. read: rebuilding windows from requests that are read again.
    known: rebuilding them from what was read before, as a start does.
    """

    opened: float
    read: float
    known: float


def replay(folder: pathlib.Path, bodies: Iterable[bytes]) -> Rates:
    """Return how fast a start is. The journal was just written, so that the file is in memory."""
    readings = Readings()
    journal = opened(folder, "off")
    for body in bodies:
        position = journal.append(Entry("traces", 0, body)).result()
        encoded = encode(observe(decode("traces", body), position))
        assert encoded is not None
        journal.keep_reading(position, readings.seal(position, encoded, DEFAULT_TABLE))
    journal.close()
    journal.directory.close()
    began = time.process_time()
    journal = opened(folder, "group")
    size = sum(left.size for _, left in journal.undecided()) / 1e6
    took = [time.process_time() - began]
    for again in (_read, _known):
        windows = Windows(WindowSettings(max_size=4 << 30))
        began = time.process_time()
        for position, left in journal.undecided():
            windows.add(again(journal, readings, position, left), 0.0, position)
        took.append(time.process_time() - began)
    journal.close()
    journal.directory.close()
    shutil.rmtree(folder)
    return Rates(*(size / seconds for seconds in took))


def _read(journal: LmdbJournal, _: Readings, position: int, __: Left) -> list[Observation]:
    entry = journal.read(position)
    assert entry is not None
    return observe(decode(entry.signal, entry.body), position)


def _known(_: LmdbJournal, readings: Readings, position: int, left: Left) -> list[Observation]:
    known = readings.open(position, left.reading, DEFAULT_TABLE)
    assert known is not None
    return known


def main() -> None:
    """Run the command line."""
    tune()  # as the service does
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = pathlib.Path(name)
        for label, cost in appends(folder).items():
            print(f"append {label:14} {cost.wall:9.1f} us of time, {cost.cpu:8.1f} us of CPU per request")
        for label, shape in {
            "512 spans with content": (True, 512, 150),
            "512 spans without": (False, 512, 300),
            "10 spans with content": (True, 10, 5000),
        }.items():
            rates = replay(folder / "replay", runs(*shape))
            print(
                f"replay {label:24} {rates.opened:6.0f} MB/s of CPU to open, {rates.known:6.0f} MB/s to rebuild "
                f"windows, {rates.read:6.0f} where all is read again"
            )


if __name__ == "__main__":
    main()
