"""The exporters of the Python and JavaScript SDKs: everything that they are given arrives, once.

SDK --OTLP--> spanwarden serve --OTLP/gRPC--> official services
"""

import json
import pathlib
import shutil
import sys
from collections import Counter

import pytest

from integration.processes import Child, eventually, free_port
from integration.traffic import counter

COUNT = 2000
PYTHON = [sys.executable, str(pathlib.Path(__file__).parent / "senders" / "python_sdk.py")]


@pytest.fixture
def ports(serve, otlp_receiver):
    """A running spanwarden that forwards to `otlp_receiver`; returns its ports by name."""
    ports = {name: free_port() for name in ("grpc", "http", "metrics")}
    protocols = {name: {"endpoint": f"127.0.0.1:{ports[name]}"} for name in ("grpc", "http")}
    forwarded = {"exporters": ["otlp/upstream"]}
    settings = {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"otlp/upstream": {"endpoint": f"127.0.0.1:{otlp_receiver.port}", "tls": {"insecure": True}}},
        "extensions": {"health_check": None},
        "service": {
            "telemetry": {"metrics": {"endpoint": f"127.0.0.1:{ports['metrics']}"}},
            "pipelines": {"traces": forwarded, "logs": forwarded},
        },
    }
    serve(json.dumps(settings), ports.values())
    return ports


@pytest.fixture(params=["python grpc", "python http/protobuf", "node http/json", "node http/protobuf"])
def sender(request):
    """Return the words that start an SDK, its protocol, and the port that it sends to by name."""
    language, protocol = request.param.split()
    if language == "python":
        return [*PYTHON, protocol], "grpc" if protocol == "grpc" else "http"
    folder = request.getfixturevalue("javascript")
    return [shutil.which("node"), str(folder / "send.mjs"), protocol], "http"


def test_everything_arrives_once(tmp_path, ports, sender, otlp_receiver):
    command, transport = sender
    with Child([*command, f"http://127.0.0.1:{ports[transport]}", str(COUNT)], tmp_path) as child:
        assert child.wait() == 0, child.output()
        made = json.loads(child.output())
    assert len(set(made["spans"])) == len(set(made["logs"])) == COUNT

    # Acknowledged is counted, so nothing is left to wait for on this side.
    for kind in ("spans", "log_records"):
        assert counter(ports["metrics"], f"otelcol_receiver_accepted_{kind}_total") == COUNT
        assert counter(ports["metrics"], f"otelcol_receiver_refused_{kind}_total") == 0
    eventually(lambda: len(otlp_receiver.spans.items) >= COUNT and len(otlp_receiver.logs.items) >= COUNT, "delivery")
    assert Counter(span.span_id.hex() for _, span in otlp_receiver.spans.items) == Counter(made["spans"])
    assert Counter(record.body.string_value for record in otlp_receiver.logs.items) == Counter(made["logs"])
