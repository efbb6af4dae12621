from __future__ import annotations

import pathlib

import pytest

from service.deliveries import FakeClock, Post, Recorder, notice, settings
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.service.clock import SystemClock
from spanwarden.storage.ledger.errors import LedgerUnavailableError
from spanwarden.storage.ledger.outbox import Outbox


def test_notices_arrive_in_order_and_leave_the_outbox() -> None:
    post = Post(exporter := Recorder())
    post.post(notice("a"), notice("b"), notice("c"))
    post.until_quiet()
    assert exporter.seen == ["a", "b", "c"]
    assert post.value("otelcol_exporter_sent_findings") == 3
    assert post.states() == {}
    assert post.delivery.idle()


def test_notices_go_in_batches_as_large_as_the_exporter_takes() -> None:
    post = Post(exporter := Recorder(max_batch=2))
    post.post(notice("a"), notice("b"), notice("c"))
    post.until_quiet()
    assert exporter.batches == [["a", "b"], ["c"]]


def test_a_failure_for_now_holds_its_own_run_in_order_and_lets_others_pass() -> None:
    post = Post(exporter := Recorder([RetryableError("down")]))
    post.post(notice("a/1"), notice("a/2"), notice("b/1"))
    assert post.delivery.step() == 0
    assert post.delivery.step() == pytest.approx(1.0), "the receiver is left alone for a while"
    post.clock.pass_time(0.999)
    assert exporter.seen == []
    post.until_quiet(0.002)
    assert exporter.seen[:1] == ["b/1"]
    post.until_quiet(5)
    assert exporter.seen.index("a/1") < exporter.seen.index("a/2")
    assert sorted(exporter.seen) == ["a/1", "a/2", "b/1"]
    assert post.value("spanwarden_exporter_retries") == 1


def test_one_notice_that_a_receiver_cannot_take_does_not_stop_the_rest() -> None:
    class Picky(Recorder):
        def deliver(self, notices: object) -> None:
            if notices[0].run.id == "poison":  # type: ignore[index]
                raise RetryableError("500")
            super().deliver(notices)  # type: ignore[arg-type]

    post = Post(exporter := Picky())
    post.post(notice("poison/1"), notice("poison/2"), *(notice(f"r{n}") for n in range(20)))
    post.until_quiet(60)
    assert exporter.seen == [f"r{n}" for n in range(20)]
    assert list(post.states()) == ["poison/1", "poison/2"]


def test_a_dead_receiver_is_asked_ever_more_rarely_however_much_waits() -> None:
    post = Post(exporter := Recorder([RetryableError("down")] * 10_000))
    post.post(*(notice(f"r{n}") for n in range(500)))
    post.until_quiet(600)
    assert 50 < exporter.attempts < 80  # once in ten seconds


def test_what_the_receiver_asks_for_is_waited_for() -> None:
    post = Post(exporter := Recorder([RetryableError("busy", after=90.0)]))
    post.post(notice("a"), notice("b"))
    post.until_quiet(89)
    assert exporter.attempts == 1
    post.until_quiet(2)
    assert sorted(exporter.seen) == ["a", "b"]


def test_a_refusal_is_a_dead_letter_and_is_not_repeated() -> None:
    post = Post(exporter := Recorder([RefusedError("400")]))
    post.post(notice("a"), notice("b"))
    post.until_quiet(600)
    assert exporter.seen == ["b"]
    assert post.states() == {"a": "dead"}
    assert post.value("otelcol_exporter_send_failed_findings") == 1


def test_a_bug_in_an_exporter_costs_one_notice(caplog: pytest.LogCaptureFixture) -> None:
    post = Post(exporter := Recorder([ZeroDivisionError("secret words")]))
    post.post(notice("a"), notice("b"))
    post.until_quiet()
    assert exporter.seen == ["b"]
    assert post.states() == {"a": "dead"}
    with post.ledger.reading() as connection:
        assert connection.execute("SELECT error FROM outbox").fetchone() == ("failed: ZeroDivisionError",)


