"""How long small requests wait for their acknowledgement while a run of 10,000 events is taken in and judged.

usage: python tests/bench/acknowledgements.py [--events N]

The service is a process of its own, as it is shipped: the journal on disk, group commits, the whole baseline pack. One
client sends the run with its content in requests of 512 spans; another sends a request of one span every ten
milliseconds and measures each. "before" is the service at rest, "taking" until the run is acknowledged, "judging" from
then until its verdict is in the ledger.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import pathlib
import sqlite3
import statistics
import threading
import time
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.pipeline import spanwarden
from bench.workload import Finished, Workload, encoded

BATCH = 512
EVERY = 0.01
"""Seconds between two small requests."""
REST = 3.0
"""Seconds that are measured before the run is sent."""
DEADLINE = 300.0
PHASES = ("before", "taking", "judging")


class Latency(NamedTuple):
    """Milliseconds that the small requests of a phase took, and how many those were; the seconds of the phase."""

    half: float
    p99: float
    longest: float
    count: int
    seconds: float


def long_run(events: int) -> list[bytes]:
    """Return one run of so many events as encoded requests, its root in the last."""
    source, spans = Workload(content=True), list[Finished]()
    first: Finished | None = None
    while len(spans) < events - 1:
        *own, root = source.run()
        first = first or root
        for finished in own:
            if finished.span.parent_span_id == root.span.span_id:
                finished.span.parent_span_id = first.span.span_id
            finished.span.trace_id = first.span.trace_id
        spans += own
    assert first is not None
    del spans[events - 1 :]
    first.span.end_time_unix_nano = max(finished.span.end_time_unix_nano for finished in spans)
    spans.append(first)
    return [encoded(spans[at : at + BATCH]) for at in range(0, len(spans), BATCH)]


class Connection:
    """A connection to the service over HTTP."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, body: bytes) -> bool:
        """Send a request; tell whether it was acknowledged."""
        self._connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status in {200, 503}, answer.status
        return answer.status == 200

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Probe:
    """Sends a small request again and again in a thread; `taken` holds when each was sent and the seconds it took."""

    def __init__(self, port: int) -> None:
        self.taken: list[tuple[float, float]] = []
        self._connection = Connection(port)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        number = 0
        while not self._ending.wait(EVERY):
            number += 1
            body = _small(number)
            begun = time.perf_counter()
            assert self._connection.send(body)
            self.taken.append((begun, time.perf_counter() - begun))


def _small(number: int) -> bytes:
    """Return a request of one span, of a run that is still open when all is over."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="chat gpt-4.1")
    span.trace_id, span.span_id = (number + (1 << 100)).to_bytes(16, "big"), number.to_bytes(8, "big")
    span.parent_span_id = b"elsewher"
    span.start_time_unix_nano = time.time_ns()
    span.end_time_unix_nano = span.start_time_unix_nano + 1000
    for key, value in {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1"}.items():
        span.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def measure(events: int) -> dict[str, Latency]:
    """Return what small requests waited in each phase."""
    requests = long_run(events)
    with (
        spanwarden() as service,
        contextlib.closing(_connected(service.http_port)) as large,
        Probe(service.http_port) as probe,
    ):
        time.sleep(REST)
        times = [probe.taken[0][0], time.perf_counter()]
        for request in requests:
            while not large.send(request):
                time.sleep(EVERY)
        times.append(time.perf_counter())
        _until_judged(service.data, events)
        times.append(time.perf_counter())
    return {
        phase: _latency([took for at, took in probe.taken if begin <= at < end], end - begin)
        for phase, begin, end in zip(PHASES, times[:-1], times[1:], strict=True)
    }


def _latency(taken: list[float], seconds: float) -> Latency:
    """Return the figures of a phase, of which at least one request was answered."""
    taken = sorted(taken)
    p99 = taken[int(len(taken) * 0.99)]
    return Latency(statistics.median(taken) * 1e3, p99 * 1e3, taken[-1] * 1e3, len(taken), seconds)


def _connected(port: int) -> Connection:
    """Return a connection once the service takes requests."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        connection = Connection(port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            if connection.send(_small(0)):
                return connection
        connection.close()
        time.sleep(0.05)
    raise AssertionError("the service does not listen")


def _until_judged(directory: pathlib.Path, events: int) -> None:
    end = time.monotonic() + DEADLINE
    wanted = "SELECT 1 FROM runs WHERE events > ? AND completeness = 'root_ended'"
    while time.monotonic() < end:
        file = f"file:{directory / 'ledger.sqlite'}?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True)) as connection:
            # Some spans tell of the same event as another.
            if connection.execute(wanted, (events // 4,)).fetchone():
                return
        time.sleep(0.05)
    raise AssertionError("the run is not judged")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000)
    events = parser.parse_args().events
    found = measure(events)
    print(f"acknowledgement of small requests beside a run of {events:,} events")
    for phase, latency in found.items():
        print(
            f"  {phase:8} p50 {latency.half:7.1f} ms   p99 {latency.p99:7.1f} ms   longest {latency.longest:7.1f} ms"
            f"   of {latency.count} in {latency.seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
