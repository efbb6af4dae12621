"""Metrics of owner and workers read as those of one service."""

from spanwarden.service.metrics import Telemetry
from spanwarden.service.workers.metrics import Combined, samples


def lines(combined, name):
    text = combined.exposition().decode()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)
    }


def worker(spans, connections):
    telemetry = Telemetry()
    telemetry.received("traces", "grpc", spans, 0, "acme")
    telemetry.observe("spanwarden_journal_commit_seconds", 0.002)
    telemetry.gauge("spanwarden_receiver_connections", lambda: connections, transport="http")
    telemetry.gauge("otelcol_process_uptime", lambda: 50.0)
    return samples(telemetry)


def test_counters_gauges_and_histograms_are_sums():
    combined = Combined()
    combined.gauge("otelcol_process_uptime", lambda: 100.0)
    combined.report(1, worker(5, 2))
    combined.report(2, worker(7, 1))
    combined.report(2, worker(8, 3))
    accepted = lines(combined, "otelcol_receiver_accepted_spans_total")
    assert accepted['otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"}'] == 13
    assert accepted['otelcol_receiver_accepted_spans_total{receiver="otlp",transport="http"}'] == 0
    assert list(lines(combined, "spanwarden_receiver_tenant_records_total").values()) == [13]
    assert lines(combined, "spanwarden_receiver_connections{") == {
        'spanwarden_receiver_connections{transport="http"}': 5
    }
    commits = lines(combined, "spanwarden_journal_commit_seconds")
    assert commits["spanwarden_journal_commit_seconds_count"] == 2
    assert commits['spanwarden_journal_commit_seconds_bucket{le="0.0025"}'] == 2
    assert commits['spanwarden_journal_commit_seconds_bucket{le="0.001"}'] == 0
    assert lines(combined, "otelcol_process_uptime") == {"otelcol_process_uptime": 100.0}


def test_what_a_dead_worker_counted_stays_and_what_it_held_does_not():
    combined = Combined()
    for spans in (5, 6):
        combined.report(1, worker(spans, 2))
        combined.gone(1)
    assert sum(lines(combined, "otelcol_receiver_accepted_spans_total").values()) == 11
    assert lines(combined, "spanwarden_receiver_connections{") == {}


def test_workers_are_asked_before_metrics_are_shown():
    combined = Combined()
    combined.ask = lambda: combined.report(1, worker(9, 0))
    assert sum(lines(combined, "otelcol_receiver_accepted_spans_total").values()) == 9
