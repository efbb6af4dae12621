from __future__ import annotations

import pathlib

import pytest

from service.deliveries import FakeClock
from spanwarden.service.housekeeping import PRUNE_EVERY, Housekeeping
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import HistorySettings, RetentionSettings
from spanwarden.storage.ledger.history import Learned, write
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.opening import FILE, open_beside
from spanwarden.storage.ledger.outbox import Outbox
from storage.ledgers import count, write_run


class Kept:
    def __init__(self, directory: pathlib.Path | None = None, **retention: str) -> None:
        self.clock = FakeClock()
        self.telemetry = Telemetry()
        self.ledger = Ledger(directory)
        self.lifetime = Lifetime(self.ledger, self.clock)
        self.woken = 0
        settings, history = RetentionSettings.model_validate(retention), HistorySettings()
        self.chores = Housekeeping(self.ledger, self.lifetime, settings, history, self.wake, self.telemetry, self.clock)
        self.chores.open()

    def wake(self) -> None:
        self.woken += 1


def test_what_is_known_of_runs_never_costs_the_ledger_its_runs() -> None:
    kept = Kept(max_size="1MiB")
    write_run(kept.ledger, "a", kept.clock.wall_ns())
    kept.chores.step()

    def flood(first: int) -> None:
        with kept.ledger.writing() as connection:
            for number in range(first, first + 2_000):
                sample = (kept.clock.wall_ns(), 1.0, "")
                learned = Learned(((("t", str(number)), (sample,)),))
                write(connection, f"r{number}", learned, whole=True)

    flood(0)
    kept.clock.pass_time(1)
    kept.chores.step()
    assert kept.telemetry.value("spanwarden_history_bytes") <= 256 * 1024, "at once, not after a minute"
    assert kept.telemetry.value("spanwarden_history_capacity_bytes") == 256 * 1024
    flood(10_000)
    kept.clock.pass_time(PRUNE_EVERY)
    kept.chores.step()
    assert kept.telemetry.value("spanwarden_history_bytes") <= 256 * 1024
    assert count(kept.ledger, "runs") == 1


def test_old_runs_go_once_a_minute() -> None:
    kept = Kept(max_age="1h")
    kept.chores.step()
    write_run(kept.ledger, "a", kept.clock.wall_ns(), posts=True)
    kept.clock.pass_time(3601)
    kept.chores.step()
    assert count(kept.ledger, "runs") == 0
    assert kept.telemetry.value("spanwarden_ledger_pruned_runs") == 1
    assert Outbox(kept.ledger).counts() == {("hook", "dead"): 1}
    write_run(kept.ledger, "b", kept.clock.wall_ns() - 2 * 3600 * 10**9)
    kept.chores.step()
    assert count(kept.ledger, "runs") == 1, "not before a minute has passed"
    kept.clock.pass_time(PRUNE_EVERY)
    kept.chores.step()
    assert count(kept.ledger, "runs") == 0


def test_a_ledger_that_is_too_big_shrinks_with_some_room_to_spare(tmp_path: pathlib.Path) -> None:
    kept = Kept(tmp_path, max_size="500KiB")
    for number in range(60):
        write_run(kept.ledger, f"r{number}", kept.clock.wall_ns() - 60 + number, size=10_000)
    assert kept.ledger.used() > 1_000_000
    kept.chores.step()
    assert kept.ledger.used() <= 0.9 * 500 * 1024
    assert (tmp_path / FILE).stat().st_size < 600_000
    assert kept.telemetry.value("spanwarden_ledger_bytes") < 600_000
    assert count(kept.ledger, "runs") > 5
    kept.chores.stop()
    kept.ledger.close()


def test_a_change_from_outside_wakes_the_exporters(tmp_path: pathlib.Path) -> None:
    kept = Kept(tmp_path)
    kept.chores.step()
    before = kept.woken
    kept.chores.step()
    assert kept.woken == before
    other = open_beside(tmp_path)
    other.execute("INSERT INTO state VALUES ('x', x'01')")
    other.close()
    kept.chores.step()
    assert kept.woken == before + 1
    kept.ledger.close()


def test_a_damaged_ledger_is_said_and_counted(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    kept = Kept(tmp_path)
    assert kept.telemetry.value("spanwarden_ledger_quarantined") == 1
    assert str(tmp_path / "quarantine") in caplog.text
    write_run(kept.ledger, "a")
    kept.ledger.close()


def test_the_life_of_the_service_goes_on_after_a_restart(tmp_path: pathlib.Path) -> None:
    first = Kept(tmp_path)
    first.clock.pass_time(100)
    first.chores.start()
    first.chores.stop()
    first.ledger.close()
    second = Kept(tmp_path)
    second.clock.pass_time(5)
    assert second.lifetime.seconds() == pytest.approx(105)
    second.ledger.close()
