"""spanwarden beside, behind and in front of the real Collector, on the samples of docs/collector.md.

Every part that is on the way is stopped or overloaded while telemetry is under way, and nothing is lost.
"""

import json
import signal
from collections import Counter

import pytest

from integration.collectors import merged, sample
from integration.processes import eventually, free_port
from integration.traffic import (
    POLICY,
    arrived,
    counter,
    found_in,
    run,
    send,
    send_points,
    trace_id,
)

RUNS = 150
CALLS = 3


@pytest.fixture
def ports():
    return {name: free_port() for name in ("collector", "collector_http", "findings", "grpc", "http", "metrics")}


@pytest.fixture
def warden(tmp_path, serve, ports):
    """Start spanwarden on a sample, with addresses of its own, a policy, and what a test adds."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    own = {
        "processors": {"runs": {"settle": "200ms", "grace": "1s"}, "policy": {"policies": [str(policy)]}},
        "extensions": {"health_check": None},
        "service": {
            "telemetry": {"metrics": {"endpoint": f"127.0.0.1:{ports['metrics']}"}},
            "shutdown_timeout": "15s",
        },
    }

    def start(name, places, **more):
        listen = {"0.0.0.0:4317": f"127.0.0.1:{ports['grpc']}", "0.0.0.0:4318": f"127.0.0.1:{ports['http']}"}
        settings = merged(merged(sample(name, {**listen, **places}), own), more)
        return serve(json.dumps(settings), [ports[name] for name in ("grpc", "http", "metrics")])

    return start


def listening(ports):
    """Return where the Collector of every sample listens."""
    return {
        "0.0.0.0:4317": f"127.0.0.1:{ports['collector']}",
        "0.0.0.0:4318": f"127.0.0.1:{ports['collector_http']}",
    }


def requests(count=RUNS, content=0):
    return [run(number, CALLS, content) for number in range(count)]


def traces(count=RUNS):
    return {trace_id(number) for number in range(count)}


def accepted(ports):
    return counter(ports["metrics"], "otelcol_receiver_accepted_spans_total")


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp"])
def test_beside(ports, collector, warden, otlp_receiver, exporter):
    warden("spanwarden.yaml, beside", {"collector:14317": f"127.0.0.1:{ports['findings']}"})
    places = {
        **listening(ports),
        "0.0.0.0:14317": f"127.0.0.1:{ports['findings']}",
        "backend:4317": f"127.0.0.1:{otlp_receiver.port}",
        "spanwarden:4317": f"127.0.0.1:{ports['grpc']}",
        "otlp_grpc/": f"{exporter}/",
    }
    collector(sample("collector.yaml, beside", places), [ports["collector"], ports["findings"]])
    sent = send(ports["collector"], requests())

    eventually(lambda: len(arrived(otlp_receiver)) >= len(sent), "the backend's copy")
    eventually(lambda: accepted(ports) >= len(sent), "spanwarden's copy")
    eventually(lambda: found_in(otlp_receiver) >= traces(), "findings at the backend")
    assert Counter(arrived(otlp_receiver)) == Counter(sent)
    # What it said of the runs did not come round to it again.
    assert accepted(ports) == len(sent)
    assert counter(ports["metrics"], "otelcol_receiver_accepted_log_records_total") == 0


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_collector_first_through_overload_and_restart(tmp_path, ports, collector, warden, otlp_receiver, exporter):
    def start_warden():
        # A journal that a part of the runs fills: until they are decided, senders are turned away.
        places = {
            "backend:4317": f"127.0.0.1:{otlp_receiver.port}",
            "/var/lib/spanwarden/spill": str(tmp_path / "spill"),
        }
        return warden("spanwarden.yaml, second", places, extensions={"storage": {"max_size": "256KiB"}})

    to_grpc, to_http = f"127.0.0.1:{ports['grpc']}", f"http://127.0.0.1:{ports['http']}"
    places = {
        **listening(ports),
        "spanwarden:4317": to_grpc if exporter == "otlp_grpc" else to_http,
        "otlp_grpc/": f"{exporter}/",
        "/var/lib/otelcol/queue": str(tmp_path / "queue"),
    }
    first = start_warden()
    collector(sample("collector.yaml, first", places), [ports["collector"]])
    # The backend takes its time, so that what spanwarden acknowledged is still with spanwarden when it has to end.
    otlp_receiver.gate.clear()
    sent = send(ports["collector"], requests(content=2000))
    send_points(ports["collector"], 7)
    overloaded = "spanwarden_receiver_overloaded_requests_total"
    eventually(lambda: counter(ports["metrics"], overloaded), "overload")
    acknowledged = accepted(ports)
    assert 0 < acknowledged < len(sent)
    assert arrived(otlp_receiver) == []
    first.process.send_signal(signal.SIGTERM)
    otlp_receiver.gate.set()
    assert first.wait() == 0, first.output()
    # What was taken in has been sent on, and is on disk for the next process to judge.
    assert len(set(arrived(otlp_receiver))) >= acknowledged
    assert found_in(otlp_receiver) < traces(), "nothing was left for the second process"

    second = start_warden()
    eventually(lambda: set(arrived(otlp_receiver)) >= set(sent), "what the Collector kept")
    eventually(lambda: found_in(otlp_receiver) >= traces(), "findings of every run")
    assert set(arrived(otlp_receiver)) == set(sent)
    otlp_receiver.metrics.wait(lambda metric: len(metric.gauge.data_points) == 7, "the metric")
    assert second.stop() == 0, second.output()


@pytest.mark.parametrize("both", [False, True], ids=["collector", "both"])
def test_spanwarden_first_through_restarts(tmp_path, ports, collector, warden, otlp_receiver, both):
    def start_collector():
        places = {**listening(ports), "backend:4317": f"127.0.0.1:{otlp_receiver.port}"}
        return collector(sample("collector.yaml, second", places), [ports["collector"]])

    def start_warden():
        to_collector = f"127.0.0.1:{ports['collector']}"
        places = {"collector:4317": to_collector, "/var/lib/spanwarden/spill": str(tmp_path / "spill")}
        # There is nobody to tell of findings while the Collector is away; that is not waited for long.
        return warden("spanwarden.yaml, first", places, service={"shutdown_timeout": "5s"})

    collector_process, process = start_collector(), start_warden()
    everything = requests()
    third = RUNS // 3
    sent = send(ports["grpc"], everything[:third])
    eventually(lambda: set(arrived(otlp_receiver)) >= set(sent), "the first third")
    eventually(lambda: found_in(otlp_receiver) >= traces(third), "findings of the first third")
    assert Counter(arrived(otlp_receiver)) == Counter(sent)

    assert collector_process.stop() == 0, collector_process.output()
    sent += send(ports["grpc"], everything[third : 2 * third])
    eventually(lambda: counter(ports["metrics"], "spanwarden_exporter_retries_total"), "attempts that fail")
    assert len(set(arrived(otlp_receiver))) == third * (CALLS + 1)
    if both:  # What could not be sent is on disk by then.
        assert process.stop() == 0, process.output()
        process = start_warden()
    start_collector()
    sent += send(ports["grpc"], everything[2 * third :])
    send_points(ports["grpc"], 7)

    eventually(lambda: set(arrived(otlp_receiver)) >= set(sent), "the rest")
    assert set(arrived(otlp_receiver)) == set(sent)
    # Findings wait in memory: those that a process could not tell before it ended are not told by the next.
    told = traces() - traces(2 * third) if both else traces()
    eventually(lambda: found_in(otlp_receiver) >= told, "findings")
    otlp_receiver.metrics.wait(lambda metric: len(metric.gauge.data_points) == 7, "the metric")
    assert process.stop() == 0, process.output()
