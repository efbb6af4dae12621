"""Exporters fed from a ledger, told over real HTTP."""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.deliveries import notice
from spanwarden.exporters.base import Notice
from spanwarden.service.clock import SystemClock
from spanwarden.service.lifetime import Lifetime
from spanwarden.service.loading import SettingsError, check
from spanwarden.service.metrics import Telemetry
from spanwarden.service.outlets import Outlets
from spanwarden.service.recording import packed
from spanwarden.service.settings import Settings
from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.ledger import Ledger


class Hook:
    """A webhook receiver that answers each request with the next of `answers`, then with 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[dict[str, Any]] = []
        self.arrived = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with hook.arrived:
                    status = hook.answers.pop(0) if hook.answers else 204
                    if status == 204:
                        hook.taken.append(body)
                    hook.arrived.notify_all()
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self, count: int) -> list[str]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.taken) >= count, 30), self.taken
            return [body["delivery_id"] for body in self.taken]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


class Office:
    """The outlets of one process on a ledger."""

    def __init__(self, directory: pathlib.Path | None, exporters: dict[str, Any]) -> None:
        clock = SystemClock()
        self.telemetry = Telemetry()
        self.ledger = Ledger(directory)
        self.ledger.open(clock.wall_ns())
        self.lifetime = Lifetime(self.ledger, clock)
        self.outlets = Outlets(self.ledger, self.lifetime, self.telemetry, clock)
        self.outlets.configure(settings(exporters))

    def post(self, *notices: Notice) -> None:
        with self.ledger.writing() as connection:
            mailing = self.outlets.mailing(Decisions(connection))
            for each in notices:
                mailing.post(each, packed)
        self.outlets.posted(mailing)

    def close(self, timeout: float = 10.0) -> None:
        self.outlets.close(timeout)
        self.ledger.close()


def settings(exporters: dict[str, Any]) -> Settings:
    return check({"processors": {"policy": {"policies": []}}, "exporters": exporters})


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "retry_on_failure": {"initial_interval": "5ms", "max_interval": "20ms"}, **more}


def test_a_flapping_receiver_gets_everything_once_and_in_order_within_each_run(hook: Hook) -> None:
    hook.answers = [503, 204, 500, 429, 204, 503, 503, 204, 502] * 3
    office = Office(None, {"webhook": webhook(hook.url)})
    office.outlets.start()
    names = [f"r{run}/{number}" for number in range(5) for run in range(4)]
    office.post(*map(notice, names[:7]))
    office.post(*map(notice, names[7:]))
    taken = hook.wait(len(names))
    office.close()
    assert sorted(taken) == sorted(names)
    for run in range(4):
        own = [name for name in taken if name.startswith(f"r{run}/")]
        assert own == sorted(own)
    assert office.telemetry.value("otelcol_exporter_sent_findings", exporter="webhook") == len(names)
    assert office.telemetry.value("spanwarden_outbox_pending", exporter="webhook") == 0


def test_a_dead_exporter_delays_no_other(hook: Hook) -> None:
    dead = {"url": "http://127.0.0.1:9/", "timeout": "1s"}
    office = Office(None, {"webhook/dead": dead, "webhook/live": webhook(hook.url)})
    office.outlets.start()
    office.post(*(notice(f"r{n}") for n in range(30)))
    assert len(hook.wait(30)) == 30
    assert office.telemetry.value("spanwarden_outbox_pending", exporter="webhook/dead") == 30
    assert office.telemetry.value("otelcol_exporter_queue_size", exporter="webhook/dead") == 30
    office.close(0.1)


def test_a_restart_in_the_middle_delivers_the_rest_and_nothing_twice(tmp_path: pathlib.Path, hook: Hook) -> None:
    hook.answers = [204, 204] + [503] * 10_000
    first = Office(tmp_path, {"webhook": webhook(hook.url)})
    first.outlets.start()
    first.post(*(notice(f"a/{n}") for n in range(6)))
    hook.wait(2)
    first.close(0.2)
    hook.answers = []
    second = Office(tmp_path, {"webhook": webhook(hook.url)})
    assert second.telemetry.value("spanwarden_outbox_pending", exporter="webhook") == 4
    second.outlets.start()
    assert hook.wait(6) == [f"a/{n}" for n in range(6)]
    second.close()


def test_changed_settings_take_over_what_waits(hook: Hook, tmp_path: pathlib.Path) -> None:
    office = Office(tmp_path, {"webhook": {"url": "http://127.0.0.1:9/", "timeout": "1s"}})
    office.outlets.start()
    office.post(notice("a"))
    gone = office.outlets.configure(settings({"webhook": webhook(hook.url)}))
    assert gone == [], "the old one is closed before the new one starts"
    assert hook.wait(1) == ["a"]
    office.close()


def test_notices_for_an_exporter_that_is_gone_are_kept_and_said(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Office(tmp_path, {"webhook/old": {"url": "http://127.0.0.1:9/"}})
    first.post(notice("a"))
    first.ledger.close()
    second = Office(tmp_path, {})
    second.outlets.start()
    second.close()
    assert "1 notices wait for exporter webhook/old, which is not in the settings" in caplog.text


def test_words_that_are_not_kept_cannot_be_sent() -> None:
    full = {"console": {"content": "full"}}
    with pytest.raises(SettingsError, match=r"exporters.console.content: full needs extensions.storage.content: full"):
        settings(full)
    storage = {"extensions": {"storage": {"content": "full"}}}
    assert check({"exporters": full, **storage}).exporters["console"].content == "full"