def test_what_cannot_be_read_back_is_a_dead_letter() -> None:
    post = Post(exporter := Recorder())
    post.post(notice("a"), notice("b"))
    with post.ledger.writing() as connection:
        connection.execute("UPDATE outbox SET notice = x'c1' WHERE delivery_id = 'a'")
    post.until_quiet()
    assert exporter.seen == ["b"]
    assert post.states() == {"a": "dead"}


def test_a_day_of_failure_makes_dead_letters_of_what_waited_that_long() -> None:
    post = Post(exporter := Recorder([RetryableError("down")] * 100_000))
    post.post(*(notice(f"old{n}") for n in range(3)))
    post.until_quiet(12 * 3600)
    post.post(notice("young"))
    post.until_quiet(12.5 * 3600)
    assert post.states() == {"old0": "dead", "old1": "dead", "old2": "dead", "young": "pending"}
    assert post.value("otelcol_exporter_send_failed_findings") == 3
    exporter.answers.clear()
    post.until_quiet(60)
    assert exporter.seen == ["young"]


def test_a_wrong_clock_and_time_switched_off_make_nothing_older(tmp_path: pathlib.Path) -> None:
    first = Post(Recorder([RetryableError("down")] * 10), directory=tmp_path)
    first.post(notice("a"))
    first.until_quiet(5)
    first.lifetime.save()
    first.ledger.close()
    clock = FakeClock()
    clock.wall += 10 * 86400
    second = Post(exporter := Recorder([RetryableError("down")] * 3), directory=tmp_path, clock=clock)
    second.until_quiet(5)
    assert second.states() == {"a": "pending"}
    clock.wall -= 20 * 86400
    second.until_quiet(60)
    assert exporter.seen == ["a"]
    second.ledger.close()


def test_max_elapsed_time_of_zero_never_gives_up() -> None:
    options = settings(retry_on_failure={"max_elapsed_time": 0})
    post = Post(exporter := Recorder([RetryableError("down")] * 6000), options)
    post.post(notice("a"))
    post.until_quiet(3 * 86400)
    assert exporter.seen == ["a"]


def test_severity_and_kind_are_filtered() -> None:
    post = Post(exporter := Recorder(), settings(min_severity="medium"))
    post.post(notice("low", "low"), notice("high", "high"), notice("run", "high", "evaluation"))
    post.until_quiet()
    assert exporter.seen == ["high"]


@pytest.mark.parametrize(("sent", "seen"), [(True, ["enforced", "watched"]), (False, ["enforced"])])
def test_findings_that_are_only_monitored_may_be_left_out(sent: bool, seen: list[str]) -> None:
    post = Post(exporter := Recorder(), settings(monitored=sent))
    post.post(notice("enforced"), notice("watched", mode="monitor"))
    post.until_quiet()
    assert exporter.seen == seen


def test_what_a_full_queue_cannot_take_is_a_dead_letter_at_once() -> None:
    post = Post(exporter := Recorder(), settings(sending_queue={"queue_size": 2}))
    assert post.post(notice("a"), notice("b"), notice("c")).refused == {"test": 1}
    assert post.post(notice("d")).refused == {"test": 1}
    assert post.states() == {"a": "pending", "b": "pending", "c": "dead", "d": "dead"}
    post.until_quiet()
    assert exporter.seen == ["a", "b"]
    assert post.post(notice("e")).refused == {}


def test_what_exceeds_the_rate_waits() -> None:
    post = Post(exporter := Recorder(max_batch=10), settings(rate_limit={"notices": 2, "interval": "1m"}))
    post.post(*(notice(f"{n}") for n in range(5)))
    post.until_quiet()
    assert exporter.seen == ["0", "1"]
    post.until_quiet(31)
    assert exporter.seen == ["0", "1", "2"]
    post.until_quiet(70)
    assert exporter.seen == ["0", "1", "2", "3", "4"]


