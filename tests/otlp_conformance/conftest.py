"""The target of the suite: one that the environment names, or a spanwarden receiver in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from otlp_conformance.targets import TARGETS, Allowed, external
from otlp_conformance.wire import GrpcTarget, HttpTarget
from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.intake import Intake
from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import MemoryJournal


class Local:
    """A spanwarden receiver with default settings, in a thread of its own."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.journal = MemoryJournal(64 << 20)
        self.room = True
        self.forwarded: list[tuple[str, bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.grpc_port, self.http_port = self._run(self._start())

    async def _start(self) -> tuple[int, int]:
        intake = Intake(
            self.journal,
            lambda *_: self.room,
            lambda position, _message, _size, _sender: self.journal.release((position,)),
            self.telemetry,
            lambda: 1,
            lambda signal, body: self.forwarded.append((signal, body)) if len(body) < 10_000 else None,
        )
        self._grpc = GrpcReceiver(GrpcSettings(endpoint="localhost:0"), intake)
        self._http = HttpReceiver(HttpSettings(endpoint="127.0.0.1:0"), intake)
        return await self._grpc.start(), await self._http.start()

    def close(self) -> None:
        self._run(self._grpc.stop(0.1))
        self._run(self._http.stop(0.1))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)


class Target(NamedTuple):
    """What the tests talk to."""

    kind: str
    grpc: GrpcTarget
    http: HttpTarget
    allowed: Allowed
    local: Local | None

    def overload(self, on: bool) -> None:
        """Bring the target into overload and out of it; says why a target cannot be."""
        if not self.allowed.can_be_overloaded or self.local is None:
            reason = self.allowed.reasons.get("can_be_overloaded", "it runs in another process")
            pytest.skip(f"{self.kind} cannot be overloaded from here: {reason}")
        self.local.room = not on


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    given = external()
    local = None if given else Local()
    if local is not None:
        given = (f"localhost:{local.grpc_port}", f"127.0.0.1:{local.http_port}", "spanwarden")
    assert given is not None
    grpc_address, http_address, kind = given
    grpc_target = GrpcTarget(grpc_address)
    yield Target(kind, grpc_target, HttpTarget(http_address), TARGETS[kind], local)
    grpc_target.channel.close()
    if local is not None:
        local.close()
