"""How long after a run's last span its finding is with a webhook, beyond the quiet time, at half and at full load.

usage: python tests/bench/decision_latency.py [--seconds N]

The real service: journal on disk, ledger, baseline pack, and a policy that every run breaks (its time limit), so that
there is one finding a run. Full load is sending as fast as it acknowledges; half load is half of what it then worked
off. Client and service share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import json
import pathlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.pipeline import CLIENTS, METHOD, SETTLE, Spanwarden, spanwarden
from bench.workload import Workload

SPANS = 50
POLICY = "name: every-run\nlimits: {max_runtime_minutes: 0.000001}\n"


class Sent(NamedTuple):
    """An encoded request and the traces whose root is in it."""

    body: bytes
    ended: tuple[str, ...]


class Receiver:
    """A webhook that remembers when it heard of each run."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                heard.setdefault(body["run"]["id"], time.monotonic())
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def requests(seed: int) -> Iterator[Sent]:
    """Yield requests without end."""
    while True:
        for body in Workload(content=True, seed=seed).requests(50_000, SPANS):
            spans = [
                span
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
            yield Sent(body, tuple(span.trace_id.hex() for span in spans if not span.parent_span_id))
        seed += 1


async def load(port: int, source: Iterator[Sent], seconds: float, rate: float | None) -> tuple[dict[str, float], float]:
    """Send for some seconds, at `rate` requests a second or as fast as it goes.

    Returns when the root of each run was acknowledged, and the requests a second that were.
    """
    ended: dict[str, float] = {}
    began = time.monotonic()
    sent = 0
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(METHOD)

        async def client(number: int) -> None:
            nonlocal sent
            turn = number
            while time.monotonic() - began < seconds:
                if rate is not None:
                    await asyncio.sleep(max(0.0, began + turn / rate - time.monotonic()))
                    turn += CLIENTS
                request = next(source)
                try:
                    await export(request.body)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    await asyncio.sleep(0.2)
                    continue
                sent += 1
                now = time.monotonic()
                ended.update(dict.fromkeys(request.ended, now))

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return ended, sent / (time.monotonic() - began)


def beyond(ended: dict[str, float], receiver: Receiver, service: Spanwarden) -> list[float]:
    """Wait until every run was heard of; return the seconds beyond the quiet time."""
    limit = time.monotonic() + 120
    while any(run not in receiver.heard for run in ended) and time.monotonic() < limit:
        time.sleep(0.1)
    missing = sum(run not in receiver.heard for run in ended)
    if missing:
        raise RuntimeError(f"{missing} of {len(ended)} runs were not heard of; {service.decided()} were decided")
    return sorted(receiver.heard[run] - when - SETTLE for run, when in ended.items())


def measure(seconds: float) -> dict[str, tuple[float, list[float]]]:
    """Return the requests a second and the latencies at half and at full load."""
    receiver = Receiver()
    with tempfile.TemporaryDirectory() as name:
        policy = pathlib.Path(name, "policy.yaml")
        policy.write_text(POLICY, encoding="utf-8")
        processors = {"policy": {"policies": ["pack:agent-baseline", str(policy)]}}
        exporters = {"webhook": {"url": f"http://127.0.0.1:{receiver.port}/"}}
        with spanwarden(processors, exporters) as service:
            source = requests(1)
            ended, _ = asyncio.run(load(service.port, source, seconds / 2, None))  # warms up
            beyond(ended, receiver, service)
            began = time.monotonic()
            ended, rate = asyncio.run(load(service.port, source, seconds, None))
            waits = beyond(ended, receiver, service)
            # What was acknowledged is not yet worked off: the time until the last run was told counts as well.
            most = rate * seconds / (time.monotonic() - began)
            ended, half = asyncio.run(load(service.port, source, seconds, most / 2))
            found = {"half": (half, beyond(ended, receiver, service)), "full": (most, waits)}
    receiver.close()
    return found


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    print(
        f"seconds from the acknowledgement of a run's root to its finding at a webhook, less {SETTLE} s of quiet time"
    )
    print(f"{'load':8}{'spans/s':>10}{'runs':>8}{'p50 ms':>10}{'p99 ms':>10}")
    for name, (rate, waits) in measure(chosen.seconds).items():
        p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
        print(f"{name:8}{rate * SPANS:10.0f}{len(waits):8}{p50 * 1e3:10.1f}{p99 * 1e3:10.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