def test_likes_within_a_window_are_suppressed_and_can_be_sent_after_all() -> None:
    post = Post(exporter := Recorder(), settings(dedup={"by": ["rule", "agent"], "window": "1h"}))
    first = notice("a/1")
    later = notice("b/1")
    later = type(later)(*(3601 * 10**9 if f == "observed" else getattr(later, f) for f in later.__struct_fields__))
    assert post.post(first, notice("b/0")).suppressed == {"test": 1}
    assert post.post(later).suppressed == {}
    post.until_quiet()
    assert exporter.seen == ["a/1", "b/1"]
    assert post.states() == {"b/0": "suppressed"}


def test_a_rule_may_say_itself_what_is_the_same() -> None:
    post = Post(exporter := Recorder())
    same = {"dedup_key": "k", "dedup_for": 60.0}
    assert post.post(notice("a", **same), notice("b", **same), notice("c")).suppressed == {"test": 1}
    post.until_quiet()
    assert exporter.seen == ["a", "c"]


def test_what_was_delivered_is_not_sent_again_when_the_ledger_could_not_note_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = Post(exporter := Recorder())
    post.post(notice("a"), notice("b"))

    def fail(*_: object) -> None:
        raise LedgerUnavailableError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "settle", fail)
        for _ in range(3):
            with pytest.raises(LedgerUnavailableError):
                post.delivery.step()
    assert exporter.seen == ["a"]
    post.until_quiet()
    assert exporter.seen == ["a", "b"]
    assert post.states() == {}


def test_a_restart_goes_on_with_what_waited_and_keeps_waiting_as_asked(tmp_path: pathlib.Path) -> None:
    first = Post(Recorder([RetryableError("busy", after=60.0)]), directory=tmp_path)
    first.post(notice("a/1"), notice("a/2"), notice("b/1"))
    first.delivery.step()
    first.ledger.close()
    clock = FakeClock()
    second = Post(exporter := Recorder(), directory=tmp_path, clock=clock)
    second.delivery.start()
    second.delivery.wake()
    second.delivery.close(0)
    third = Post(exporter, directory=tmp_path, clock=clock)
    third.until_quiet(120)
    assert sorted(exporter.seen) == ["a/1", "a/2", "b/1"]
    assert exporter.seen.index("a/1") < exporter.seen.index("a/2")
    second.ledger.close()
    third.ledger.close()


def test_closing_delivers_what_waits_and_closes_the_exporter() -> None:
    post = Post(exporter := Recorder(), clock=SystemClock())
    post.post(notice("a"), notice("b"))
    post.delivery.start()
    post.delivery.close(10)
    assert exporter.seen == ["a", "b"]
    assert exporter.closed


def test_posting_never_waits_for_a_hanging_exporter() -> None:
    post = Post(exporter := Recorder(), clock=SystemClock())
    exporter.gate.clear()
    post.delivery.start()
    post.post(notice("a"))
    assert exporter.entered.wait(10)
    post.post(notice("b"))
    assert not post.delivery.idle()
    exporter.gate.set()
    post.delivery.close(10)
    assert exporter.seen == ["a", "b"]


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_left_at_the_end_waits_for_the_next_start_or_is_counted_lost(
    tmp_path: pathlib.Path, durable: bool
) -> None:
    options = settings(retry_on_failure={"initial_interval": "1ms", "max_interval": "2ms"})
    post = Post(Recorder([RetryableError("down")] * 100_000), options, tmp_path if durable else None, SystemClock())
    post.post(notice("a"))
    post.delivery.start()
    post.delivery.close(0.05)
    assert post.states() == {"a": "pending"}
    assert post.value("otelcol_exporter_send_failed_findings") == (0 if durable else 1)
    post.ledger.close()
