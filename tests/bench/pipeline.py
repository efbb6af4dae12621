"""What the whole service costs a span, beside the protobuf floor and beside rotel, all in one interleaved run.

usage: python tests/bench/pipeline.py [--rounds N] [--spans N] [--case CASE]...

Four ways take the same requests: the floor parses them with the official protobuf classes and reads nothing; rotel
receives them and throws them away; rotel with a Python processor that reads every attribute; and spanwarden as it is
shipped, with the journal on disk and the baseline pack, until every run is decided. Servers are processes of their
own; what is counted is their CPU (user and system, all threads). Compare ratios: the machine may be busy.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import grpc.aio
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.workload import Workload

CLIENTS = 8
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DEADLINE = 300.0
SETTLE = 0.5
"""Seconds of quiet after which a run is decided here; shorter than by default, as every round waits for it."""

READS_EVERYTHING = """
def process_spans(resource_spans):
    for scope in resource_spans.scope_spans:
        for span in scope.spans:
            for attribute in span.attributes:
                attribute.key
                attribute.value.value
"""


class Case(NamedTuple):
    """A workload: with content or without, and how many spans a request holds."""

    name: str
    content: bool
    batch: int


CASES = (
    Case("content-512", True, 512),
    Case("nocontent-512", False, 512),
    Case("content-10", True, 10),
    Case("nocontent-10", False, 10),
)


class Server:
    """A process that receives OTLP over gRPC."""

    def __init__(self, command: Sequence[str], folder: pathlib.Path, port: int) -> None:
        self.port = port
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        _until(lambda: _listens(port, self.process), f"{command[0]} to listen; see {self._log.name}")

    def cpu(self) -> float:
        """Return the seconds of CPU that it and its ended children have taken."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    def finish(self, _runs: int) -> None:
        """Wait until everything that was sent has been dealt with: until the process is idle."""
        before = -1.0
        while (now := self.cpu()) != before:
            before = now
            time.sleep(0.3)

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.process.kill()
        self._log.close()


class Spanwarden(Server):
    """The service, whose work is done when every run has been decided."""

    def __init__(self, command: Sequence[str], folder: pathlib.Path, port: int, http_port: int, metrics: int) -> None:
        super().__init__(command, folder, port)
        self.http_port = http_port
        self.data = folder / "data"
        self._metrics = metrics

    def finish(self, runs: int) -> None:
        """Wait until this many more runs have been decided since the start."""
        # Each look is a scrape, whose cost is counted too: 10 ms and more.
        _until(lambda: self.decided() >= runs, f"{runs} runs to be decided", every=0.5)

    def decided(self) -> int:
        """Return how many runs have been decided."""
        return int(self.metric("spanwarden_runs_decided_total"))

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+]+)$", text, re.MULTILINE)
        return sum(map(float, found))


