"""However many workers receive, and whichever of them dies, the findings are those of one process."""

import os
import random
import re
import signal

import pytest

from crash.hooks import FlappingWebhook
from crash.load import Load
from crash.place import check_deliveries, check_spans, pause
from crash.senders import Crowd, RawGrpc, RawHttp, all_kinds
from integration.processes import eventually
from service.workers.crew import Crew, workers_of

RUNS = 32


def crowd_of(place):
    """Return senders on many connections, so that the kernel spreads them over the workers."""
    return Crowd([*all_kinds(place.ports), *(kind(place.ports) for kind in (RawGrpc, RawHttp) for _ in range(4))])


def shared_out(load, runs, senders):
    """Return the batches of runs, one batch after the other to another sender: runs meet in the owner alone."""
    batches = [batch for share in load.take(runs) for batch in share]
    return [batches[at::senders] for at in range(senders)]


def undisturbed(folder, seed, cycles, workers):
    """Return what a service that is left alone comes to."""
    folder.mkdir()
    load = Load(seed)
    with FlappingWebhook(seed) as hook:
        place = Crew(folder, hook.url, workers)
        with place.start() as child, crowd_of(place) as crowd:
            for _ in range(cycles):
                crowd.put(shared_out(load, RUNS, 12))
            place.finish(crowd)
            received = place.metric("otelcol_receiver_accepted_spans_total")
            assert child.stop() == 0, child.output()
        left = place.left()
        check_deliveries(hook.posts, left)
    check_spans(load, left)
    assert received >= sum(load.runs.values())
    return left


def test_three_workers_find_what_one_process_finds(tmp_path):
    alone = undisturbed(tmp_path / "alone", 5, 3, 1)
    three = undisturbed(tmp_path / "three", 5, 3, 3)
    assert (three.findings, three.runs, three.spans) == (alone.findings, alone.runs, alone.spans)


@pytest.mark.parametrize("whom", ["worker", "owner"])
def test_what_is_killed_under_load_loses_nothing(tmp_path, whom):
    seed, cycles = 7, 5
    expected = undisturbed(tmp_path / "calm", seed, cycles, 2)
    dice, load = random.Random(seed), Load(seed)
    folder = tmp_path / whom
    folder.mkdir()
    with FlappingWebhook(seed, trouble=0.1) as hook:
        place = Crew(folder, hook.url, 2)
        child = first = place.start()
        try:
            with crowd_of(place) as crowd:
                for _ in range(cycles):
                    crowd.put(shared_out(load, RUNS, 12))
                    pause(dice.uniform(0.2, 1.5))
                    if whom == "worker":
                        os.kill(dice.choice(list(workers_of(child).values())), signal.SIGKILL)
                        eventually(lambda: len(workers_of(first)) == 2, "the worker to be back")
                    else:
                        child.process.send_signal(signal.SIGKILL)
                        child.wait()
                        child.stop()
                        child = place.start()
                hook.trouble = 0.0
                place.finish(crowd)
                if whom == "worker":
                    assert place.metric("spanwarden_worker_restarts_total") == cycles
            assert child.stop() == 0, child.output()
            assert "Traceback" not in child.output()
        finally:
            child.stop()
        left = place.left()
    check_spans(load, left)
    check_deliveries(hook.posts, left)
    assert left.findings == expected.findings
    assert left.runs == expected.runs


def test_journals_of_workers_that_are_no_more_are_read_and_removed(tmp_path):
    load = Load(11)
    with FlappingWebhook(11) as hook:
        place = Crew(tmp_path, hook.url, 1, settle="1h", grace="0s", idle_timeout="1h")
        for workers in (1, 3, 2, 1):
            place.man(workers)
            with place.start() as child:
                with crowd_of(place) as crowd:
                    crowd.put(shared_out(load, 8, 12))
                    eventually(crowd.idle, "the last acknowledgement")
                sent = sum(load.runs.values())
                eventually(lambda: place.metric("spanwarden_window_records") >= sent, "all to be read")  # noqa: B023
                if workers == 1:
                    child.process.send_signal(signal.SIGKILL)
                    child.wait()
                else:
                    assert child.stop() == 0, child.output()
        assert place.leftovers() == ["worker-1", "worker-2", "worker-3"]
        place.config.write_text(re.sub('"settle": "1h"', '"settle": "100ms"', place.config.read_text()))
        with place.start() as child:
            eventually(lambda: not place.metric("spanwarden_windows_open"), "the verdicts")
            eventually(lambda: not place.metric("spanwarden_journal_entries"), "empty journals")
            eventually(lambda: not place.metric("spanwarden_outbox_pending"), "the deliveries")
            assert child.stop() == 0, child.output()
        assert place.leftovers() == []
        left = place.left()
        check_spans(load, left)
        check_deliveries(hook.posts, left)
