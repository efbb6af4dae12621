from __future__ import annotations

import asyncio
import gc
import json
import weakref
from concurrent.futures import Future

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from receivers.bench_receivers import Room, body, post, send, until
from spanwarden.receivers.otlp.intake import Intake, OverloadedError
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.journal import Entry, JournalFullError, MemoryJournal


class SlowJournal(MemoryJournal):
    """A journal whose disk answers when the test says so."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.appended: list[Future[int]] = []

    def append(self, entry: Entry) -> Future[int]:
        future: Future[int] = Future()
        self.appended.append(future)
        return future


def slow() -> tuple[SlowJournal, list[int], list[bytes], Telemetry, Intake]:
    journal, handed, forwarded, telemetry = SlowJournal(), [], [], Telemetry()
    intake = Intake(
        journal,
        lambda *_: True,
        lambda position, _message, _size, _sender: handed.append(position),
        telemetry,
        lambda: 1,
        lambda _signal, payload: forwarded.append(payload),
    )
    return journal, handed, forwarded, telemetry, intake


def test_it_acknowledges_after_the_disk_and_hands_on_before() -> None:
    async def run() -> None:
        journal, handed, forwarded, _, intake = slow()
        task = asyncio.ensure_future(intake.accept("traces", body(), "grpc"))
        await until(lambda: bool(journal.appended))
        assert (task.done(), handed, forwarded) == (False, [], [])
        journal.appended[0].set_result(7)
        assert (await task).records == 1
        assert (handed, forwarded) == ([7], [body()])

    asyncio.run(run())


def test_a_request_that_was_answered_does_not_wait_for_the_collector() -> None:
    async def run() -> None:
        journal, _, _, _, intake = slow()
        task = asyncio.ensure_future(intake.accept("traces", body(), "grpc"))
        await until(lambda: bool(journal.appended))
        gone = weakref.ref(journal.appended[0])  # by which all else of the request is held
        journal.appended.pop().set_result(7)
        await task
        await asyncio.sleep(0)
        assert gone() is None

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def test_a_client_that_hangs_up_while_the_disk_works_loses_nothing() -> None:
    async def run() -> None:
        journal, handed, forwarded, _, intake = slow()
        task = asyncio.ensure_future(intake.accept("traces", body(), "grpc"))
        await until(lambda: bool(journal.appended))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not journal.appended[0].cancelled()
        journal.appended[0].set_result(7)
        await until(lambda: bool(handed))
        assert (handed, forwarded) == ([7], [body()])

    asyncio.run(run())


def test_a_full_disk_is_overload_and_a_broken_one_is_counted() -> None:
    async def run() -> None:
        journal, handed, _, telemetry, intake = slow()
        for error, expected in ((JournalFullError("full"), OverloadedError), (OSError("broken"), OSError)):
            task = asyncio.ensure_future(intake.accept("traces", body(3), "grpc"))
            await until(lambda: bool(journal.appended))
            journal.appended.pop().set_exception(error)
            with pytest.raises(expected):
                await task
        assert handed == []
        assert telemetry.value("otelcol_receiver_failed_spans", receiver="otlp", transport="grpc") == 3
        assert telemetry.value("spanwarden_receiver_overloaded_requests", signal="traces", transport="grpc") == 1

    asyncio.run(run())


def test_metrics_are_counted_and_passed_on_and_never_stored() -> None:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="a").gauge.data_points.add(as_int=1)
    scope.metrics.add(name="b").sum.data_points.add(as_int=1)
    scope.metrics[1].sum.data_points.add(as_int=2)
    payload = message.SerializeToString()

    async def run() -> None:
        room = Room()
        # What stands before the corridor does not concern metrics.
        room.room = False
        async with room.http() as port:
            assert (await send(port, post(payload, path="/v1/metrics")))[0] == 200
            document = {
                "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [{"asInt": 5}]}}]}]}]
            }
            raw = post(json.dumps(document).encode(), "application/json", "/v1/metrics")
            assert (await send(port, raw))[0] == 200
        assert room.forwarded[0] == ("metrics", payload)
        assert len(room.forwarded) == 2
        assert (room.handed, room.journal.size()) == ([], 0)
        counted = "otelcol_receiver_accepted_metric_points"
        assert room.telemetry.value(counted, receiver="otlp", transport="http") == 4

    asyncio.run(run())


def test_one_large_body_delays_nobody_for_long() -> None:
    """JSON of many megabytes is read elsewhere while small requests go on being answered."""
    spans = [{"traceId": "ab" * 16, "spanId": "cd" * 8, "attributes": [{"key": "k", "value": {"intValue": "1"}}] * 9}]
    large = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans * 8000}]}]}).encode()

    async def run() -> None:
        room = Room()
        async with room.http() as port:
            slow_one = asyncio.ensure_future(send(port, post(large, "application/json")))
            await until(lambda: room.budget.held > len(large))
            served = 0
            while not slow_one.done() and served < 10_000:
                assert (await send(port, post(body())))[0] == 200
                served += 1
            assert (await slow_one)[0] == 200
            assert served > 10
            assert room.budget.held == 0

    asyncio.run(run())


def test_json_that_would_take_more_memory_than_there_is_is_refused() -> None:
    async def run() -> None:
        room = Room(budget=4 << 20)
        flood = b'{"x":[' + b",".join([b"[]"] * 200_000) + b"]}"
        async with room.http() as port:
            assert (await send(port, post(flood, "application/json")))[0] == 413
        assert room.budget.held == 0

    asyncio.run(run())
