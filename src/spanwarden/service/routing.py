"""Which notices go to which exporter, and in which state they enter its outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from spanwarden.exporters.base import DedupSettings, ExporterSettings, Notice, NoticeKind
from spanwarden.model.finding import Finding, severity_at_least
from spanwarden.storage.ledger.decisions import Decisions, OutboxRow

QUEUE_FULL = "queue full"


class Route(NamedTuple):
    """What an exporter wants to be told."""

    exporter: str
    wants: frozenset[NoticeKind]
    settings: ExporterSettings

    def takes(self, notice: Notice) -> bool:
        """Tell whether the exporter wants this notice."""
        if notice.kind not in self.wants or (notice.shadow and not self.settings.shadow):
            return False
        return notice.kind != "finding" or any(self._is_wanted(finding) for finding in notice.findings)

    def _is_wanted(self, finding: Finding) -> bool:
        if finding.mode == "monitor" and not self.settings.monitored:
            return False
        return severity_at_least(finding.severity, self.settings.min_severity)


class Mailing:
    """Puts notices into the outbox within one transaction, and counts what became of them by exporter.

    queued: the seconds that the service has lived.
    """

    def __init__(self, decisions: Decisions, routes: tuple[Route, ...], queued: float) -> None:
        self.suppressed: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self._decisions = decisions
        self._routes = routes
        self._queued = queued
        self._room: dict[str, int] = {}

    def post(self, notice: Notice, encode: Callable[[Notice], bytes]) -> None:
        """Put a notice into the outbox of every exporter that wants it; it is encoded if one does."""
        takers = [route for route in self._routes if route.takes(notice)]
        if not takers:
            return
        encoded = encode(notice)
        delivery_id = notice.findings[0].delivery_id if notice.kind == "finding" else ""
        for route in takers:
            row = OutboxRow(
                route.exporter,
                notice.run.id,
                notice.kind,
                delivery_id,
                "pending",
                notice.observed,
                self._queued,
                encoded,
            )
            self._decisions.put_notice(self._admitted(route, notice, row))

    def _admitted(self, route: Route, notice: Notice, row: OutboxRow) -> OutboxRow:
        name, dedup = route.exporter, route.settings.dedup
        if name not in self._room:
            self._room[name] = route.settings.sending_queue.queue_size - self._decisions.pending(name)
        if self._room[name] <= 0:
            self.refused[name] = self.refused.get(name, 0) + 1
            return row._replace(state="dead", error=QUEUE_FULL)
        if notice.kind == "finding" and self._repeats(name, dedup, notice):
            self.suppressed[name] = self.suppressed.get(name, 0) + 1
            return row._replace(state="suppressed", error="like one just sent")
        self._room[name] -= 1
        return row

    def _repeats(self, name: str, dedup: DedupSettings | None, notice: Notice) -> bool:
        """Tell whether the exporter was just sent one like it, as its settings or the finding's rule mean it."""
        finding = notice.findings[0]
        likenesses = []
        if dedup is not None:
            likenesses.append((_likeness(notice, dedup), dedup.window))
        if finding.dedup_key:
            likenesses.append((_digest(f"rule\x1f{finding.policy}\x1f{finding.dedup_key}"), finding.dedup_for))
        told = [
            self._decisions.told_within(name, key, notice.observed, int(window * 1e9)) for key, window in likenesses
        ]
        return any(told)


def _likeness(notice: Notice, dedup: DedupSettings) -> str:
    """Return a key that is equal for notices that agree in what the settings name."""
    finding, run = notice.findings[0], notice.run
    values = {
        "policy": finding.policy,
        "rule": finding.rule,
        "severity": finding.severity,
        "subject": finding.subject,
        "agent": run.agent or "",
        "service": run.service or "",
        "conversation": run.conversation or "",
        "run": run.id,
    }
    return _digest("\x1f".join(f"{name}={values[name]}" for name in sorted(dedup.by)))


def _digest(joined: str) -> str:
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
