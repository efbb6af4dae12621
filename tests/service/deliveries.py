"""What tests of deliveries share: an exporter that answers as told, a clock of one's own, a ledger to deliver from."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Sequence
from typing import Any

from spanwarden.exporters.base import Exporter, ExporterSettings, Notice, NoticeKind, RunSummary
from spanwarden.model.finding import Finding, Severity
from spanwarden.service.delivery import Delivery
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.recording import packed
from spanwarden.service.routing import Mailing, Route
from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.outbox import Outbox


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0
        self.wall = 1_795_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return int(self.wall * 1e9)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


class Recorder:
    """A real exporter that keeps what it is given and answers as told."""

    wants: frozenset[NoticeKind] = frozenset({"finding"})

    def __init__(self, answers: Sequence[Exception | None] = (), max_batch: int = 1) -> None:
        self.answers = list(answers)
        self.max_batch = max_batch
        self.seen: list[str] = []
        self.batches: list[list[str]] = []
        self.down: set[str] = set()
        self.attempts = 0
        self.closed = False
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, notices: Sequence[Notice]) -> None:
        self.entered.set()
        self.gate.wait(10)
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        names = [notice.findings[0].delivery_id for notice in notices]
        self.batches.append(names)
        self.seen += names

    def close(self) -> None:
        self.closed = True


def notice(name: str, severity: Severity = "high", kind: NoticeKind = "finding", **changes: Any) -> Notice:
    """Return a notice of the run before the slash (the name itself where there is none)."""
    finding = Finding("rule", severity, "title", "message", "policy", delivery_id=name, **changes)
    return Notice(kind, RunSummary(name.partition("/")[0], agent="bot"), (finding,), "policy", "1", 0)


def settings(**values: Any) -> ExporterSettings:
    fast = {"initial_interval": "1s", "max_interval": "10s"}
    return ExporterSettings.model_validate({"retry_on_failure": fast, **values})


class Post:
    """A ledger with one exporter, whose delivery is stepped by hand or run in its thread."""

    def __init__(
        self,
        exporter: Exporter,
        options: ExporterSettings | None = None,
        directory: pathlib.Path | None = None,
        clock: Any = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.exporter = exporter
        self.settings = options or settings()
        self.telemetry = Telemetry()
        self.ledger = Ledger(directory)
        self.ledger.open(self.clock.wall_ns())
        self.lifetime = Lifetime(self.ledger, self.clock)
        self.lifetime.resume()
        self.outbox = Outbox(self.ledger)
        self.delivery = Delivery(
            "test", exporter, self.settings, self.outbox, self.lifetime, self.telemetry, self.clock, lambda: 0.5
        )

    def post(self, *notices: Notice) -> Mailing:
        route = Route("test", self.exporter.wants, self.settings)
        with self.ledger.writing() as connection:
            mailing = Mailing(Decisions(connection), (route,), self.lifetime.seconds())
            for each in notices:
                mailing.post(each, packed)
        self.delivery.wake()
        return mailing

    def until_quiet(self, seconds: float = 0.0) -> None:
        """Step through `seconds` of the clock."""
        end = self.clock.now + seconds
        while True:
            wait = self.delivery.step()
            if wait == 0:
                continue
            if wait is None or self.clock.now + wait > end + 1e-6:
                self.clock.pass_time(end - self.clock.now)
                return
            self.clock.pass_time(wait)

    def states(self) -> dict[str, str]:
        with self.ledger.reading() as connection:
            return dict(connection.execute("SELECT delivery_id, state FROM outbox ORDER BY id").fetchall())

    def value(self, name: str) -> float:
        return self.telemetry.value(name, exporter="test")
