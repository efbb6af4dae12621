"""A disk that is full: senders are asked to wait, nothing acknowledged is lost, and it goes on once there is room.

Once with a limit of what the process may write to a file, which any user can set, and once with a small file system.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess

import pytest

from crash.hooks import FlappingWebhook
from crash.load import Load
from crash.place import Place, check_deliveries, check_spans
from crash.senders import Crowd, all_kinds
from integration.processes import eventually

RUNS = 60


class Limit:
    """What a process may write to a file is limited to what the largest has."""

    def __init__(self, place):
        self._place = place

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def fill(self, child):
        most = max(file.stat().st_size for file in self._place.data.rglob("*") if file.is_file())
        self._set(child, most)

    def free(self, child):
        if child.process.poll() is None:
            self._set(child, resource.RLIM_INFINITY)

    def _set(self, child, most):
        resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system in memory that something else fills up."""

    SIZE = 64 << 20

    def __init__(self, place):
        self._folder = place.data
        self._filler = place.data / "filler"

    def __enter__(self):
        self._folder.mkdir()
        options = f"size={self.SIZE}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._folder)], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", str(self._folder)], check=True)

    def fill(self, _child):
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self, _child):
        self._filler.unlink()


def _may_mount():
    if shutil.which("unshare") is None or os.geteuid():
        return False
    attempt = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


DISKS = [Limit, *([SmallDisk] if _may_mount() else [])]


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_loses_nothing_and_is_got_over(tmp_path, disk):
    load = Load(7)
    with FlappingWebhook(7) as hook:
        place = Place(tmp_path, hook.url, grace="1s")
        with disk(place) as full:
            with place.start() as child, Crowd(all_kinds(place.ports)) as crowd:
                crowd.put(load.take(RUNS))
                eventually(lambda: sum(sender.acknowledged for sender in crowd.senders) > RUNS // 4, "a beginning")
                full.fill(child)
                crowd.put(load.take(RUNS))
                eventually(lambda: place.metric("spanwarden_journal_full_total") > 3, "requests that are turned away")
                assert not crowd.idle()
                full.free(child)
                place.finish(crowd)
                output = child.output()
                assert "the journal takes nothing at the moment" in output
                assert "the journal takes requests again" in output
                assert "Traceback" not in output
                assert child.stop() == 0
            left = place.left()
            check_spans(load, left)
            check_deliveries(hook.posts, left)
            assert left.waiting == 0


@pytest.mark.integration
@pytest.mark.parametrize("disk", DISKS)
def test_a_kill_while_the_disk_is_full(tmp_path, disk):
    load = Load(8)
    with FlappingWebhook(8) as hook:
        place = Place(tmp_path, hook.url, grace="10m")
        with disk(place) as full, Crowd(all_kinds(place.ports)) as crowd:
            with place.start() as child:
                crowd.put(load.take(RUNS))
                eventually(lambda: sum(sender.acknowledged for sender in crowd.senders) > RUNS // 4, "a beginning")
                full.fill(child)
                eventually(lambda: place.metric("spanwarden_journal_full_total") > 3, "requests that are turned away")
                child.process.send_signal(signal.SIGKILL)
                child.wait()
            with place.spawn() as child:  # it may run and turn away, or say why it cannot and end
                eventually(lambda: child.process.poll() is not None or "listening" in child.output(), "a start")
                assert child.process.poll() in {None, 2}, child.output()
                assert "Traceback" not in child.output()
                child.process.send_signal(signal.SIGKILL)
                child.wait()
            full.free(child)
            with place.start() as child:
                place.finish(crowd)
                assert "quarantine" not in child.output()
                assert child.stop() == 0
            left = place.left()
            check_spans(load, left)
            check_deliveries(hook.posts, left)
