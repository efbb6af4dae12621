from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from spanwarden.exporters.base import ExporterSettings, Notice, NoticeKind, RefusedError, RetryableError, RunSummary
from spanwarden.model.finding import Finding, Severity
from spanwarden.service.clock import SystemClock
from spanwarden.service.delivery import Delivery
from spanwarden.service.metrics import Telemetry


class Recorder:
    """A real exporter that keeps what it is given and answers as told."""

    wants: frozenset[NoticeKind] = frozenset({"finding"})
    max_batch = 1

    def __init__(self, answers: Sequence[Exception | None] = ()) -> None:
        self.answers = list(answers)
        self.seen: list[str] = []
        self.attempts = 0
        self.closed = False
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, notices: Sequence[Notice]) -> None:
        self.entered.set()
        self.gate.wait(10)
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.seen += [notice.run.id for notice in notices]

    def close(self) -> None:
        self.closed = True


def notice(name: str, severity: Severity = "high", kind: NoticeKind = "finding") -> Notice:
    finding = Finding("rule", severity, "title", "message", "policy")
    return Notice(kind, RunSummary(name), (finding,), "policy", "1", 0)


def settings(**values: object) -> ExporterSettings:
    fast = {"initial_interval": "1ms", "max_interval": "2ms", "max_elapsed_time": "5s"}
    return ExporterSettings.model_validate({"retry_on_failure": fast, **values})


def deliver(
    exporter: Recorder, notices: Sequence[Notice], options: ExporterSettings | None = None
) -> Callable[[str], float]:
    telemetry = Telemetry()
    delivery = Delivery("test", exporter, options or settings(), telemetry, SystemClock())
    for item in notices:
        delivery.offer(item)
    delivery.start()
    delivery.close(10)
    assert exporter.closed
    assert delivery.idle()
    return lambda name: telemetry.value(name, exporter="test")


def test_notices_arrive_in_order() -> None:
    exporter = Recorder()
    value = deliver(exporter, [notice("a"), notice("b"), notice("c")])
    assert exporter.seen == ["a", "b", "c"]
    assert value("otelcol_exporter_sent_findings") == 3


def test_a_retryable_failure_is_tried_again_before_the_next_notice() -> None:
    exporter = Recorder([RetryableError("down"), RetryableError("down", after=0.001)])
    telemetry = Telemetry()
    delivery = Delivery("test", exporter, settings(), telemetry, SystemClock())
    delivery.start()
    delivery.offer(notice("a"))
    delivery.offer(notice("b"))
    done = threading.Event()
    original = exporter.deliver

    def watch(notices: Sequence[Notice]) -> None:
        original(notices)
        if exporter.seen == ["a", "b"]:
            done.set()

    exporter.deliver = watch  # type: ignore[method-assign]
    assert done.wait(10)
    delivery.close(10)
    assert exporter.attempts == 4
    assert telemetry.value("spanwarden_exporter_retries", exporter="test") == 2


def test_a_refusal_is_counted_and_not_repeated() -> None:
    exporter = Recorder([RefusedError("no")])
    value = deliver(exporter, [notice("a"), notice("b")])
    assert exporter.seen == ["b"]
    assert value("otelcol_exporter_send_failed_findings") == 1


def test_an_unexpected_failure_does_not_end_the_thread() -> None:
    exporter = Recorder([ZeroDivisionError("bug")])
    value = deliver(exporter, [notice("a"), notice("b")])
    assert exporter.seen == ["b"]
    assert value("otelcol_exporter_send_failed_findings") == 1


def test_what_cannot_be_delivered_in_time_is_given_up() -> None:
    exporter = Recorder([RetryableError("down")] * 1000)
    options = settings(retry_on_failure={"initial_interval": "1ms", "max_elapsed_time": "1us"})
    value = deliver(exporter, [notice("a")], options)
    assert exporter.attempts == 1
    assert value("otelcol_exporter_send_failed_findings") == 1


def test_severity_and_kind_are_filtered() -> None:
    exporter = Recorder()
    given = [notice("low", "low"), notice("high", "high"), notice("run", "high", "evaluation")]
    deliver(exporter, given, settings(min_severity="medium"))
    assert exporter.seen == ["high"]


def test_the_oldest_notice_makes_room_in_a_full_queue() -> None:
    exporter = Recorder()
    value = deliver(exporter, [notice("a"), notice("b"), notice("c")], settings(sending_queue={"queue_size": 2}))
    assert exporter.seen == ["b", "c"]
    assert value("otelcol_exporter_enqueue_failed_findings") == 1


def test_offering_never_waits_for_a_hanging_exporter() -> None:
    exporter = Recorder()
    exporter.gate.clear()
    delivery = Delivery("test", exporter, settings(), Telemetry(), SystemClock())
    delivery.start()
    delivery.offer(notice("a"))
    assert exporter.entered.wait(10)
    delivery.offer(notice("b"))
    assert not delivery.idle()
    exporter.gate.set()
    delivery.close(10)
    assert exporter.seen == ["a", "b"]
