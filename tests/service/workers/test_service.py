"""The life of a service with workers: start, reload, one that hangs or is asked to end, forwarding, the end."""

import os
import pathlib
import re
import signal

import pytest

from crash.hooks import FlappingWebhook
from crash.load import Load
from crash.senders import Crowd, RawGrpc, RawHttp
from integration.processes import eventually
from service.forwarding.upstreams import Upstream
from service.workers.crew import Crew, workers_of


@pytest.fixture
def hook():
    with FlappingWebhook(1) as webhook:
        yield webhook


def change(place, old, new):
    text = place.config.read_text()
    assert old in text
    place.config.write_text(text.replace(old, new))


def send(place, load, runs, connections=4):
    with Crowd([kind(place.ports) for kind in (RawGrpc, RawHttp) for _ in range(connections)]) as crowd:
        crowd.put(load.take(runs))
        place.finish(crowd)


def test_it_needs_a_directory(tmp_path, hook):
    place = Crew(tmp_path, hook.url, 2)
    change(place, f'"directory": "{place.data}"', '"directory": null')
    with place.spawn() as child:
        assert child.wait() == 2
        assert "service.workers: more than one needs extensions.storage.directory" in child.output()


def test_it_does_not_share_a_port_with_another_service(tmp_path, hook):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one, two = (Crew(folder, hook.url, 2) for folder in folders)
    change(two, f"127.0.0.1:{two.ports['grpc']}", f"127.0.0.1:{one.ports['grpc']}")
    with one.start(), two.spawn() as second:
        assert second.wait() == 2
        assert re.search(r"receivers\.otlp\.protocols\.grpc\.endpoint: cannot listen on .*in use", second.output())


def test_settings_that_no_worker_can_work_by_are_told_in_one_line(tmp_path, hook):
    place = Crew(tmp_path, hook.url, 2)
    change(place, '"http": {', '"http": {"auth": {"authenticator": "basicauth"}, ')
    with place.spawn() as child:
        assert child.wait() == 2
        assert "there is no extension 'basicauth'" in child.output()
        assert "Traceback" not in child.output()


def test_one_that_is_asked_to_end_hands_over_and_is_followed_by_another(tmp_path, hook):
    place, load = Crew(tmp_path, hook.url, 2), Load(3)
    with place.start() as child:
        send(place, load, 16)
        first = set(workers_of(child).values())
        gone = min(first)
        os.kill(gone, signal.SIGTERM)
        eventually(lambda: gone not in workers_of(child).values() and len(workers_of(child)) == 2, "another")
        eventually(lambda: child.output().count("is listening") == 3, "it to listen")
        assert place.metric("otelcol_receiver_accepted_spans_total") >= sum(load.runs.values())
        send(place, load, 16)
        assert place.left().runs.keys() == {f"{trace:032x}" for trace in load.runs}
        assert child.stop() == 0
        assert workers_of(child) == {}


def test_a_reload_reaches_every_worker(tmp_path, hook):
    with Upstream() as upstream:
        place = Crew(tmp_path, hook.url, 2)
        change(
            place,
            '"exporters": {',
            f'"exporters": {{"otlp/up": {{"endpoint": "localhost:{upstream.port}", "tls": {{"insecure": true}}}}, ',
        )
        place.man(2, reload_interval="0s")
        with place.start() as child:
            place.man(2, reload_interval="0s", pipelines={"traces": {"exporters": ["otlp/up"]}})
            child.process.send_signal(signal.SIGHUP)
            eventually(lambda: child.output().count("reloaded") == 3, f"two workers and the owner: {child.output()}")
            load = Load(4)
            send(place, load, 8)
            eventually(lambda: place.metric("otelcol_exporter_sent_spans_total") >= sum(load.runs.values()), "all sent")
            assert child.stop() == 0


def test_when_the_owner_dies_no_worker_stays(tmp_path, hook):
    place = Crew(tmp_path, hook.url, 3)
    with place.start() as child:
        pids = list(workers_of(child).values())
        assert len(pids) == 3
        child.process.send_signal(signal.SIGKILL)
        child.wait()
        eventually(lambda: not any(_lives(pid) for pid in pids), "the workers to notice")


def _lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_is_lost_while_the_owner_stands_still(tmp_path, hook):
    place, load = Crew(tmp_path, hook.url, 2), Load(6)
    place.man(2, max_pending="64KiB")
    with place.start() as child, Crowd([RawGrpc(place.ports), RawHttp(place.ports)]) as crowd:
        os.kill(child.process.pid, signal.SIGSTOP)
        try:
            crowd.put(load.take(200))
            eventually(lambda: crowd.refused, "an attempt that got no answer")
        finally:
            os.kill(child.process.pid, signal.SIGCONT)
        place.finish(crowd)
        assert place.left().runs.keys() == {f"{trace:032x}" for trace in load.runs}
        assert child.stop() == 0
