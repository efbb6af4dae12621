"""What receiving a request costs the service process, from the socket to the memory journal and back.

usage: python tests/bench/receive_requests.py [ROUNDS]

The server is a process of its own, on uvloop as `serve` is; its CPU time (user and system, all threads) is divided by
the requests. The floors are our HTTP server and the gRPC library's own with handlers that answer at once; compare with
them, as the machine is shared. Requests hold ten spans without content; eight are under way at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import statistics
import subprocess
import sys
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
from spanwarden.storage.journal import MemoryJournal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.decode_and_observe import batch

CLIENTS = 8
REQUESTS = 2000


class Ports(NamedTuple):
    """Where the server under measurement listens."""

    http_floor: int
    http: int
    grpc_floor: int
    grpc: int


class _Floor(grpc.GenericRpcHandler):
    async def _answer(self, _body: bytes, _context: object) -> bytes:
        return b""

    def service(self, _details: object) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._answer)


async def serve() -> None:
    """Serve until stdin ends; print the ports, then the CPU seconds spent so far for every line read."""

    async def answer(_request: Request) -> Response:
        return Response(200, b"", "application/x-protobuf")

    journal = MemoryJournal(1 << 30)
    intake = Intake(
        journal,
        lambda _: True,
        lambda position, _message, _size: journal.release((position,)),
        Telemetry(),
        time.time_ns,
    )
    floor = await HttpServer(answer).start("127.0.0.1", 0)
    http = await HttpReceiver(HttpSettings(endpoint="127.0.0.1:0"), intake).start()
    receiver = GrpcReceiver(GrpcSettings(endpoint="localhost:0"), intake)
    bare = grpc.aio.server()
    bare.add_generic_rpc_handlers((_Floor(),))
    bare_port = bare.add_insecure_port("localhost:0")
    await bare.start()
    print(floor, http, bare_port, await receiver.start(), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(time.process_time(), flush=True)
    await receiver.stop(0)
    await bare.stop(0)


class Server:
    """The process under measurement."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, "--serve"]
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
def server() -> Iterator[Server]:
    """Run a server for the time of a block."""
    running = Server()
    try:
        yield running
    finally:
        running.close()


async def over_http(port: int, payload: bytes, requests: int) -> None:
    """Send requests over HTTP; every one must be answered with 200."""
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {len(payload)}"
    )
    raw = head.encode() + b"\r\n\r\n" + payload

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests // CLIENTS):
            writer.write(raw)
            if not (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a request was not taken")
        writer.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def over_grpc(port: int, payload: bytes, requests: int) -> None:
    """Send requests over gRPC; every one must end in OK."""
    method = next(name for name, signal in METHODS.items() if signal == "traces")

    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = channel.unary_unary(method)

        async def client() -> None:
            for _ in range(requests // CLIENTS):
                await call(payload)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))


def measure(rounds: int, requests: int = REQUESTS) -> dict[str, float]:
    """Return the microseconds of server CPU per request, the median of interleaved rounds."""
    payload = batch(content=False, spans=10)
    costs: dict[str, list[float]] = {name: [] for name in Ports._fields}
    with server() as running:
        for _ in range(rounds):
            for name, port in zip(costs, running.ports, strict=True):
                send = over_grpc if name.startswith("grpc") else over_http
                before = running.cpu()
                asyncio.run(send(port, payload, requests))
                costs[name].append((running.cpu() - before) / requests * 1e6)
    return {name: statistics.median(figures) for name, figures in costs.items()}


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--serve"]:
        uvloop.run(serve())
        return
    for name, cost in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5).items():
        print(f"{name:10} {cost:8.1f} us of CPU per request")


if __name__ == "__main__":
    main()
