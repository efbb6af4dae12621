"""All exporters of findings: built from settings, told everything, exchanged while the service runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from spanwarden.exporters.base import Exporter, ExporterSettings, Notice
from spanwarden.service.clock import Clock
from spanwarden.service.components import exporter_factories
from spanwarden.service.delivery import Delivery
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Settings


class Outlets:
    """Takes each notice to every exporter that wants it. `tell` may be called from any thread and never blocks."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._deliveries: dict[str, tuple[ExporterSettings, Delivery]] = {}
        self._started = False

    @property
    def names(self) -> list[str]:
        """Return the names of the exporters, in the order of the settings."""
        return list(self._deliveries)

    def configure(self, settings: Settings) -> list[Delivery]:
        """Build what is new or changed, keep what is the same; return the deliveries that are left to be closed.

        Raises ValueError, naming the exporter, for settings that cannot work; nothing is changed then.
        """
        wanted = chosen(settings)
        kept = {name: held for name, held in self._deliveries.items() if wanted.get(name) == held[0]}
        built = {}
        for name, exporter_settings in wanted.items():
            if name not in kept:
                try:
                    exporter = exporter_factories()[name.partition("/")[0]].create(name, exporter_settings)
                except ValueError as error:
                    raise ValueError(f"exporters.{name}: {error}") from None
                built[name] = exporter_settings, self._delivery(name, exporter, exporter_settings)
        gone = [delivery for name, (_, delivery) in self._deliveries.items() if name not in kept]
        self._deliveries = {name: kept.get(name) or built[name] for name in wanted}
        if self._started:
            for _, delivery in built.values():
                delivery.start()
        return gone

    def add(self, name: str, exporter: Exporter, settings: ExporterSettings) -> None:
        """Add an exporter that is not in the settings."""
        self._deliveries = {**self._deliveries, name: (settings, self._delivery(name, exporter, settings))}

    def start(self) -> None:
        """Start delivering."""
        self._started = True
        for _, delivery in self._deliveries.values():
            delivery.start()

    def tell(self, notice: Notice) -> None:
        """Queue a notice."""
        for _, delivery in self._deliveries.values():
            delivery.offer(notice)

    def close(self, timeout: float) -> None:
        """Deliver what is queued for up to `timeout` seconds, all exporters side by side, and stop."""
        close_all([delivery for _, delivery in self._deliveries.values()], timeout)

    def _delivery(self, name: str, exporter: Exporter, settings: ExporterSettings) -> Delivery:
        return Delivery(name, exporter, settings, self._telemetry, self._clock)


def close_all(deliveries: list[Delivery], timeout: float) -> None:
    """Close deliveries side by side, so that one dead receiver does not use up the time of the others."""
    threads = [threading.Thread(target=delivery.close, args=(timeout,)) for delivery in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def chosen(settings: Settings) -> Mapping[str, ExporterSettings]:
    """Return the exporters of the findings pipeline; those that only carry telemetry are left out."""
    pipelines = settings.service.pipelines
    names = pipelines.findings.exporters
    if names is None:
        push = settings.service.telemetry.metrics.push
        others = {*pipelines.upstreams(), *([push.exporter] if push else [])}
        names = tuple(name for name in settings.exporters if name not in others)
    return {name: settings.exporters[name] for name in names}
