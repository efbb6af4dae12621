"""50 clients with mixed signals and malformed requests among them: no crash, flat memory, every record counted once.

SPANWARDEN_LOAD_SECONDS says how long; without it, 60 s, and 30 s in CI: what is remembered takes some 15 s to fill.
"""

import json
import os
import pathlib
import re
import statistics
import sys
import threading

from integration.collectors import ROOT
from integration.processes import Child, eventually, free_port
from integration.traffic import POLICY, counter

SECONDS = int(os.environ.get("SPANWARDEN_LOAD_SECONDS") or (30 if os.environ.get("CI") == "true" else 60))
CLIENTS = 50
LOAD = pathlib.Path(__file__).parent / "senders" / "load.py"
MIB = 1 << 20


def memory(process, field="VmRSS"):
    """Return resident memory of a process in bytes."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1]) << 10


def test_a_minute_of_fifty_clients(tmp_path, serve):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    ports = {name: free_port() for name in ("grpc", "http", "metrics")}
    settings = {
        "receivers": {
            "otlp": {"protocols": {name: {"endpoint": f"127.0.0.1:{ports[name]}"} for name in ("grpc", "http")}}
        },
        # Runs are forgotten soon, so that memory can have settled before half of the time is over.
        "processors": {
            "runs": {"settle": "200ms", "idle_timeout": "1s", "grace": "1s"},
            "policy": {"policies": ["pack:agent-baseline", str(policy)]},
        },
        "exporters": {"console": {}},
        "extensions": {"health_check": None},
        "service": {"telemetry": {"metrics": {"endpoint": f"127.0.0.1:{ports['metrics']}"}}},
    }
    server = serve(json.dumps(settings), ports.values())
    words = [ports["grpc"], ports["http"], CLIENTS, SECONDS]
    pause, samples = threading.Event(), []
    environment = {"PYTHONPATH": str(ROOT / "tests")}
    with Child([sys.executable, str(LOAD), *map(str, words)], tmp_path, environment) as load:
        while load.process.poll() is None:
            samples.append(memory(server.process))
            pause.wait(0.25)
        assert load.wait() == 0, load.output()
        told = json.loads(load.output())
    print(told)

    assert server.process.poll() is None, server.output()
    assert told["unexpected"] == {}
    assert told["malformed"] > CLIENTS
    assert all(count > CLIENTS for count in told["signal"].values())
    for signal, count in told["signal"].items():
        assert counter(ports["metrics"], f"otelcol_receiver_accepted_{signal}_total") == count
        assert counter(ports["metrics"], f"otelcol_receiver_refused_{signal}_total") == 0
    decided = "spanwarden_runs_decided_total"
    eventually(lambda: counter(ports["metrics"], decided) >= told["runs"], "the last verdicts")
    assert counter(ports["metrics"], decided) == told["runs"]
    assert counter(ports["metrics"], "spanwarden_windows_open") == 0
    for trouble in ("spanwarden_processing_errors", "spanwarden_dropped_records", "spanwarden_rule_errors"):
        assert counter(ports["metrics"], f"{trouble}_total") == 0

    third, fourth = (statistics.median(samples[len(samples) * i // 4 : len(samples) * (i + 1) // 4]) for i in (2, 3))
    figures = [f"{bytes_ / MIB:.0f}" for bytes_ in (samples[0], third, fourth, memory(server.process, "VmHWM"))]
    print("MiB at the start, in the third and in the fourth quarter, at most:", *figures)
    assert fourth < third * 1.1 + 8 * MIB
    assert server.stop() == 0
    assert "Traceback" not in server.output()
