"""The real Collector with its queue on disk in front of a service that is killed again and again."""

import random
import signal

import pytest

from crash.hooks import FlappingWebhook
from crash.load import Load
from crash.place import Place, check_deliveries, check_spans, pause
from crash.senders import Crowd, all_kinds
from crash.test_killed import CYCLES, RUNS, SEED, end, uninterrupted
from integration.collectors import Collector, build_collector, merged, sample
from integration.processes import eventually, free_port


@pytest.fixture
def collector(tmp_path):
    """Return what starts a Collector, as docs/collector.md says for one that comes first, with less patience."""
    try:
        binary = build_collector.find()
    except build_collector.UnavailableError as error:
        pytest.skip(str(error))

    def start(place):
        ports = {name: free_port() for name in ("grpc", "http")}
        places = {
            "0.0.0.0:4317": f"127.0.0.1:{ports['grpc']}",
            "0.0.0.0:4318": f"127.0.0.1:{ports['http']}",
            "spanwarden:4317": f"127.0.0.1:{place.ports['grpc']}",
            "/var/lib/otelcol/queue": str(tmp_path / "queue"),
        }
        retry = {"retry_on_failure": {"initial_interval": "50ms", "max_interval": "300ms"}}
        settings = merged(sample("collector.yaml, first", places), {"exporters": {"otlp_grpc/spanwarden": retry}})
        return Collector(binary, settings, tmp_path, ports.values()), ports

    return start


@pytest.mark.integration
def test_what_the_collector_has_taken_is_judged(tmp_path, collector):
    print(f"seed {SEED}")
    cycles = max(1, CYCLES // 5)
    calm = uninterrupted(tmp_path / "calm", SEED, cycles, shuffled=True, grace="10m")
    dice, load = random.Random(SEED), Load(SEED, shuffled=True)
    with FlappingWebhook(SEED, trouble=0.2) as hook:
        place = Place(tmp_path, hook.url, grace="10m")
        front, ports = collector(place)
        child = place.start()
        try:
            with Crowd(all_kinds(ports)) as crowd:
                for _ in range(cycles):
                    crowd.put(load.take(RUNS))
                    pause(dice.uniform(0.0, 1.0))
                    end(child, signal.SIGKILL)
                    pause(dice.uniform(0.0, 0.5))
                    child = place.start()
                hook.trouble = 0.02
                eventually(crowd.idle, "the Collector to take everything")
            wanted = {f"{span:016x}" for span in load.calls}
            eventually(lambda: wanted <= place.left().spans, "the Collector to send everything on")
            place.finish(crowd)
            assert child.stop() == 0
        finally:
            child.stop()
            front.stop()
        left = place.left()
    check_spans(load, left)
    check_deliveries(hook.posts, left)
    assert (left.findings, left.runs) == (calm.findings, calm.runs)
