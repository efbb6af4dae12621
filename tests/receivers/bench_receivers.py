"""Receivers with a real intake and journal, run in the test's own event loop, and raw clients for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.receivers.auth import Authenticator
from spanwarden.receivers.budget import Budget
from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.intake import Intake
from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import MemoryJournal

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def body(spans: int = 1, content: int = 0) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"), name="chat")
        if content:
            span.attributes.add(key="content").value.string_value = "x" * content
    return message.SerializeToString()


def post(
    payload: bytes, kind: str = "application/x-protobuf", path: str = "/v1/traces", method: str = "POST", **headers: str
) -> bytes:
    named = {"host": "x", "content-type": kind, "content-length": str(len(payload))}
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + payload


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one response."""
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


class Room:
    """An intake with a real journal that counts what was handed on."""

    def __init__(self, budget: int = 256 << 20) -> None:
        self.telemetry = Telemetry()
        self.journal = MemoryJournal(1 << 30)
        self.budget = Budget(budget)
        self.handed: list[int] = []
        self.room = True
        self.forwarded: list[tuple[str, bytes]] = []
        self.intake = Intake(
            self.journal,
            lambda *_: self.room,
            lambda position, _message, size, _sender: self.handed.append(size),
            self.telemetry,
            lambda: 1,
            lambda signal, payload: self.forwarded.append((signal, payload)),
            self.budget,
        )

    @contextlib.asynccontextmanager
    async def http(
        self, authenticator: Authenticator | None = None, endpoint: str = "127.0.0.1:0", **settings: Any
    ) -> AsyncIterator[int]:
        receiver = HttpReceiver(HttpSettings(endpoint=endpoint, **settings), self.intake, authenticator)
        port = await receiver.start()
        try:
            yield port
        finally:
            await receiver.stop(0.1)

    @contextlib.asynccontextmanager
    async def grpc(
        self, authenticator: Authenticator | None = None, endpoint: str = "localhost:0", **settings: Any
    ) -> AsyncIterator[int]:
        receiver = GrpcReceiver(GrpcSettings(endpoint=endpoint, **settings), self.intake, authenticator)
        port = await receiver.start()
        try:
            yield port
        finally:
            await receiver.stop(0.1)


async def send(port: int, raw: bytes, **connection: Any) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own, return the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **connection)
    try:
        writer.write(raw)
        return await answer(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def export(target: str, payload: bytes, credentials: grpc.ChannelCredentials | None = None, **call: Any) -> bytes:
    """Make one call on a channel of its own."""
    make = grpc.aio.insecure_channel(target) if credentials is None else grpc.aio.secure_channel(target, credentials)
    async with make as channel:
        result: bytes = await channel.unary_unary(TRACES)(payload, timeout=10, **call)
        return result


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another task or the operating system brings about."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")
