"""The service: builds the corridor from settings, starts it, and takes it down in order."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple

from spanwarden.policy.loading import load as load_policy
from spanwarden.policy.policy import Policy
from spanwarden.receivers.endpoints import split_endpoint
from spanwarden.receivers.http_server import HttpServer
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.clock import Clock, SystemClock
from spanwarden.service.components import exporter_factories
from spanwarden.service.corridor import Corridor
from spanwarden.service.forwarding import Forwarding
from spanwarden.service.forwarding import close_all as close_upstreams
from spanwarden.service.forwarding.upstream import Upstream
from spanwarden.service.health import health_server, metrics_server
from spanwarden.service.housekeeping import Housekeeping
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.metrics_push import MetricsPush
from spanwarden.service.outlets import Outlets, close_all
from spanwarden.service.price_file import PriceError
from spanwarden.service.process import watch_process
from spanwarden.service.receiving import Receivers, StartError, cannot_listen
from spanwarden.service.reloading import Reloader
from spanwarden.service.settings import Settings
from spanwarden.service.understanding import tables
from spanwarden.service.verdicts import Judge, shadow
from spanwarden.service.workers.journals import Journals, journals_of
from spanwarden.service.workers.metrics import Combined
from spanwarden.service.workers.pool import Workers
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.journal import Journal, MemoryJournal
from spanwarden.storage.ledger.errors import LedgerError, LedgerUnavailableError
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.recalling import told
from spanwarden.transcripts.tables import Tables

__all__ = ["Endpoints", "Service", "Sources", "StartError", "load_policies"]

logger = logging.getLogger(__name__)

_AFTER_EXPORTERS = 3.0
"""Seconds of the shutdown timeout that exporters and upstreams must leave."""


class Endpoints(NamedTuple):
    """Where the service listens; None for what is turned off."""

    grpc: int | None
    http: int | None
    health: int | None
    metrics: int | None


class Sources(NamedTuple):
    """Where settings come from, for reloading: how to load them again, and the settings files themselves."""

    load: Callable[[], Settings]
    files: tuple[pathlib.Path, ...]


class Service:
    """One running spanwarden. `start`, then `stop`; `run` does both around a signal.

    folder: what relative policy files are relative to. sources: given, settings and policies are reloaded.
    Raises PolicyError or StartError for settings that cannot work.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        folder: pathlib.Path | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._folder = folder or pathlib.Path()
        self._sources = sources
        self._ready = False
        self.telemetry = Combined() if settings.service.workers > 1 else Telemetry()
        watch_process(self.telemetry, self._clock)
        self.telemetry.gauge("spanwarden_journal_capacity_bytes", lambda: settings.extensions.storage.max_size)
        self.policies = load_policies(settings.processors.policy.policies, folder)
        self.shadows = load_shadows(settings.processors.policy.shadow, folder)
        try:
            self.tables = _understood(settings, folder)
        except PriceError as error:
            raise StartError(f"processors.cost.prices: {error}") from None
        self._directory = _directory(settings)
        self.ledger = Ledger(self._directory.path if self._directory is not None else None)
        lifetime = Lifetime(self.ledger, self._clock)
        self.outlets = Outlets(self.ledger, lifetime, self.telemetry, self._clock)
        self.forwarding = Forwarding(self.telemetry, self._clock)
        try:
            self.outlets.configure(settings)
            if settings.service.workers == 1:
                self.forwarding.configure(settings, settings.service.pipelines)
            self._push = self._metrics_push()
        except ValueError as error:
            raise StartError(str(error)) from None
        self._journal = self._make_journal()
        storage = settings.extensions.storage
        self._housekeeping = Housekeeping(
            self.ledger,
            lifetime,
            storage.retention,
            settings.processors.policy.history,
            self.outlets.wake,
            self.telemetry,
            self._clock,
        )
        self._judge = Judge(
            self.policies,
            self.ledger,
            self.outlets,
            self.telemetry,
            self._clock,
            storage.content,
            self.tables.metadata,
            self.shadows,
        )
        self._windows = Windows(_window_settings(settings), self.tables.prices, self._judge.alerts)
        self._corridor = Corridor(
            self._journal,
            self._windows,
            self._judge,
            self.telemetry,
            self._clock,
            settings.service.max_pending,
            self.tables.tools,
        )
        self._receiving = self._ways_in()
        self._servers: list[HttpServer] = []
        self.reloader = Reloader(self.reload, self._watched, self.telemetry, self._clock)

    async def start(self) -> Endpoints:
        """Start everything; return the ports. Raises StartError if an address or the directory cannot be had."""
        try:
            await asyncio.to_thread(self._open_storage)
            endpoints = await self._listen()
        except StartError:
            await self._receiving.stop(0.0)
            self._close_storage()
            raise
        self.outlets.start()
        self._housekeeping.start()
        self.forwarding.start()
        self._corridor.start()
        if self._push is not None:
            self._push.start()
        self._ready = True
        return endpoints

    async def stop(self) -> None:
        """Stop receiving, read what was acknowledged, deliver, all within the shutdown timeout.

        Open runs stay in the journal for the next start; a journal in memory has none, so that they are decided.
        """
        self._ready = False
        deadline = self._clock.monotonic() + self._settings.service.shutdown_timeout
        timeout = self._settings.service.shutdown_timeout
        await self._receiving.stop(min(5.0, timeout) if isinstance(self._receiving, Receivers) else timeout / 2)
        await asyncio.to_thread(self._corridor.stop)
        # What comes after the exporters (the last words of threads, the health and metrics servers) needs a moment too.
        left = max(0.5, deadline - self._clock.monotonic() - _AFTER_EXPORTERS)
        await asyncio.gather(
            asyncio.to_thread(self.outlets.close, left), asyncio.to_thread(self.forwarding.close, left)
        )
        if self._push is not None:
            await asyncio.to_thread(self._push.close)
        for server in self._servers:
            await server.stop(0.5)
        await asyncio.to_thread(self._close_storage)

    async def run(self) -> None:
        """Start, wait for SIGTERM or SIGINT, stop. SIGHUP reloads."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: self.reloader.ask}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        self._announce(await self.start())
        watching = loop.create_task(self.reloader.watch(self._settings.service.reload_interval))
        await stop.wait()
        logger.info("stopping")
        watching.cancel()
        await self.stop()
        logger.info("stopped")

    def reload(self) -> None:
        """Load settings and policies anew and put all that can change while running in force; no window is lost.

        Raises SettingsError, PolicyError or ValueError, with nothing changed. What cannot change while the service
        runs (receivers, extensions, telemetry) is left as it is, and the log says so.
        """
        settings = self._sources.load() if self._sources else self._settings
        policies = load_policies(settings.processors.policy.policies, self._folder)
        shadows = load_shadows(settings.processors.policy.shadow, self._folder)
        understood = _understood(settings, self._folder)
        gone = self.outlets.configure(settings)
        try:
            left = self._reroute(settings)
        except ValueError:
            close_all(self.outlets.configure(self._settings), 5.0)
            raise
        self._judge.replace(policies, shadows, understood.metadata)
        self._housekeeping.history = settings.processors.policy.history
        self.policies, self.shadows = policies, shadows
        self.tables = understood
        self._corridor.tools, self._windows.prices = understood.tools, understood.prices
        self._windows.settings = _window_settings(settings)
        for place, old, new in (
            ("receivers", self._settings.receivers, settings.receivers),
            ("extensions", self._settings.extensions, settings.extensions),
            ("service.workers", self._settings.service.workers, settings.service.workers),
            ("service.telemetry", self._settings.service.telemetry, settings.service.telemetry),
        ):
            if old != new:
                logger.warning("%s changed; this needs a restart and is not in force", place)
        self._settings = settings
        close_all(gone, 5.0)
        close_upstreams(left, 5.0)

    def _make_journal(self) -> Journal:
        storage = self._settings.extensions.storage
        if self._directory is None:
            return MemoryJournal(storage.max_size)
        return journals_of(self._settings, self._directory, self.telemetry, self._clock)

    def _ways_in(self) -> Receivers | Workers:
        if isinstance(self.telemetry, Combined):
            if not isinstance(self._journal, Journals):
                raise StartError("service.workers: more than one needs extensions.storage.directory")
            return Workers(self._settings, self._journal, self._corridor, self.telemetry, self._clock)
        return Receivers(
            self._settings,
            self._journal,
            self._corridor.has_room,
            self._corridor.hand_over,
            self.telemetry,
            self._clock,
            self.forwarding.offer,
            self._settings.receivers.otlp.max_in_flight,
        )

    def _reroute(self, settings: Settings) -> list[Upstream]:
        """Forward by other settings; return the upstreams to be closed. Raises ValueError, with nothing changed."""
        if isinstance(self._receiving, Workers):
            self._receiving.change(settings)
            return []
        return self.forwarding.configure(settings, settings.service.pipelines)

    def _open_storage(self) -> None:
        """Open what is at rest and go on where an earlier process stopped. Raises StartError."""
        try:
            if self._directory is not None:
                self._directory.open()
            self._journal.open()
            self._housekeeping.open()
        except (DirectoryError, LedgerError, LedgerUnavailableError) as error:
            raise StartError(f"extensions.storage.directory: {error}") from None
        kept_for = self._windows.settings.grace + self._windows.settings.max_age
        with self.ledger.reading() as connection:
            self._windows.recall(told(connection, self._clock.wall_ns() - int(kept_for * 1e9)))
        replayed = self._corridor.replay()
        if replayed.requests:
            logger.info(
                "read %d requests (%.1f MB) of the journal again in %.2f s",
                replayed.requests,
                replayed.size / 1e6,
                replayed.seconds,
            )

    def _close_storage(self) -> None:
        self._housekeeping.stop()
        self.ledger.close()
        self._journal.close()
        if self._directory is not None:
            self._directory.close()

    def _metrics_push(self) -> MetricsPush | None:
        push = self._settings.service.telemetry.metrics.push
        if push is None:
            return None
        place = "service.telemetry.metrics.push.exporter"
        settings = self._settings.exporters.get(push.exporter)
        factory = exporter_factories().get(push.exporter.partition("/")[0])
        if settings is None or factory is None or factory.create_forwarder is None:
            raise ValueError(f"{place}: {push.exporter!r} is no exporter that can send metrics")
        return MetricsPush(
            self.telemetry, factory.create_forwarder(push.exporter, settings), push.interval, self._clock
        )

    def _watched(self) -> list[pathlib.Path]:
        chosen = self._settings.processors.policy
        names = (*chosen.policies, *chosen.shadow)
        policies = [self._folder / name for name in names if not name.startswith("pack:")]
        policies += [file for policy in (*self.policies, *self.shadows) for file in policy.files]
        own = self._settings.processors.cost.prices
        prices = [self._folder / own] if own else []
        return [*(self._sources.files if self._sources else ()), *policies, *prices]

    def _announce(self, endpoints: Endpoints) -> None:
        for name, port in endpoints._asdict().items():
            if port is not None:
                logger.info("%s listening on port %d", name, port)
        logger.info("policies: %s", ", ".join(policy.name for policy in self.policies) or "none")
        logger.info("policies on trial: %s", ", ".join(policy.name for policy in self.shadows) or "none")
        logger.info("prices: %s", self.tables.prices.version if self.tables.prices else "none")
        logger.info("forwarding to: %s", ", ".join(self.forwarding.names) or "none")
        logger.info("exporters: %s", ", ".join(self.outlets.names) or "none")

    async def _listen(self) -> Endpoints:
        health, metrics = self._settings.health_check, self._settings.service.telemetry.metrics.endpoint
        grpc, http = await self._receiving.start()
        return Endpoints(
            grpc,
            http,
            await self._serve(
                "extensions.health_check", health.endpoint, health_server(self._takes_requests, health.path)
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
            raise cannot_listen(place, endpoint, error) from None
        self._servers.append(server)
        return port

    def _takes_requests(self) -> bool:
        return self._ready and (isinstance(self._receiving, Receivers) or self._receiving.listening > 0)


def load_policies(names: Sequence[str], folder: pathlib.Path | None = None) -> list[Policy]:
    """Load policies by file name or pack:NAME; relative files are looked up in `folder`. Raises PolicyError."""
    return [load_policy(name, folder=folder) for name in names]


def load_shadows(names: Sequence[str], folder: pathlib.Path | None = None) -> list[Policy]:
    """Load policies that are only tried, under names of their own. Raises PolicyError."""
    return [shadow(policy) for policy in load_policies(names, folder)]


def _directory(settings: Settings) -> Directory | None:
    path = settings.extensions.storage.directory
    return Directory(pathlib.Path(path).expanduser()) if path else None


def _understood(settings: Settings, folder: pathlib.Path | None) -> Tables:
    processors = settings.processors
    return tables(processors.effects, processors.cost, processors.metadata, folder)


def _window_settings(settings: Settings) -> WindowSettings:
    runs = settings.processors.runs
    return WindowSettings(
        settle=runs.settle,
        idle_timeout=runs.idle_timeout,
        max_age=runs.max_age,
        grace=runs.grace,
        max_run_size=runs.max_run_size,
        max_size=runs.max_size,
        max_open=runs.max_open,
        early_debounce=runs.early_debounce,
        conversation_memory=runs.conversation_memory,
    )
