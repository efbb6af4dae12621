"""The service's own metrics over OTLP, for those who do not scrape."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import version

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

from spanwarden.exporters.base import Forwarder, RefusedError, RetryableError
from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry

logger = logging.getLogger(__name__)


class MetricsPush:
    """Sends all metrics every `interval` seconds, and once more when it is stopped.

    A failed attempt is logged once until one succeeds; values are cumulative, so nothing is lost by it.
    """

    def __init__(self, telemetry: Telemetry, forwarder: Forwarder, interval: float, clock: Clock) -> None:
        self._telemetry = telemetry
        self._forwarder = forwarder
        self._interval = interval
        self._clock = clock
        self._started = clock.wall_ns()
        self._failing = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics push", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Send once more and stop."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
            self.push()
        self._forwarder.close()

    def push(self) -> bool:
        """Make one attempt; False if it failed."""
        request = as_otlp(self._telemetry, self._started, self._clock.wall_ns())
        try:
            self._forwarder.forward("metrics", request.SerializeToString())
        except (RetryableError, RefusedError) as error:
            if not self._failing:
                logger.warning("own metrics could not be sent: %s", error)
            self._failing = True
            return False
        self._failing = False
        return True

    def _work(self) -> None:
        while not self._stopped.wait(self._interval):
            self.push()


def as_otlp(telemetry: Telemetry, started: int, now: int) -> ExportMetricsServiceRequest:
    """Return all metrics as one request; counters and histograms are cumulative since `started` (ns)."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    installed = version("spanwarden")
    resource.resource.attributes.extend(_attributes({"service.name": "spanwarden", "service.version": installed}))
    scope = resource.scope_metrics.add()
    scope.scope.name = "spanwarden"
    scope.scope.version = installed
    for family in telemetry.collect():
        metric = Metric(name=family.name, description=family.documentation)
        if family.type == "counter":
            _counter(metric, family, started, now)
        elif family.type == "histogram":
            _histogram(metric, family, started, now)
        else:
            for sample in family.samples:
                point = metric.gauge.data_points.add(time_unix_nano=now, as_double=sample.value)
                point.attributes.extend(_attributes(sample.labels))
        if family.samples:
            scope.metrics.append(metric)
    return request


def _counter(metric: Metric, family: Family, started: int, now: int) -> None:
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for sample in family.samples:
        point = metric.sum.data_points.add(start_time_unix_nano=started, time_unix_nano=now, as_double=sample.value)
        point.attributes.extend(_attributes(sample.labels))


def _histogram(metric: Metric, family: Family, started: int, now: int) -> None:
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        series.setdefault(labels, []).append(sample)
    for labels, samples in series.items():
        point = metric.histogram.data_points.add(start_time_unix_nano=started, time_unix_nano=now)
        point.attributes.extend(_attributes(dict(labels)))
        below = 0.0
        for sample in samples:
            if sample.name.endswith("_bucket"):
                point.bucket_counts.append(int(sample.value - below))
                below = sample.value
                if sample.labels["le"] != "+Inf":
                    point.explicit_bounds.append(float(sample.labels["le"]))
            elif sample.name.endswith("_count"):
                point.count = int(sample.value)
            elif sample.name.endswith("_sum"):
                point.sum = sample.value


def _attributes(labels: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in labels.items()]
