"""The workers as the owner sees them: started, listened to, restarted, stopped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping

from spanwarden.receivers.otlp.settings import GrpcSettings, HttpSettings
from spanwarden.service.clock import Clock
from spanwarden.service.corridor import Corridor
from spanwarden.service.forwarding import Forwarding, without_spill
from spanwarden.service.metrics import Telemetry
from spanwarden.service.receiving import StartError, cannot_listen
from spanwarden.service.settings import Settings
from spanwarden.service.workers.journals import Journals
from spanwarden.service.workers.messages import Change
from spanwarden.service.workers.metrics import Combined
from spanwarden.service.workers.ports import ReservedPort
from spanwarden.service.workers.tending import Tended
from spanwarden.storage.directory import DirectoryError

logger = logging.getLogger(__name__)

_ANSWER = 0.5
"""Seconds that a worker gets to report; else what it reported last is shown."""


class Workers:
    """The ways in, in processes of their own. journals: what is lent to them. Raises StartError."""

    def __init__(
        self, settings: Settings, journals: Journals, corridor: Corridor, telemetry: Combined, clock: Clock
    ) -> None:
        self._settings = settings
        self._journals = journals
        self._corridor = corridor
        self._telemetry = telemetry
        self._clock = clock
        self._ports: dict[str, ReservedPort] = {}
        self._tended: list[Tended] = []
        try:
            check_forwarding(settings, clock)
        except ValueError as error:
            raise StartError(str(error)) from None

    @property
    def listening(self) -> int:
        """How many workers take requests."""
        return sum(each.listening for each in self._tended)

    async def start(self) -> tuple[int | None, int | None]:
        """Start all; return the ports of gRPC and HTTP once all listen. Raises StartError."""
        settings = self._with_ports()
        count = settings.service.workers
        try:
            for number in range(1, count + 1):
                journal = self._journals.lent(number)
                await asyncio.to_thread(journal.lend)
                self._tended.append(
                    Tended(number, count, settings, journal, self._corridor, self._telemetry, self._clock)
                )
        except DirectoryError as error:
            raise StartError(f"extensions.storage.directory: {error}") from None
        for each in self._tended:
            each.start()
        self._telemetry.ask = self._ask
        await asyncio.gather(*(asyncio.wrap_future(each.started) for each in self._tended))
        grpc, http = self._ports.get("grpc"), self._ports.get("http")
        return grpc.port if grpc else None, http.port if http else None

    async def stop(self, seconds: float) -> None:
        """Stop all within about this many seconds; what they took was handed over, or is in their journals."""
        threads = [threading.Thread(target=each.stop, args=(seconds,)) for each in self._tended]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        for port in self._ports.values():
            port.close()

    def change(self, settings: Settings) -> None:
        """Let all work by other settings; what they cannot change stays. Raises ValueError."""
        check_forwarding(settings, self._clock)
        service = self._settings.service.model_copy(update={"pipelines": settings.service.pipelines})
        update = {"processors": settings.processors, "exporters": settings.exporters, "service": service}
        self._settings = self._settings.model_copy(update=update)
        for each in self._tended:
            each.change(Change(self._settings))

    def _ask(self) -> None:
        asked = [each.ask() for each in self._tended if each.listening]
        for answer in asked:
            answer.wait(_ANSWER)

    def _with_ports(self) -> Settings:
        """Reserve the ports; return the settings with those that were found."""
        protocols = self._settings.receivers.otlp.protocols
        found: dict[str, GrpcSettings | HttpSettings | None] = {}
        listens: Mapping[str, GrpcSettings | HttpSettings | None] = {"grpc": protocols.grpc, "http": protocols.http}
        for name, protocol in listens.items():
            if protocol is None:
                continue
            try:
                self._ports[name] = ReservedPort(protocol.endpoint)
            except (OSError, ValueError) as error:
                raise cannot_listen(f"receivers.otlp.protocols.{name}", protocol.endpoint, error) from None
            found[name] = protocol.model_copy(update={"endpoint": self._ports[name].endpoint})
        otlp = self._settings.receivers.otlp
        otlp = otlp.model_copy(update={"protocols": protocols.model_copy(update=found)})
        self._settings = self._settings.model_copy(
            update={"receivers": self._settings.receivers.model_copy(update={"otlp": otlp})}
        )
        return self._settings


def check_forwarding(settings: Settings, clock: Clock) -> None:
    """Refuse what no worker could forward by, before any of them is asked. Raises ValueError."""
    trial = Forwarding(Telemetry(), clock)
    trial.configure(without_spill(settings), settings.service.pipelines)
    trial.close(0.0)
