"""All exporters of findings: built from settings, told everything, exchanged while the service runs."""

from __future__ import annotations

import contextlib
import logging
import threading

from spanwarden.exporters.base import Exporter, ExporterSettings
from spanwarden.service.clock import Clock
from spanwarden.service.components import exporter_factories
from spanwarden.service.delivery import Delivery
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.routing import Mailing, Route
from spanwarden.service.settings import Settings
from spanwarden.storage.ledger.decisions import Decisions, State
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.outbox import Outbox

logger = logging.getLogger(__name__)


class Outlets:
    """Takes each notice to every exporter that wants it, by way of the ledger's outbox."""

    def __init__(self, ledger: Ledger, lifetime: Lifetime, telemetry: Telemetry, clock: Clock) -> None:
        self._outbox = Outbox(ledger)
        self._lifetime = lifetime
        self._telemetry = telemetry
        self._clock = clock
        self._deliveries: dict[str, tuple[Route, Delivery]] = {}
        self._routes: tuple[Route, ...] = ()
        self._started = False

    @property
    def names(self) -> list[str]:
        """Return the names of the exporters, in the order of the settings."""
        return list(self._deliveries)

    def configure(self, settings: Settings) -> list[Delivery]:
        """Build what is new or changed, keep what is the same; return the deliveries that are left to be closed.

        Raises ValueError, naming the exporter, for settings that cannot work; nothing is changed then.
        """
        wanted = settings.findings_exporters
        kept = {name: held for name, held in self._deliveries.items() if wanted.get(name) == held[0].settings}
        built = {}
        for name, exporter_settings in wanted.items():
            if name not in kept:
                try:
                    exporter = exporter_factories()[name.partition("/")[0]].create(name, exporter_settings)
                except ValueError as error:
                    raise ValueError(f"exporters.{name}: {error}") from None
                built[name] = self._delivery(name, exporter, exporter_settings)
        gone = [delivery for name, (_, delivery) in self._deliveries.items() if name not in kept]
        self._put({name: kept.get(name) or built[name] for name in wanted})
        if self._started:
            self._begin([delivery for _, delivery in built.values()], gone)
        return gone

    def add(self, name: str, exporter: Exporter, settings: ExporterSettings) -> None:
        """Add an exporter that is not in the settings."""
        self._put({**self._deliveries, name: self._delivery(name, exporter, settings)})

    def start(self) -> None:
        """Start delivering, what an earlier process left behind first."""
        self._started = True
        for _, delivery in self._deliveries.values():
            delivery.start()
        with contextlib.suppress(LedgerUnavailableError):
            self._warn_of_strays()

    def _warn_of_strays(self) -> None:
        for name in sorted({exporter for exporter, state in self._outbox.counts() if state == "pending"}):
            if name not in self._deliveries:
                count = self._outbox.count(name, "pending")
                logger.warning("%d notices wait for exporter %s, which is not in the settings", count, name)

    def mailing(self, decisions: Decisions) -> Mailing:
        """Return what puts notices into the outbox within a transaction."""
        return Mailing(decisions, self._routes, self._lifetime.seconds())

    def posted(self, mailing: Mailing) -> None:
        """Count what was put into the outbox, once it is committed, and let it be delivered."""
        for name, count in mailing.refused.items():
            self._telemetry.count("otelcol_exporter_enqueue_failed_findings", count, exporter=name)
            logger.error("exporter %s: %d notices are dead letters, the queue is full", name, count)
        for name, count in mailing.suppressed.items():
            self._telemetry.count("spanwarden_exporter_suppressed_findings", count, exporter=name)
        self.wake()

    def wake(self) -> None:
        """Let every exporter look for what it may deliver."""
        for _, delivery in self._deliveries.values():
            delivery.wake()

    def close(self, timeout: float) -> None:
        """Deliver what waits for up to `timeout` seconds, all exporters side by side, and stop."""
        close_all([delivery for _, delivery in self._deliveries.values()], timeout)

    def _begin(self, built: list[Delivery], gone: list[Delivery]) -> None:
        # Two deliveries of one name would tell everything twice: the old one ends first.
        names = {delivery.name for delivery in built}
        for delivery in gone:
            if delivery.name in names:
                delivery.hand_over(_LAST_ATTEMPT)
        gone[:] = [delivery for delivery in gone if delivery.name not in names]
        for delivery in built:
            delivery.start()

    def _put(self, deliveries: dict[str, tuple[Route, Delivery]]) -> None:
        self._deliveries = deliveries
        self._routes = tuple(route for route, _ in deliveries.values())

    def _delivery(self, name: str, exporter: Exporter, settings: ExporterSettings) -> tuple[Route, Delivery]:
        for outcome in ("sent", "send_failed", "enqueue_failed"):
            self._telemetry.count(f"otelcol_exporter_{outcome}_findings", 0, exporter=name)
        self._telemetry.count("spanwarden_exporter_suppressed_findings", 0, exporter=name)
        gauge = self._telemetry.gauge
        gauge("otelcol_exporter_queue_size", lambda: self._count(name, "pending"), exporter=name)
        gauge("otelcol_exporter_queue_capacity", lambda: settings.sending_queue.queue_size, exporter=name)
        gauge("spanwarden_outbox_pending", lambda: self._count(name, "pending"), exporter=name)
        gauge("spanwarden_outbox_dead", lambda: self._count(name, "dead"), exporter=name)
        gauge("spanwarden_outbox_suppressed", lambda: self._count(name, "suppressed"), exporter=name)
        route = Route(name, exporter.wants, settings)
        return route, Delivery(name, exporter, settings, self._outbox, self._lifetime, self._telemetry, self._clock)

    def _count(self, name: str, state: State) -> float:
        try:
            return self._outbox.count(name, state)
        except LedgerUnavailableError:
            return 0.0


_LAST_ATTEMPT = 5.0
"""Seconds that an attempt under way has when its exporter's settings change."""


def close_all(deliveries: list[Delivery], timeout: float) -> None:
    """Close deliveries side by side, so that one dead receiver does not use up the time of the others."""
    threads = [threading.Thread(target=delivery.close, args=(timeout,)) for delivery in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
