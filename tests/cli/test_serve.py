from __future__ import annotations

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest

from spanwarden.service import replay

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "runs"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """A real `spanwarden serve` process on free ports."""

    def __init__(self, folder: pathlib.Path, settings: dict[str, Any]) -> None:
        self.ports = {name: free_port() for name in ("grpc", "http", "health", "metrics")}
        ours: dict[str, Any] = {
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": f"localhost:{self.ports['grpc']}"},
                        "http": {"endpoint": f"localhost:{self.ports['http']}"},
                    }
                }
            },
            "extensions": {"health_check": {"endpoint": f"localhost:{self.ports['health']}"}},
            "service": {"telemetry": {"metrics": {"endpoint": f"localhost:{self.ports['metrics']}"}}},
        }
        self.config = folder / "spanwarden.yaml"
        self.config.write_text(json.dumps(settings))
        (folder / "ports.yaml").write_text(json.dumps(ours))
        command = [sys.executable, "-m", "spanwarden.cli.main", "serve"]
        self.process = subprocess.Popen(
            [*command, "--config", str(self.config), "--config", str(folder / "ports.yaml")],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._await_ready()

    def _await_ready(self) -> None:
        assert self.process.stderr is not None
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if "exporters:" in line:
                return
        raise AssertionError("".join(self.log))

    def get(self, name: str, path: str) -> str:
        with urllib.request.urlopen(f"http://localhost:{self.ports[name]}{path}", timeout=10) as response:
            body: str = response.read().decode()
            return body

    def stop(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, "".join(self.log) + err


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]], threading.Event]]:
    bodies: list[dict[str, Any]] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", bodies, arrived
    server.shutdown()
    server.server_close()
    thread.join()


def test_from_a_recorded_run_to_a_webhook_and_out(
    tmp_path: pathlib.Path, hook: tuple[str, list[dict[str, Any]], threading.Event]
) -> None:
    url, bodies, arrived = hook
    (tmp_path / "policy.yaml").write_text("name: tight\nforbidden_tools: [run_shell]\n")
    served = Served(
        tmp_path,
        {
            "processors": {"runs": {"settle": "100ms"}, "policy": {"policies": ["policy.yaml"]}},
            "exporters": {"console": {}, "webhook/ops": {"url": url}},
        },
    )
    try:
        recorded = replay.load(EXAMPLES / "2-injected-web-page.jsonl")
        for _ in replay.replay(recorded, f"localhost:{served.ports['grpc']}", time.time_ns(), lambda _: None):
            pass
        assert arrived.wait(20)
        assert json.loads(served.get("health", "/readyz"))["status"] == "Server available"
        metrics = served.get("metrics", "/metrics")
        assert re.search(r'otelcol_receiver_accepted_spans_total\{.*transport="grpc"\} [1-9]', metrics)
        assert 'spanwarden_findings_total{policy="tight",rule="tool-forbidden",severity="high"} 1.0' in metrics
        with grpc.insecure_channel(f"localhost:{served.ports['grpc']}") as channel:
            call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", None, None)
            with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT"):
                call(b"\xff\xff\xff", timeout=10)
    finally:
        code, out, err = served.stop()
    assert code == 0, err
    assert bodies[0]["type"] == "spanwarden.finding"
    assert bodies[0]["finding"]["rule"] == "tool-forbidden"
    assert "tool-forbidden" in out
    assert "Traceback" not in err


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanwarden.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_line_and_exit_2(tmp_path: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(
            "serve",
            "--set",
            f"receivers.otlp.protocols.grpc.endpoint=127.0.0.1:{port}",
            "--set",
            "extensions.storage.directory=null",
            "--set",
            "processors.policy.policies=[]",
        )
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("spanwarden:")]
    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "Traceback" not in done.stderr


def test_validate_names_a_mistake_and_is_silent_otherwise(tmp_path: pathlib.Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("processors: {policy: {policies: []}}\n")
    assert (run("validate", "--config", str(good)).returncode, run("validate", "--config", str(good)).stdout) == (0, "")
    bad = tmp_path / "bad.yaml"
    bad.write_text("processors: {policy: {polices: []}}\n")
    done = run("validate", "--config", str(bad))
    assert done.returncode == 2
    assert "did you mean 'policies'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_validate_reads_the_policies_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "p.yaml").write_text("forbiden_tools: [x]\n")
    config = tmp_path / "c.yaml"
    config.write_text("processors: {policy: {policies: [p.yaml]}}\n")
    done = run("validate", "--config", str(config))
    assert done.returncode == 2
    assert "forbidden_tools" in done.stderr


def test_print_config_shows_defaults_and_hides_secrets(tmp_path: pathlib.Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("exporters: {webhook: {url: 'https://x.example/', headers: {authorization: 'Bearer hunter2'}}}\n")
    done = run("print-config", "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert "settle: 2s" in done.stdout
    assert "hunter2" not in done.stdout


def test_components_lists_what_is_in_the_build() -> None:
    done = run("components")
    for name in ("otlp", "webhook", "console", "health_check"):
        assert f"name: {name}" in done.stdout
