"""`kill -9` and SIGTERM at random moments, under load, with a webhook that flaps: nothing is lost or told anew.

`SPANWARDEN_CRASH_CYCLES=200` runs that many cycles, `SPANWARDEN_CRASH_SEED=17` the moments of that seed.
"""

import os
import random
import signal

import pytest

from crash.hooks import FlappingWebhook
from crash.load import Load
from crash.place import Place, check_deliveries, check_spans, pause
from crash.senders import Crowd, all_kinds

CYCLES = int(os.environ.get("SPANWARDEN_CRASH_CYCLES", "20"))
SEED = int(os.environ.get("SPANWARDEN_CRASH_SEED") or random.SystemRandom().randrange(10**6))
RUNS = 32
"""Runs that are sent in a cycle."""


def uninterrupted(folder, seed, cycles, *, shuffled, **runs):
    """Return what a service that is left alone comes to."""
    folder.mkdir()
    load = Load(seed, shuffled=shuffled)
    with FlappingWebhook(seed) as hook:
        place = Place(folder, hook.url, **runs)
        with place.start() as child, Crowd(all_kinds(place.ports)) as crowd:
            for _ in range(cycles):
                crowd.put(load.take(RUNS))
            place.finish(crowd)
            assert child.stop() == 0
        left = place.left()
        check_deliveries(hook.posts, left)
    check_spans(load, left)
    return left


def interrupted(folder, seed, cycles, how, *, shuffled, **runs):
    """Return what services come to that are ended again and again, and what the webhook got."""
    dice, load = random.Random(seed), Load(seed, shuffled=shuffled)
    with FlappingWebhook(seed, trouble=0.2) as hook:
        place = Place(folder, hook.url, **runs)
        child = place.start()
        with Crowd(all_kinds(place.ports)) as crowd:
            try:
                for _ in range(cycles):
                    crowd.put(load.take(RUNS))
                    pause(dice.uniform(0.0, 1.0))
                    end(child, how)
                    if dice.random() < _IN_START:
                        child = place.spawn()
                        pause(dice.uniform(0.2, 2.0))
                        end(child, signal.SIGKILL)
                    child = place.start()
                hook.trouble = 0.02
                place.finish(crowd)
                assert child.stop() == 0
            finally:
                child.stop()
            refused = crowd.refused
        left = place.left()
    check_spans(load, left)
    check_deliveries(hook.posts, left)
    print(f"{cycles} cycles: {len(left.runs)} runs, {len(left.told)} notices, {len(hook.posts)} posts,", end=" ")
    print(f"{refused} attempts to send failed; the webhook: {dict(hook.outcomes)}")
    return left


_IN_START = 0.25


def end(child, how):
    child.process.send_signal(how)
    code = child.wait()
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0), child.output()
    assert "Traceback" not in child.output(), child.output()
    child.stop()


def check(folder, cycles, how, **options):
    print(f"seed {SEED}")
    calm = uninterrupted(folder / "calm", SEED, cycles, **options)
    left = interrupted(folder, SEED, cycles, how, **options)
    assert left.findings == calm.findings
    assert left.runs == calm.runs
    assert left.learned == calm.learned != set()
    assert left.waiting == 0


def test_three_kills(tmp_path):
    check(tmp_path, 3, signal.SIGKILL, shuffled=True, grace="10m")


@pytest.mark.integration
def test_many_kills_of_a_service_that_soon_forgets(tmp_path):
    check(tmp_path, CYCLES, signal.SIGKILL, shuffled=False, grace="1s")


@pytest.mark.integration
def test_many_kills_with_requests_out_of_order(tmp_path):
    check(tmp_path, max(1, CYCLES // 2), signal.SIGKILL, shuffled=True, grace="10m")


@pytest.mark.integration
def test_many_orderly_ends(tmp_path):
    check(tmp_path, max(1, CYCLES // 6), signal.SIGTERM, shuffled=False, grace="1s")
