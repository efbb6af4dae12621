"""Requests on disk: they come back in order, after a kill, and a full or broken disk costs only what did not fit."""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import sys
from typing import Any

import pytest

from exporters.receiving import dead_port
from service.forwarding.upstreams import NAME, Upstream, eventually, forwarding, multiset, settings, spans
from spanwarden.service.clock import SystemClock
from spanwarden.service.forwarding import build_forwarding, close_all
from spanwarden.service.metrics import Telemetry

FOLDER = "otlp%2Fupstream"


def queue(folder: pathlib.Path, **more: Any) -> dict[str, Any]:
    spill = {"directory": str(folder), "max_size": more.pop("max_size", "64MiB")}
    return {"queue_bytes": "100KiB", "num_consumers": 1, "spill": spill, **more}


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / FOLDER).glob("*.otlp"))


def bodies(count: int) -> list[bytes]:
    return [spans(1, start=number + 1, filler=5_000) for number in range(count)]


def counts(telemetry: Telemetry) -> tuple[float, float, float]:
    names = ("sent", "send_failed", "enqueue_failed")
    sent, failed, dropped = (telemetry.value(f"otelcol_exporter_{n}_spans", exporter=NAME) for n in names)
    return sent, failed, dropped


def fill(sender: Any, folder: pathlib.Path, offered: list[bytes]) -> None:
    """Offer no faster than the disk takes it."""
    for number, body in enumerate(offered):
        sender.offer("traces", body, 1)
        eventually(lambda least=number - 11: len(files(folder)) >= least)


def test_what_memory_cannot_hold_waits_on_disk_and_goes_out_once(tmp_path: pathlib.Path) -> None:
    port, telemetry, offered = dead_port(), Telemetry(), bodies(100)
    sender = forwarding(f"127.0.0.1:{port}", telemetry, queue=queue(tmp_path))
    sender.start()
    fill(sender, tmp_path, offered)
    assert telemetry.value("otelcol_exporter_queue_size", exporter=NAME) <= 100 << 10
    assert telemetry.value("spanwarden_spill_bytes", exporter=NAME) >= 85 * 8192
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o600}
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700
    with Upstream(port=port) as upstream:
        eventually(sender.idle)
        sender.close(10)
    taken = [body for _, body in upstream.taken]
    assert multiset(upstream.taken) == multiset(("traces", body) for body in offered)
    assert taken == offered  # one consumer, so the oldest first
    assert counts(telemetry) == (100, 0, 0)
    assert telemetry.value("spanwarden_spill_bytes", exporter=NAME) == 0
    assert files(tmp_path) == []


CHILD = """
import sys, threading
from service.forwarding.upstreams import forwarding, eventually, spans
from service.forwarding.test_forwarding_spill import queue, bodies, fill
import pathlib
folder = pathlib.Path(sys.argv[1])
sender = forwarding("127.0.0.1:" + sys.argv[2], queue=queue(folder))
sender.start()
fill(sender, folder, bodies(60))
print("ready", flush=True)
threading.Event().wait()
"""


def test_a_kill_loses_nothing_that_was_spilled(tmp_path: pathlib.Path) -> None:
    port = dead_port()
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(port)]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.kill()
    left = len(files(tmp_path))
    assert left >= 45
    (tmp_path / FOLDER / "0000000000000fff.tmp").write_bytes(b"half a request")
    telemetry = Telemetry()
    with Upstream(port=port) as upstream:
        sender = forwarding(f"127.0.0.1:{port}", telemetry, queue=queue(tmp_path))
        sender.start()
        eventually(sender.idle)
        late = spans(1, start=9_999)
        sender.offer("traces", late)
        eventually(lambda: len(upstream.taken) == left + 1)
        sender.close(10)
    offered = bodies(60)
    assert {body for _, body in upstream.taken} <= {*offered, late}
    order = [offered.index(body) for _, body in upstream.taken[:-1]]
    assert order == sorted(set(order))
    assert counts(telemetry) == (left + 1, 0, 0)
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {"lock"}


def test_the_end_spills_what_is_in_memory_and_the_next_start_sends_it(tmp_path: pathlib.Path) -> None:
    port, telemetry, offered = dead_port(), Telemetry(), bodies(8)
    sender = forwarding(f"127.0.0.1:{port}", telemetry, queue=queue(tmp_path))
    sender.start()
    for body in offered:
        sender.offer("traces", body, 1)
    sender.close(5)
    assert len(files(tmp_path)) == 8
    assert counts(telemetry) == (0, 0, 0)
    with Upstream(port=port) as upstream:
        sender = forwarding(f"127.0.0.1:{port}", queue=queue(tmp_path))
        sender.start()
        eventually(sender.idle)
        sender.close(5)
    assert [body for _, body in upstream.taken] == offered


