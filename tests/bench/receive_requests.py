"""What receiving a request costs the service process, from the socket to the journal and back.

usage: python tests/bench/receive_requests.py [ROUNDS]

The server is a process of its own, on uvloop as `serve` is; its CPU time (user and system, all threads) is divided by
the requests. The floors are our HTTP server and the gRPC library's own with handlers that answer at once; compare with
them, as the machine is shared. Requests hold ten spans without content; eight are under way at a time. "durable" is the
journal on disk, that answers after each group's sync. Latencies are those of fifty clients, who also take their share
of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import grpc
import grpc.aio
import uvloop

from spanwarden.receivers.http_server import HttpServer, Request, Response
from spanwarden.receivers.otlp.grpc_server import METHODS, GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.intake import Intake
from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import Journal, MemoryJournal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.decode_and_observe import batch
from bench.journal import opened

CLIENTS = 8
REQUESTS = 2000


class Ports(NamedTuple):
    """Where the server under measurement listens."""

    http_floor: int
    http: int
    grpc_floor: int
    grpc: int
    http_durable: int
    grpc_durable: int


class _Floor(grpc.GenericRpcHandler):
    async def _answer(self, _body: bytes, _context: object) -> bytes:
        return b""

    def service(self, _details: object) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._answer)


class Released:
    """What stands for the corridor: it needs no request any more."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, position: int, _message: object, _size: int, _sender: str) -> None:
        self._journal.release((position,))


async def serve(directory: str) -> None:
    """Serve until stdin ends; print the ports, then the CPU seconds spent so far for every line read."""

    async def answer(_request: Request) -> Response:
        return Response(200, b"", "application/x-protobuf")

    folder = tempfile.TemporaryDirectory(dir=directory)
    durable = opened(pathlib.Path(folder.name), "group")
    intake, lasting = (
        Intake(journal, lambda *_: True, Released(journal), Telemetry(), time.time_ns)
        for journal in (MemoryJournal(1 << 30), durable)
    )
    floor = await HttpServer(answer).start("127.0.0.1", 0)
    https = [HttpReceiver(HttpSettings(endpoint="127.0.0.1:0"), each) for each in (intake, lasting)]
    grpcs = [GrpcReceiver(GrpcSettings(endpoint="localhost:0"), each) for each in (intake, lasting)]
    http, http_durable = [await receiver.start() for receiver in https]
    ours, ours_durable = [await receiver.start() for receiver in grpcs]
    bare = grpc.aio.server()
    bare.add_generic_rpc_handlers((_Floor(),))
    bare_port = bare.add_insecure_port("localhost:0")
    await bare.start()
    print(floor, http, bare_port, ours, http_durable, ours_durable, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(time.process_time(), flush=True)
    for receiver in grpcs:
        await receiver.stop(0)
    await bare.stop(0)
    durable.close()
    durable.directory.close()
    folder.cleanup()


class Server:
    """The process under measurement."""

    def __init__(self, directory: str) -> None:
        command = [sys.executable, __file__, "--serve", directory]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = Ports(*map(int, self._line().split()))

    def cpu(self) -> float:
        """Return the CPU seconds that it has spent."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def server(directory: str) -> Iterator[Server]:
    """Run a server for the time of a block; its journal lies below a directory."""
    running = Server(directory)
    try:
        yield running
    finally:
        running.close()


async def over_http(port: int, payload: bytes, requests: int, clients: int = CLIENTS) -> list[float]:
    """Send requests over HTTP; every one must be answered with 200. Return the seconds that each took."""
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {len(payload)}"
    )
    raw = head.encode() + b"\r\n\r\n" + payload
    taken: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests // clients):
            began = time.perf_counter()
            writer.write(raw)
            if not (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a request was not taken")
            taken.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


async def over_grpc(port: int, payload: bytes, requests: int, clients: int = CLIENTS) -> list[float]:
    """Send requests over gRPC; every one must end in OK. Return the seconds that each took."""
    method = next(name for name, signal in METHODS.items() if signal == "traces")
    taken: list[float] = []

    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = channel.unary_unary(method)

        async def client() -> None:
            for _ in range(requests // clients):
                began = time.perf_counter()
                await call(payload)
                taken.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(clients)))
    return taken


def measure(rounds: int, requests: int = REQUESTS, directory: str = ".") -> dict[str, float]:
    """Return the microseconds of server CPU per request, the median of interleaved rounds."""
    payload = batch(content=False, spans=10)
    costs: dict[str, list[float]] = {name: [] for name in Ports._fields}
    with server(directory) as running:
        for _ in range(rounds):
            for name, port in zip(costs, running.ports, strict=True):
                send = over_grpc if name.startswith("grpc") else over_http
                before = running.cpu()
                asyncio.run(send(port, payload, requests))
                costs[name].append((running.cpu() - before) / requests * 1e6)
    return {name: statistics.median(figures) for name, figures in costs.items()}


def latencies(requests: int = REQUESTS, directory: str = ".", clients: int = 50) -> dict[str, tuple[float, float]]:
    """Return the milliseconds in which half, and 99 of 100, of the requests of many clients are answered."""
    payload = batch(content=False, spans=10)
    found = {}
    with server(directory) as running:
        for name, port in zip(Ports._fields, running.ports, strict=True):
            send = over_grpc if name.startswith("grpc") else over_http
            asyncio.run(send(port, payload, clients, clients))
            cuts = statistics.quantiles(asyncio.run(send(port, payload, requests, clients)), n=100)
            found[name] = (cuts[49] * 1e3, cuts[98] * 1e3)
    return found


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["--serve"]:
        uvloop.run(serve(sys.argv[2]))
        return
    for name, cost in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5).items():
        print(f"{name:12} {cost:8.1f} us of CPU per request")
    for name, (half, most) in latencies().items():
        print(f"{name:12} {half:8.1f} ms p50, {most:.1f} ms p99 with fifty clients")


if __name__ == "__main__":
    main()
