"""The service: builds the corridor from settings, starts it, and takes it down in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pathlib
import signal
from collections.abc import Sequence
from typing import NamedTuple

from spanwarden.exporters.base import ExporterSettings, Notice
from spanwarden.policy.loading import load as load_policy
from spanwarden.policy.policy import Policy
from spanwarden.receivers.http_server import HttpServer
from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver, split_endpoint
from spanwarden.receivers.otlp.intake import Intake
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.clock import Clock, SystemClock
from spanwarden.service.components import exporter_factories
from spanwarden.service.corridor import Corridor
from spanwarden.service.delivery import Delivery
from spanwarden.service.health import health_server, metrics_server
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Settings
from spanwarden.service.verdicts import Judge
from spanwarden.storage.journal import MemoryJournal

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The service cannot start; the text says why in one line."""


class Endpoints(NamedTuple):
    """Where the service listens; None for what is turned off."""

    grpc: int | None
    http: int | None
    health: int | None
    metrics: int | None


class Service:
    """One running spanwarden. `start`, then `stop`; `run` does both around a signal."""

    def __init__(self, settings: Settings, clock: Clock | None = None, folder: pathlib.Path | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._ready = False
        self._started = self._clock.monotonic()
        self.telemetry = Telemetry()
        self.telemetry.gauge("otelcol_process_uptime", lambda: self._clock.monotonic() - self._started)
        self.policies = load_policies(settings.processors.policy.policies, folder)
        self.deliveries = self._deliveries()
        self._journal = MemoryJournal(settings.extensions.storage.max_size)
        judge = Judge(self.policies, self.telemetry, self._clock)
        windows = Windows(_window_settings(settings))
        self._corridor = Corridor(
            self._journal, windows, judge, self._tell, self.telemetry, self._clock, settings.service.max_pending
        )
        intake = Intake(
            self._journal, self._corridor.has_room, self._corridor.hand_over, self.telemetry, self._clock.wall_ns
        )
        protocols = settings.receivers.otlp.protocols
        self._grpc = GrpcReceiver(protocols.grpc, intake) if protocols.grpc else None
        self._http = HttpReceiver(protocols.http, intake) if protocols.http else None
        self._servers: list[HttpServer] = []

    async def start(self) -> Endpoints:
        """Start everything; return the ports. Raises StartError if an address cannot be had."""
        try:
            endpoints = await self._listen()
        except StartError:
            await self._stop_listening(0.0)
            raise
        for delivery in self.deliveries:
            delivery.start()
        self._corridor.start()
        self._ready = True
        return endpoints

    async def stop(self) -> None:
        """Stop receiving, read what was acknowledged, decide open runs, deliver, all within the shutdown timeout."""
        self._ready = False
        deadline = self._clock.monotonic() + self._settings.service.shutdown_timeout
        await self._stop_listening(min(5.0, self._settings.service.shutdown_timeout))
        await asyncio.to_thread(self._corridor.stop)
        left = max(0.5, deadline - self._clock.monotonic())
        await asyncio.gather(*(asyncio.to_thread(delivery.close, left) for delivery in self.deliveries))
        for server in self._servers:
            await server.stop(0.5)
        self._journal.close()

    async def run(self) -> None:
        """Start, wait for SIGTERM or SIGINT, stop."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        endpoints = await self.start()
        self._announce(endpoints)
        await stop.wait()
        logger.info("stopping")
        await self.stop()
        logger.info("stopped")

    def _announce(self, endpoints: Endpoints) -> None:
        for name, port in endpoints._asdict().items():
            if port is not None:
                logger.info("%s listening on port %d", name, port)
        logger.info("policies: %s", ", ".join(policy.name for policy in self.policies) or "none")
        logger.info("exporters: %s", ", ".join(delivery.name for delivery in self.deliveries) or "none")

    def _tell(self, notice: Notice) -> None:
        for delivery in self.deliveries:
            delivery.offer(notice)

    def _deliveries(self) -> list[Delivery]:
        chosen = self._settings.service.pipelines.findings.exporters
        deliveries = []
        for name, settings in self._settings.exporters.items():
            if chosen is not None and name not in chosen:
                continue
            assert isinstance(settings, ExporterSettings)
            try:
                exporter = exporter_factories()[name.partition("/")[0]].create(name, settings)
            except ValueError as error:
                raise StartError(f"exporters.{name}: {error}") from None
            deliveries.append(Delivery(name, exporter, settings, self.telemetry, self._clock))
        return deliveries

    async def _listen(self) -> Endpoints:
        protocols = self._settings.receivers.otlp.protocols
        health, metrics = self._settings.health_check, self._settings.service.telemetry.metrics.endpoint
        grpc = http = None
        if self._grpc and protocols.grpc:
            grpc = await _bound("receivers.otlp.protocols.grpc", protocols.grpc.endpoint, self._grpc)
        if self._http and protocols.http:
            http = await _bound("receivers.otlp.protocols.http", protocols.http.endpoint, self._http)
        return Endpoints(
            grpc,
            http,
            await self._serve(
                "extensions.health_check", health.endpoint, health_server(lambda: self._ready, health.path)
            )
            if health
            else None,
            await self._serve("service.telemetry.metrics", metrics, metrics_server(self.telemetry))
            if metrics
            else None,
        )

    async def _serve(self, place: str, endpoint: str, server: HttpServer) -> int:
        try:
            port = await server.start(*split_endpoint(endpoint))
        except (OSError, ValueError) as error:
            raise StartError(_reason(place, endpoint, error)) from None
        self._servers.append(server)
        return port

    async def _stop_listening(self, grace: float) -> None:
        receivers = [r for r in (self._grpc, self._http) if r is not None]
        await asyncio.gather(*(receiver.stop(grace) for receiver in receivers))


def load_policies(names: Sequence[str], folder: pathlib.Path | None = None) -> list[Policy]:
    """Load policies by file name or pack:NAME; relative files are looked up in `folder`. Raises PolicyError."""
    return [load_policy(name, folder=folder) for name in names]


async def _bound(place: str, endpoint: str, receiver: GrpcReceiver | HttpReceiver) -> int:
    try:
        return await receiver.start()
    except (OSError, ValueError) as error:
        raise StartError(_reason(place, endpoint, error)) from None


def _reason(place: str, endpoint: str, error: Exception) -> str:
    if isinstance(error, ValueError):
        return f"{place}.endpoint: {error}"
    detail = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
    return f"{place}.endpoint: cannot listen on {endpoint}: {detail}"


def _window_settings(settings: Settings) -> WindowSettings:
    runs = settings.processors.runs
    return WindowSettings(
        settle=runs.settle,
        idle_timeout=runs.idle_timeout,
        max_age=runs.max_age,
        grace=runs.grace,
        max_run_size=runs.max_run_size,
        max_size=runs.max_size,
    )
