"""Every metric of the service: the one place where names, help texts and labels are written.

Names that the Collector has too are spelt as it spells them, so that its dashboards and alerts fit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client import Metric as Family

from spanwarden.model.run import Completeness
from spanwarden.otlp.requests import SIGNALS, Signal


class Metric(NamedTuple):
    """One metric. Counters are exposed with `_total` appended, as Prometheus asks."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def expected(self) -> Iterator[tuple[str, ...]]:
        """Yield the label values that are known beforehand; they are exposed at 0 so that a first increase shows."""
        return itertools.product(*(_EXPECTED.get(label, ()) for label in self.labels))


_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "receiver": ("otlp",),
    "transport": ("grpc", "http"),
    "signal": SIGNALS,
    "completeness": get_args(Completeness),
    "result": ("applied", "refused"),
}
_RECEIVER = ("receiver", "transport")
_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)

METRICS: tuple[Metric, ...] = (
    Metric("otelcol_receiver_accepted_spans", "counter", "Spans stored and acknowledged.", _RECEIVER),
    Metric("otelcol_receiver_refused_spans", "counter", "Spans rejected for good in a partial success.", _RECEIVER),
    Metric("otelcol_receiver_accepted_log_records", "counter", "Log records stored and acknowledged.", _RECEIVER),
    Metric("otelcol_receiver_refused_log_records", "counter", "Log records rejected for good.", _RECEIVER),
    Metric("otelcol_receiver_accepted_metric_points", "counter", "Data points counted and acknowledged.", _RECEIVER),
    Metric("otelcol_receiver_refused_metric_points", "counter", "Data points rejected for good.", _RECEIVER),
    Metric("otelcol_receiver_failed_spans", "counter", "Spans not stored for a fault of ours.", _RECEIVER),
    Metric("otelcol_receiver_failed_log_records", "counter", "Log records not stored for a fault of ours.", _RECEIVER),
    Metric("otelcol_receiver_failed_metric_points", "counter", "Data points not taken for a fault of ours.", _RECEIVER),
    Metric(
        "spanwarden_receiver_malformed_requests",
        "counter",
        "Requests that could not be decoded and were answered as bad data.",
        ("signal", "transport"),
    ),
    Metric(
        "spanwarden_receiver_overloaded_requests",
        "counter",
        "Requests turned away for lack of room; their senders were asked to come again.",
        ("signal", "transport"),
    ),
    Metric(
        "spanwarden_receiver_denied_requests",
        "counter",
        "Requests without valid credentials.",
        ("transport",),
    ),
    Metric(
        "spanwarden_receiver_tenant_records",
        "counter",
        "Records accepted, by the tenant whose credentials they came with.",
        ("tenant", "signal"),
    ),
    Metric("spanwarden_receiver_connections", "gauge", "Open connections; HTTP only.", ("transport",)),
    Metric("spanwarden_receiver_requests", "gauge", "Calls under way; gRPC only.", ("transport",)),
    Metric("spanwarden_receiver_in_flight_bytes", "gauge", "Bytes being received, decompressed or stored."),
    Metric("otelcol_exporter_sent_findings", "counter", "Notices delivered.", ("exporter",)),
    Metric("otelcol_exporter_send_failed_findings", "counter", "Notices given up or refused.", ("exporter",)),
    Metric(
        "otelcol_exporter_enqueue_failed_findings",
        "counter",
        "Notices made dead letters, the queue was full.",
        ("exporter",),
    ),
    Metric("otelcol_exporter_sent_spans", "counter", "Spans forwarded.", ("exporter",)),
    Metric("otelcol_exporter_send_failed_spans", "counter", "Spans given up or refused.", ("exporter",)),
    Metric("otelcol_exporter_enqueue_failed_spans", "counter", "Spans dropped: no room.", ("exporter",)),
    Metric("otelcol_exporter_sent_log_records", "counter", "Log records forwarded.", ("exporter",)),
    Metric("otelcol_exporter_send_failed_log_records", "counter", "Log records given up or refused.", ("exporter",)),
    Metric("otelcol_exporter_enqueue_failed_log_records", "counter", "Log records dropped: no room.", ("exporter",)),
    Metric("otelcol_exporter_sent_metric_points", "counter", "Metric points forwarded.", ("exporter",)),
    Metric(
        "otelcol_exporter_send_failed_metric_points", "counter", "Metric points given up or refused.", ("exporter",)
    ),
    Metric(
        "otelcol_exporter_enqueue_failed_metric_points", "counter", "Metric points dropped: no room.", ("exporter",)
    ),
    Metric("spanwarden_spill_bytes", "gauge", "Disk space of requests that wait to be forwarded.", ("exporter",)),
    Metric("spanwarden_spill_damaged_requests", "counter", "Spilled requests that were unreadable.", ("exporter",)),
    Metric("spanwarden_outbox_pending", "gauge", "Notices waiting to be delivered.", ("exporter",)),
    Metric("spanwarden_outbox_dead", "gauge", "Dead letters: notices given up or refused, and kept.", ("exporter",)),
    Metric("spanwarden_outbox_suppressed", "gauge", "Notices kept back as like one just sent.", ("exporter",)),
    Metric("spanwarden_exporter_suppressed_findings", "counter", "Notices left out by `dedup`.", ("exporter",)),
    Metric("spanwarden_exporter_retries", "counter", "Attempts that failed and are tried again.", ("exporter",)),
    Metric("otelcol_exporter_queue_size", "gauge", "Notices waiting, or bytes of telemetry to forward.", ("exporter",)),
    Metric("otelcol_exporter_queue_capacity", "gauge", "Notices, or bytes of telemetry, that may wait.", ("exporter",)),
    Metric("spanwarden_windows_open", "gauge", "Runs not yet decided."),
    Metric("spanwarden_window_records", "gauge", "Records held in run windows, decided runs in their grace included."),
    Metric("spanwarden_window_bytes", "gauge", "Memory that those records hold, about."),
    Metric(
        "spanwarden_window_capacity_bytes", "gauge", "Memory that they may hold; beyond it the idlest run is closed."
    ),
    Metric("spanwarden_journal_bytes", "gauge", "Bytes that requests in the journal take."),
    Metric("spanwarden_journal_capacity_bytes", "gauge", "Bytes that the journal may hold."),
    Metric("spanwarden_journal_entries", "gauge", "Requests in the journal."),
    Metric("spanwarden_journal_oldest_seconds", "gauge", "Age of the oldest request in the journal; 0 without any."),
    Metric(
        "spanwarden_journal_commit_seconds",
        "histogram",
        "Time to store the requests that waited together, until they are as durable as the settings ask.",
        (),
        (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
    ),
    Metric("spanwarden_journal_full", "counter", "Requests that the journal had no room for, or the disk refused."),
    Metric("spanwarden_journal_quarantined", "counter", "Damaged requests, or whole journals, that were set aside."),
    Metric("spanwarden_ledger_bytes", "gauge", "Size of the ledger."),
    Metric("spanwarden_ledger_capacity_bytes", "gauge", "Size beyond which the oldest runs go."),
    Metric("spanwarden_ledger_commit_seconds", "histogram", "Time to write down a batch of runs.", (), _SECONDS),
    Metric("spanwarden_ledger_commit_errors", "counter", "Batches that could not be written down and are tried again."),
    Metric("spanwarden_ledger_waiting_runs", "gauge", "Judged runs that are not yet written down."),
    Metric("spanwarden_ledger_quarantined", "counter", "Damaged ledgers moved aside at the start."),
    Metric("spanwarden_ledger_pruned_runs", "counter", "Runs that went by age or size."),
    Metric("spanwarden_history_bytes", "gauge", "Size of what is known of other runs, about."),
    Metric("spanwarden_history_capacity_bytes", "gauge", "Size beyond which the oldest of it goes."),
    Metric(
        "spanwarden_history_forgotten",
        "counter",
        "What runs did that is forgotten, by age or for want of room.",
        ("reason",),
    ),
    Metric("spanwarden_pending_bytes", "gauge", "Bytes of requests received but not yet read."),
    Metric("spanwarden_pending_capacity_bytes", "gauge", "Bytes that may wait to be read."),
    Metric("spanwarden_runs_decided", "counter", "Verdicts on runs, by what ended them.", ("completeness",)),
    Metric("spanwarden_findings", "counter", "Findings told, each revision once.", ("policy", "rule", "severity")),
    Metric(
        "spanwarden_shadow_findings",
        "counter",
        "Findings of policies that are only tried, each revision once.",
        ("policy", "rule", "severity"),
    ),
    Metric("spanwarden_rule_seconds", "counter", "Time spent in each rule.", ("policy", "rule")),
    Metric("spanwarden_rule_errors", "counter", "Rules that failed while they were evaluated.", ("policy", "rule")),
    Metric("spanwarden_not_evaluable", "counter", "Rules that lacked what they need.", ("policy", "rule")),
    Metric(
        "spanwarden_graces_cut_short",
        "counter",
        "Decided runs forgotten before their grace was over, as the journal was nearly full.",
    ),
    Metric("spanwarden_late_records", "counter", "Records that came after their run was decided."),
    Metric("spanwarden_duplicate_records", "counter", "Records that repeated what a decided run already held."),
    Metric("spanwarden_dropped_records", "counter", "Records beyond the limit of their run."),
    Metric("spanwarden_processing_errors", "counter", "Requests or runs that could not be processed; see the log."),
    Metric("spanwarden_evaluation_seconds", "histogram", "Time to judge one run by one policy.", (), _SECONDS),
    Metric(
        "spanwarden_decision_seconds",
        "histogram",
        "Time from the last record of a run to its verdict.",
        (),
        (0.5, 1.0, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 60.0, 90.0, 300.0),
    ),
    Metric("spanwarden_worker_restarts", "counter", "Workers that ended and were started again."),
    Metric("spanwarden_reloads", "counter", "Reloads of settings and policies, applied or refused.", ("result",)),
    Metric("spanwarden_config_last_reload_successful", "gauge", "1 if the last reload was applied, 0 if refused."),
    Metric("spanwarden_config_last_reload_success_timestamp_seconds", "gauge", "When settings were last taken in."),
    Metric("otelcol_process_uptime", "gauge", "Seconds since the service was built."),
    Metric("otelcol_process_cpu_seconds", "gauge", "CPU time of this process, user and system."),
    Metric("otelcol_process_memory_rss", "gauge", "Resident memory in bytes."),
)


_RECORDS: dict[Signal, tuple[str, str, str]] = {
    signal: (f"otelcol_receiver_accepted_{what}", f"otelcol_receiver_refused_{what}", f"otelcol_receiver_failed_{what}")
    for signal, what in zip(SIGNALS, ("spans", "log_records", "metric_points"), strict=True)
}


class Telemetry:
    """The metrics of one service. Counting is thread-safe; it also is what the receivers count with."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._children: dict[tuple[object, ...], Counter | Gauge | Histogram] = {}
        for metric in METRICS:
            if metric.kind == "counter":
                counter = Counter(metric.name, metric.help, metric.labels, registry=self._registry)
                self._metrics[metric.name] = counter
                for values in metric.expected() if metric.labels else ():
                    counter.labels(*values)
            elif metric.kind == "gauge":
                self._metrics[metric.name] = Gauge(metric.name, metric.help, metric.labels, registry=self._registry)
            else:
                self._metrics[metric.name] = Histogram(
                    metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=self._registry
                )

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._labelled(name, labels)
        assert isinstance(counter, Counter)
        counter.inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value to a histogram."""
        histogram = self._labelled(name, labels)
        assert isinstance(histogram, Histogram)
        histogram.observe(value)

    def _labelled(self, name: str, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
        # Looking one up by its labels takes the library longer than many a rule takes for a run.
        key = (name, *labels.items())
        found = self._children.get(key)
        if found is None:
            metric = self._metrics[name]
            found = self._children[key] = metric.labels(**labels) if labels else metric
        return found

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let a gauge be read from `read` whenever it is asked for."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)
        (metric.labels(**labels) if labels else metric).set_function(read)

    def value(self, name: str, **labels: str) -> float:
        """Return the present value of a counter or gauge; 0 if it was never touched."""
        metric = self._metrics[name]
        sample = name + "_total" if isinstance(metric, Counter) else name
        return self._registry.get_sample_value(sample, labels or {}) or 0.0

    def collect(self) -> Iterable[Family]:
        """Return all metrics as Prometheus' metric families."""
        return self._registry.collect()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def received(self, signal: Signal, transport: str, accepted: int, refused: int, tenant: str = "") -> None:
        """Count records of a request that was answered."""
        accepted_metric, refused_metric, _ = _RECORDS[signal]
        self.count(accepted_metric, accepted, receiver="otlp", transport=transport)
        if refused:
            self.count(refused_metric, refused, receiver="otlp", transport=transport)
        if tenant:
            self.count("spanwarden_receiver_tenant_records", accepted, tenant=tenant, signal=signal)

    def failed(self, signal: Signal, transport: str, records: int) -> None:
        """Count records that were not taken for a fault of ours."""
        self.count(_RECORDS[signal][2], records, receiver="otlp", transport=transport)

    def denied(self, transport: str) -> None:
        """Count a request without valid credentials."""
        self.count("spanwarden_receiver_denied_requests", transport=transport)

    def malformed(self, signal: Signal, transport: str) -> None:
        """Count a request that could not be decoded."""
        self.count("spanwarden_receiver_malformed_requests", signal=signal, transport=transport)

    def overloaded(self, signal: Signal, transport: str) -> None:
        """Count a request that was turned away for lack of room."""
        self.count("spanwarden_receiver_overloaded_requests", signal=signal, transport=transport)