@contextlib.contextmanager
def blackhole(processor: str | None = None) -> Iterator[Server]:
    """Run rotel, which receives and throws away, with a Python processor in between where one is given."""
    import rotel

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port = free_port()
        command = [str(pathlib.Path(rotel.__file__).with_name("rotel-agent")), "start", "--exporter", "blackhole"]
        command += ["--otlp-grpc-endpoint", f"127.0.0.1:{port}", "--otlp-http-endpoint", f"127.0.0.1:{free_port()}"]
        command += ["--otlp-grpc-max-recv-msg-size-mib", "64"]
        command += ["--pid-file", str(folder / "pid"), "--log-file", str(folder / "rotel.log")]
        if processor is not None:
            (folder / "processor.py").write_text(processor, encoding="utf-8")
            command += ["--otlp-with-trace-processor", str(folder / "processor.py")]
        server = Server(command, folder, port)
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def spanwarden(
    processors: Mapping[str, Any] | None = None,
    exporters: Mapping[str, Any] | None = None,
    service: Mapping[str, Any] | None = None,
) -> Iterator[Spanwarden]:
    """Run the service as it is shipped, but for ports, its directory and a shorter quiet time.

    processors: beside `runs` and the baseline pack. exporters: all of them; without any, findings stay in the ledger.
    service: beside telemetry and pipelines.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port, http_port, metrics = free_port(), free_port(), free_port()
        protocols = {"grpc": {"endpoint": f"127.0.0.1:{port}"}, "http": {"endpoint": f"127.0.0.1:{http_port}"}}
        settings = {
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": {
                "runs": {"settle": f"{SETTLE}s"},
                "policy": {"policies": ["pack:agent-baseline"]},
                **(processors or {}),
            },
            "exporters": dict(exporters or {"console": {}}),
            "extensions": {"health_check": None, "storage": {"directory": str(folder / "data"), "max_size": "4GiB"}},
            "service": {
                "telemetry": {"metrics": {"endpoint": f"127.0.0.1:{metrics}"}},
                "pipelines": {"findings": {"exporters": list(exporters or ())}},
                **(service or {}),
            },
        }
        (folder / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [sys.executable, "-m", "spanwarden.cli.main", "serve", "--config", str(folder / "settings.yaml")]
        server = Spanwarden(command, folder, port, http_port, metrics)
        try:
            yield server
        finally:
            server.stop()


async def send(port: int, bodies: Sequence[bytes]) -> list[float]:
    """Send every request once, `CLIENTS` at a time; return the seconds that each took until it was acknowledged."""
    waiting = iter(bodies)
    took: list[float] = []
    apart = [("grpc.use_local_subchannel_pool", 1)]  # a channel is a connection, lest one worker get all
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=apart) as channel:
        export = channel.unary_unary(METHOD)

        async def client() -> None:
            for body in waiting:
                while True:
                    began = time.perf_counter()
                    try:
                        await export(body)
                    except grpc.aio.AioRpcError as error:
                        if error.code() is not grpc.StatusCode.UNAVAILABLE:
                            raise
                        await asyncio.sleep(0.2)
                    else:
                        took.append(time.perf_counter() - began)
                        break

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return took


def floor(bodies: Sequence[bytes]) -> float:
    """Return the seconds of CPU that a parse with the official classes takes."""
    began = time.process_time()
    for body in bodies:
        ExportTraceServiceRequest.FromString(body)
    return time.process_time() - began


def measure(case: Case, rounds: int, spans: int) -> dict[str, float]:
    """Return the microseconds of CPU per span of each way, the median of interleaved rounds; the first warms up."""
    costs: dict[str, list[float]] = {"floor": [], "rotel": [], "rotel+python": [], "spanwarden": []}
    with blackhole() as thrown, blackhole(READS_EVERYTHING) as read, spanwarden() as ours:
        servers: dict[str, Server] = {"rotel": thrown, "rotel+python": read, "spanwarden": ours}
        decided = 0
        for number in range(rounds + 1):
            bodies = list(Workload(case.content, seed=number).requests(spans, case.batch))
            sent, runs = counted(bodies)
            decided += runs
            figures = {"floor": floor(bodies)}
            for name, server in servers.items():
                before = server.cpu()
                asyncio.run(send(server.port, bodies))
                server.finish(decided)
                figures[name] = server.cpu() - before
            if number:
                for name, seconds in figures.items():
                    costs[name].append(seconds / sent * 1e6)
    return {name: statistics.median(each) for name, each in costs.items()}


def counted(bodies: Sequence[bytes]) -> tuple[int, int]:
    """Return how many spans and how many runs these requests hold."""
    spans, traces = 0, set()
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans += len(scope.spans)
                traces.update(span.trace_id for span in scope.spans)
    return spans, len(traces)


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: object, what: str, every: float = 0.05) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise RuntimeError(f"waited {DEADLINE:g} s for {what}")
        time.sleep(every)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=10_240, help="spans a round, at least")
    parser.add_argument("--case", choices=[case.name for case in CASES], action="append")
    chosen = parser.parse_args()
    print(f"µs of CPU per span, median of {chosen.rounds} interleaved rounds of {chosen.spans} spans")
    print(f"{'':16}{'floor':>9}{'rotel':>9}{'+python':>9}{'ours':>9}{'x floor':>9}{'x rotel':>9}{'x +python':>10}")
    for case in CASES:
        if chosen.case and case.name not in chosen.case:
            continue
        spans = chosen.spans if case.batch > 100 else max(1_000, chosen.spans // 4)
        cost = measure(case, chosen.rounds, spans)
        ours = cost["spanwarden"]
        print(
            f"{case.name:16}{cost['floor']:9.2f}{cost['rotel']:9.2f}{cost['rotel+python']:9.2f}{ours:9.2f}"
            f"{ours / cost['floor']:9.1f}{ours / cost['rotel']:9.2f}{ours / cost['rotel+python']:10.2f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
