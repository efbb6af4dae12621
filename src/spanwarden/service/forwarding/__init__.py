"""Received telemetry goes on, unchanged, to the upstreams that the pipelines name."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

from spanwarden.exporters.base import Signal
from spanwarden.exporters.forwarding import ForwardingSettings
from spanwarden.service.clock import Clock
from spanwarden.service.components import exporter_factories
from spanwarden.service.forwarding.circles import leads_back
from spanwarden.service.forwarding.upstream import Upstream
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Pipelines, Settings
from spanwarden.storage.spill import Spill

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")
_MOST = 63
"""Most processes that forward."""


class Place(NamedTuple):
    """Which process forwards, from 1, of how many; each spills into a folder of its own."""

    number: int = 1
    of: int = 1

    def folder(self, directory: pathlib.Path, name: str) -> pathlib.Path:
        """Return where this process spills what waits for an exporter."""
        return self._spills(self.number, directory, name)

    def abandoned(self, directory: pathlib.Path, name: str) -> list[pathlib.Path]:
        """Return the folders of processes that are no more; the first process takes them over."""
        if self.number != 1:
            return []
        every = (self._spills(number, directory, name) for number in range(self.of + 1, _MOST + 1))
        return [folder for folder in every if folder.is_dir()]

    def _spills(self, number: int, directory: pathlib.Path, name: str) -> pathlib.Path:
        return (directory / f"worker-{number}" if number > 1 else directory) / quote(name, safe="")


class Forwarding:
    """All upstreams. `offer` may be called from any thread; the other methods from one."""

    def __init__(self, telemetry: Telemetry, clock: Clock, place: Place | None = None) -> None:
        self._place = place or Place()
        self._telemetry = telemetry
        self._clock = clock
        self._upstreams: dict[str, tuple[ForwardingSettings, Upstream]] = {}
        self._routes: dict[Signal, tuple[Upstream, ...]] = {}
        self._spills: dict[pathlib.Path, Spill] = {}
        self._started = False

    @property
    def names(self) -> list[str]:
        """Return the names of the upstreams."""
        return list(self._upstreams)

    def configure(self, settings: Settings, pipelines: Pipelines) -> list[Upstream]:
        """Build what is new or changed, keep what is the same; return the upstreams that are left to be closed.

        Raises ValueError, naming the exporter, for settings that cannot work; nothing is changed then.
        """
        wanted = pipelines.upstreams()
        built: dict[str, tuple[ForwardingSettings, Upstream]] = {}
        for name in wanted:
            held = self._upstreams.get(name)
            try:
                built[name] = held if held and held[0] == settings.exporters[name] else self._build(name, settings)
            except ValueError as error:
                raise ValueError(f"exporters.{name}: {error}") from None
        kept = {id(upstream) for _, upstream in built.values()}
        gone = [upstream for _, upstream in self._upstreams.values() if id(upstream) not in kept]
        known = {id(upstream) for _, upstream in self._upstreams.values()}
        if self._started:
            for _, upstream in built.values():
                if id(upstream) not in known:
                    upstream.start()
        self._upstreams = built
        self._routes = {
            signal: tuple(built[name][1] for name, signals in wanted.items() if signal in signals) for signal in SIGNALS
        }
        return gone

    def start(self) -> None:
        """Start forwarding; what an earlier process spilled goes first."""
        self._started = True
        for _, upstream in self._upstreams.values():
            upstream.start()

    def offer(self, signal: Signal, body: bytes, records: int | None = None) -> None:
        """Give an encoded request to every upstream of its signal. Never blocks, never raises.

        `records` spares counting them later, and here where a request has to be dropped.
        """
        for upstream in self._routes.get(signal, ()):
            upstream.offer(signal, body, records)

    def idle(self) -> bool:
        """Tell whether everything offered has been sent or given up."""
        return all(upstream.idle() for _, upstream in self._upstreams.values())

    def close(self, timeout: float) -> None:
        """Close all upstreams side by side; see `Upstream.close`."""
        close_all([upstream for _, upstream in self._upstreams.values()], timeout)
        for spill in self._spills.values():
            spill.close()

    def _build(self, name: str, settings: Settings) -> tuple[ForwardingSettings, Upstream]:
        factory = exporter_factories()[name.partition("/")[0]]
        chosen = settings.exporters[name]
        if factory.create_forwarder is None or not isinstance(chosen, ForwardingSettings):
            raise ValueError(f"exporters of type {factory.name} cannot forward telemetry")
        queue = chosen.sending_queue
        if leads_back(getattr(chosen, "endpoint", ""), settings.receivers):
            raise ValueError(
                "endpoint: is an address that this service listens on; telemetry would go round in circles"
            )
        forwarders = [factory.create_forwarder(name, chosen) for _ in range(queue.num_consumers)]
        spill = None
        if queue.spill is not None:
            directory = pathlib.Path(queue.spill.directory).absolute()
            spill = self._spill(self._place.folder(directory, name), queue.spill.max_size // self._place.of)
            for folder in self._place.abandoned(directory, name):
                _take_over(folder, spill)
        return chosen, Upstream(name, forwarders, chosen, spill, self._telemetry, self._clock)

    def _spill(self, folder: pathlib.Path, max_size: int) -> Spill:
        """Return the spill of a folder; an upstream that replaces another goes on with the same one."""
        spill = self._spills.get(folder)
        if spill is None:
            spill = self._spills[folder] = Spill(folder, max_size)
        spill.max_size = max_size
        return spill


def build_forwarding(settings: Settings, pipelines: Pipelines, telemetry: Telemetry, clock: Clock) -> Forwarding:
    """Return the forwarding that the settings ask for, not yet started. Raises ValueError, naming the exporter."""
    forwarding = Forwarding(telemetry, clock)
    forwarding.configure(settings, pipelines)
    return forwarding


def close_all(upstreams: Iterable[Upstream], timeout: float) -> None:
    """Close upstreams side by side, so that one dead receiver does not use up the time of the others."""
    threads = [threading.Thread(target=upstream.close, args=(timeout,)) for upstream in upstreams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def without_spill(settings: Settings) -> Settings:
    """Return settings whose exporters keep in memory what waits: for a look at them that touches no folder."""
    exporters = {
        name: exporter.model_copy(update={"sending_queue": exporter.sending_queue.model_copy(update={"spill": None})})
        if isinstance(exporter, ForwardingSettings)
        else exporter
        for name, exporter in settings.exporters.items()
    }
    return settings.model_copy(update={"exporters": exporters})


def _take_over(folder: pathlib.Path, spill: Spill) -> None:
    """Move what waits in the folder of a process that is no more into a spill that is in use.

    What the spill has no room for stays where it is until the next start. Raises SpillError.
    """
    abandoned = Spill(folder, spill.max_size)
    try:
        while (number := abandoned.claim()) is not None:
            held = abandoned.read(number)
            if held is not None and not spill.write(spill.number(), *held):
                return
            abandoned.remove(number)
    finally:
        abandoned.close()