def test_a_healthy_upstream_gets_what_is_in_memory_at_the_end(tmp_path: pathlib.Path) -> None:
    with Upstream() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", queue=queue(tmp_path))
        sender.start()
        for body in bodies(8):
            sender.offer("traces", body, 1)
        sender.close(10)
    assert len(upstream.taken) == 8
    assert files(tmp_path) == []


def test_a_full_spill_drops_and_counts(tmp_path: pathlib.Path) -> None:
    telemetry = Telemetry()
    sender = forwarding(f"127.0.0.1:{dead_port()}", telemetry, queue=queue(tmp_path, max_size="80KiB"))
    sender.start()
    for body in bodies(200):
        sender.offer("traces", body, 1)
    eventually(lambda: len(files(tmp_path)) == 10)
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 80 << 10
    sender.close(3)
    sent, failed, dropped = counts(telemetry)
    assert len(files(tmp_path)) == 10
    assert (sent, failed + dropped) == (0, 190)
    assert dropped >= 160


def test_a_disk_that_refuses_never_reaches_the_sender(tmp_path: pathlib.Path) -> None:
    telemetry = Telemetry()
    sender = forwarding(f"127.0.0.1:{dead_port()}", telemetry, queue=queue(tmp_path))
    (tmp_path / FOLDER / "lock").unlink()
    (tmp_path / FOLDER).rmdir()  # every write fails from here on
    sender.start()
    for body in bodies(100):
        sender.offer("traces", body, 1)
    sender.close(3)
    assert counts(telemetry)[0] == 0
    assert sum(counts(telemetry)) == 100


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove"])
def test_damaged_requests_are_counted_and_passed_over(tmp_path: pathlib.Path, damage: str) -> None:
    port, offered = dead_port(), bodies(6)
    sender = forwarding(f"127.0.0.1:{port}", queue=queue(tmp_path))
    sender.start()
    for body in offered:
        sender.offer("traces", body, 1)
    sender.close(5)
    victim = files(tmp_path)[2]
    held = bytearray(victim.read_bytes())
    if damage == "flip":
        held[1000] ^= 1
        victim.write_bytes(held)
    elif damage != "remove":
        victim.write_bytes(held[:1000] if damage == "truncate" else b"")
    telemetry = Telemetry()
    sender = forwarding(f"127.0.0.1:{port}", telemetry, queue=queue(tmp_path))
    if damage == "remove":
        victim.unlink()
    with Upstream(port=port) as upstream:
        sender.start()
        eventually(sender.idle)
        sender.close(5)
    assert [body for _, body in upstream.taken] == offered[:2] + offered[3:]
    assert telemetry.value("spanwarden_spill_damaged_requests", exporter=NAME) == 1
    assert files(tmp_path) == []


def test_a_folder_in_use_is_refused_at_start(tmp_path: pathlib.Path) -> None:
    first = forwarding(f"127.0.0.1:{dead_port()}", queue=queue(tmp_path))
    with pytest.raises(ValueError, match=r"exporters\.otlp/upstream: .*used by another process"):
        forwarding(f"127.0.0.1:{dead_port()}", queue=queue(tmp_path))
    first.close(1)
    forwarding(f"127.0.0.1:{dead_port()}", queue=queue(tmp_path)).close(1)


def test_a_folder_that_cannot_be_made_is_refused_at_start(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"exporters\.otlp/upstream: .*Not a directory"):
        forwarding("127.0.0.1:1", queue=queue(tmp_path / "file"))


def test_a_changed_upstream_takes_over_what_its_predecessor_left(tmp_path: pathlib.Path) -> None:
    offered = bodies(8)
    with Upstream() as upstream:
        before = settings(f"127.0.0.1:{dead_port()}", queue=queue(tmp_path))
        after = settings(f"127.0.0.1:{upstream.port}", queue=queue(tmp_path))
        sender = build_forwarding(before, before.service.pipelines, Telemetry(), SystemClock())
        sender.start()
        assert sender.configure(before, before.service.pipelines) == []
        for body in offered[:4]:
            sender.offer("traces", body, 1)
        gone = sender.configure(after, after.service.pipelines)
        for body in offered[4:]:
            sender.offer("traces", body, 1)
        close_all(gone, 2)
        eventually(lambda: len(upstream.taken) == 8)
        sender.close(5)
    assert multiset(upstream.taken) == multiset(("traces", body) for body in offered)
