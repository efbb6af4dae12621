"""Live parts for the integration tests: a scripted model, receivers of findings, a running spanwarden.

A part that cannot be had skips its test with the reason. In CI (CI=true) that is a failure: what this folder proves is
proved there every time.
"""

import hashlib
import pathlib
import shutil
import subprocess

import pytest

from integration.collectors import ROOT, Collector, build_collector
from integration.processes import Child, free_port, spanwarden
from integration.receivers import OtlpReceiver, WebhookReceiver
from integration.scripted_model import ScriptedModel
from integration.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def model():
    with ScriptedModel() as server:
        yield server


@pytest.fixture
def otlp_receiver():
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def webhook():
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def rotel(tmp_path, otlp_receiver):
    """A rotel agent that passes what it receives on to `otlp_receiver`."""
    package = pytest.importorskip("rotel", reason="rotel is not installed (pip install -e '.[integration]')")
    binary = str(pathlib.Path(package.__file__).with_name("rotel-agent"))
    port = free_port()
    arguments = {
        "--otlp-grpc-endpoint": f"127.0.0.1:{port}",
        "--otlp-http-endpoint": f"127.0.0.1:{free_port()}",
        "--otlp-exporter-endpoint": f"http://127.0.0.1:{otlp_receiver.port}",
        "--otlp-exporter-compression": "none",
        "--pid-file": str(tmp_path / "rotel.pid"),
        "--log-file": str(tmp_path / "rotel.log"),
    }
    command = [binary, "start", "--exporter", "otlp", "--disable-batching"]
    command += [word for pair in arguments.items() for word in pair]
    with Child(command, tmp_path) as child:
        child.wait_for_port(port)
        yield port


@pytest.fixture
def serve(tmp_path):
    """Start `spanwarden serve` on a settings text; returns once it listens. Stopped at the end of the test."""
    children = []

    def start(settings, ports):
        path = tmp_path / "spanwarden.yaml"
        path.write_text(settings, encoding="utf-8")
        child = Child([*spanwarden(), "serve", "--config", str(path)], tmp_path)
        children.append(child)
        for port in ports:
            child.wait_for_port(port)
        return child

    yield start
    for child in children:
        child.stop()


@pytest.fixture(scope="session")
def collector_binary():
    try:
        return build_collector.find()
    except build_collector.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def collector(tmp_path, collector_binary):
    """Start the real Collector on settings; returns once it listens. Stopped at the end of the test."""
    children = []

    def start(settings, ports):
        children.append(Collector(collector_binary, settings, tmp_path, ports))
        return children[-1]

    yield start
    for child in children:
        child.stop()


@pytest.fixture(scope="session")
def javascript():
    """Return a folder with tests/integration/js and the packages that it needs, which are installed once."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    source, folder = pathlib.Path(__file__).parent / "js", ROOT / "build" / "javascript"
    files = sorted(source.iterdir())
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in files if path.suffix == ".json")).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy(path, folder)
    kept = folder / "installed"
    if not kept.is_file() or kept.read_text(encoding="utf-8") != stamp:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"npm ci: {[*done.stderr.splitlines(), 'failed'][0]}")
        kept.write_text(stamp, encoding="utf-8")
    return folder
