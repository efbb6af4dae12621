"""The metrics of owner and workers as those of one service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from prometheus_client import Metric as Family
from prometheus_client import generate_latest
from prometheus_client.samples import Sample as Exposed

from spanwarden.service.metrics import Telemetry
from spanwarden.service.workers.messages import Sample

_OWNERS_ALONE = frozenset(
    {
        "otelcol_process_uptime",
        "spanwarden_config_last_reload_successful",
        "spanwarden_config_last_reload_success_timestamp_seconds",
    }
)
Key = tuple[str, tuple[tuple[str, str], ...]]


class Combined(Telemetry):
    """The owner's metrics with those that its workers last reported added; what a dead one counted stays counted."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._reported: dict[int, list[Sample]] = {}
        self._past: dict[tuple[str, Key], float] = {}
        self.ask: Callable[[], None] = lambda: None
        """Called before metrics are shown, to have the workers report."""

    def report(self, worker: int, samples: list[Sample]) -> None:
        """Take in a worker's metrics in the place of what it reported before."""
        with self._lock:
            self._reported[worker] = samples

    def gone(self, worker: int) -> None:
        """Keep what a worker counted; its gauges are those of nobody any more."""
        gauges = {family.name for family in super().collect() if family.type == "gauge"}
        with self._lock:
            for family, name, labels, value in self._reported.pop(worker, ()):
                if family not in gauges:
                    key = family, (name, labels)
                    self._past[key] = self._past.get(key, 0.0) + value

    def collect(self) -> Iterable[Family]:
        """Return all metrics as Prometheus' metric families."""
        self.ask()
        more = self._more()
        for family in super().collect():
            added = more.get(family.name, {}) if family.name not in _OWNERS_ALONE else {}
            family.samples = [
                sample._replace(value=sample.value + added.pop(_key(sample), 0.0)) for sample in family.samples
            ]
            family.samples += [Exposed(name, dict(labels), value) for (name, labels), value in added.items()]
            yield family

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self)

    def _more(self) -> dict[str, dict[Key, float]]:
        more: dict[str, dict[Key, float]] = {}
        with self._lock:
            for (family, key), value in self._past.items():
                more.setdefault(family, {})[key] = value
            for samples in self._reported.values():
                for family, name, labels, value in samples:
                    into = more.setdefault(family, {})
                    into[name, labels] = into.get((name, labels), 0.0) + value
        return more


def samples(telemetry: Telemetry) -> list[Sample]:
    """Return a process's own metrics, for a report."""
    return [
        (family.name, sample.name, _key(sample)[1], sample.value)
        for family in telemetry.collect()
        for sample in family.samples
        if sample.value
    ]


def _key(sample: Exposed) -> Key:
    return sample.name, tuple(sorted(sample.labels.items()))
