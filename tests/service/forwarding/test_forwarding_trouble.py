"""Upstreams that are slow, dead, overloaded or moody: nobody waits, nothing is lost unseen."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from exporters.receiving import Answer, HttpReceiver, dead_port
from service.forwarding.upstreams import NAME, Upstream, eventually, forwarding, multiset, spans
from spanwarden.receivers.otlp import responses
from spanwarden.service.metrics import Telemetry

COUNTERS = ("sent", "send_failed", "enqueue_failed")


def counted(telemetry: Telemetry) -> dict[str, float]:
    return {name: telemetry.value(f"otelcol_exporter_{name}_spans", exporter=NAME) for name in COUNTERS}


def unavailable(after: float | None = None) -> Callable[[Any], Any]:
    def answer(context: Any) -> Any:
        if after is not None:
            status = responses.status(responses.UNAVAILABLE, "later", after)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "later")

    return answer


def exhausted(context: Any) -> Any:
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")


def test_an_upstream_that_comes_and_goes_loses_nothing() -> None:
    moods = [unavailable(0.05), unavailable(), lambda _: b"", unavailable(0.01), lambda _: b"", unavailable()] * 10
    telemetry = Telemetry()
    offered = [("traces", spans(3, start=10 * number + 1)) for number in range(100)]
    with Upstream(*moods) as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry)
        sender.start()
        for signal, body in offered:
            sender.offer(signal, body)
        eventually(sender.idle)
        sender.close(10)
    assert multiset(upstream.taken) == multiset(offered)
    assert counted(telemetry) == {"sent": 300, "send_failed": 0, "enqueue_failed": 0}
    assert telemetry.value("spanwarden_exporter_retries", exporter=NAME) == 40


def test_an_http_upstream_that_comes_and_goes_loses_nothing() -> None:
    moods = [Answer(503, {"retry-after": "0"}), Answer(), Answer(429), Answer(502), Answer(), Answer(504)] * 5
    telemetry = Telemetry()
    with HttpReceiver(*moods) as upstream:
        sender = forwarding(upstream.url, telemetry, protocol="http/protobuf", compression="none")
        sender.start()
        offered = [spans(2, start=10 * number + 1) for number in range(40)]
        for body in offered:
            sender.offer("traces", body)
        eventually(sender.idle)
        sender.close(10)
    assert {request.body for request in upstream.requests} == set(offered)
    assert len(upstream.requests) == 40 + 20
    assert counted(telemetry) == {"sent": 80, "send_failed": 0, "enqueue_failed": 0}


def test_a_wait_that_was_asked_for_is_kept_by_all_threads() -> None:
    telemetry = Telemetry()
    with Upstream(unavailable(0.3)) as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry, queue={"num_consumers": 4})
        sender.start()
        sender.offer("traces", spans(1))
        eventually(lambda: telemetry.value("spanwarden_exporter_retries", exporter=NAME) == 1)
        for number in range(8):
            sender.offer("traces", spans(1, start=number + 2))
        eventually(sender.idle)
        sender.close(10)
    assert len(upstream.taken) == 9
    assert min(upstream.times[1:]) - upstream.times[0] >= 0.3


def test_exhaustion_without_a_promise_is_final_and_counted_as_otlp_says() -> None:
    telemetry = Telemetry()
    with Upstream(exhausted) as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry, queue={"num_consumers": 1})
        sender.start()
        for number in range(5):
            sender.offer("traces", spans(2, start=10 * number + 1))
        eventually(sender.idle)
        sender.close(10)
    assert len(upstream.seen) == 5
    assert counted(telemetry) == {"sent": 8, "send_failed": 2, "enqueue_failed": 0}


def test_it_gives_up_after_the_longest_time() -> None:
    telemetry = Telemetry()
    retry = {"initial_interval": "5ms", "max_interval": "10ms", "max_elapsed_time": "60ms"}
    sender = forwarding(f"127.0.0.1:{dead_port()}", telemetry, retry_on_failure=retry)
    sender.start()
    sender.offer("traces", spans(2))
    eventually(sender.idle)
    sender.close(5)
    assert counted(telemetry) == {"sent": 0, "send_failed": 2, "enqueue_failed": 0}
    assert telemetry.value("spanwarden_exporter_retries", exporter=NAME) >= 1


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_dead_upstream_delays_nobody_and_memory_stays_bounded(protocol: str) -> None:
    telemetry = Telemetry()
    sender = forwarding(f"127.0.0.1:{dead_port()}", telemetry, queue={"queue_bytes": "1MiB"}, protocol=protocol)
    sender.start()
    body = spans(1, filler=10_000)
    worst = 0.0
    tracemalloc.start()
    try:
        for _ in range(5_000):  # 50 MB in all, every body a copy of its own
            copy = bytes(bytearray(body))
            start = time.thread_time()
            sender.offer("traces", copy, 1)
            worst = max(worst, time.thread_time() - start)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    start = time.monotonic()
    sender.close(0.2)
    assert time.monotonic() - start < 4
    assert worst < 0.05  # CPU time of the offering thread: it neither sleeps nor sends
    assert held < 3 << 20
    counts = counted(telemetry)
    assert counts["sent"] == 0
    assert counts["send_failed"] + counts["enqueue_failed"] == 5_000
    assert 0 < counts["send_failed"] <= (1 << 20) // 10_000


def test_a_hanging_upstream_holds_up_neither_the_other_one_nor_the_end() -> None:
    release = threading.Event()
    telemetry = Telemetry()
    with Upstream(*[lambda _: release.wait(30) and b""] * 8) as hanging, Upstream() as healthy:
        stuck = forwarding(f"127.0.0.1:{hanging.port}", telemetry, timeout="30s", queue={"num_consumers": 2})
        fine = forwarding(f"127.0.0.1:{healthy.port}")
        for sender in (stuck, fine):
            sender.start()
            for number in range(10):
                sender.offer("traces", spans(1, start=number + 1))
        eventually(fine.idle)
        eventually(lambda: len(hanging.seen) == 2)
        start = time.monotonic()
        stuck.close(0.3)
        assert time.monotonic() - start < 5
        fine.close(1)
        release.set()
    assert len(healthy.taken) == 10
    assert counted(telemetry) == {"sent": 0, "send_failed": 10, "enqueue_failed": 0}


def test_many_threads_offer_at_once() -> None:
    telemetry = Telemetry()
    with Upstream() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry)
        sender.start()

        def offer(first: int) -> None:
            for number in range(100):
                sender.offer("traces", spans(1, start=first + number))

        threads = [threading.Thread(target=offer, args=(1 + 1000 * k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(sender.idle)
        sender.close(10)
    assert len(set(upstream.taken)) == len(upstream.taken) == 800
    assert counted(telemetry) == {"sent": 800, "send_failed": 0, "enqueue_failed": 0}
