from __future__ import annotations

import asyncio
import logging
import os
import pathlib
from collections.abc import Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanwarden.exporters.base import ExporterSettings, Notice, NoticeKind
from spanwarden.model.event import Usage
from spanwarden.otlp.requests import decode_traces
from spanwarden.service.app import Service, Sources
from spanwarden.service.clock import SystemClock
from spanwarden.service.loading import check, load
from spanwarden.service.logs import configure
from spanwarden.service.metrics import Telemetry
from spanwarden.service.reloading import Reloader
from spanwarden.storage.journal import Entry

IN_MEMORY = "extensions: {storage: {directory: null}}\n"


class Files:
    """A settings file and a policy file, and a service built from them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.config = folder / "c.yaml"
        self.policy = folder / "p.yaml"
        self.version = 0
        self.write(self.policy, "name: first\nforbidden_tools: [a]\n")
        self.write(self.config, "processors: {policy: {policies: [p.yaml]}}\nexporters: {console: }\n" + IN_MEMORY)
        source = Sources(lambda: load([str(self.config)]), (self.config,))
        self.service = Service(load([str(self.config)]), folder=folder, sources=source)

    def write(self, path: pathlib.Path, text: str) -> None:
        path.write_text(text)
        self.version += 1
        os.utime(path, ns=(self.version * 10**9, self.version * 10**9))

    @property
    def names(self) -> list[str]:
        return [policy.name for policy in self.service.policies]


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return Files(tmp_path)


def test_changed_tools_and_prices_are_taken_in(files: Files) -> None:
    service, prices = files.service, files.config.parent / "prices.yaml"
    files.write(prices, "acme: {input: 1, output: 1}\n")
    files.write(files.config, "processors: {cost: {prices: prices.yaml}, effects: {tools: {acme_wipe: file_delete}}}\n")
    assert service.reloader.reload()
    assert service._corridor.tools.tools["acmewipe"] == ("file_delete",)
    assert service._windows.prices is not None
    assert service._windows.prices.cost(Usage(1_000_000, 0), "acme", None, 0) == 1.0
    files.write(prices, "acme: {input: 2, output: 1}\n")
    assert service.reloader.changed()
    assert service.reloader.reload()
    assert service._windows.prices.cost(Usage(1_000_000, 0), "acme", None, 0) == 2.0
    files.write(prices, "acme: {input: two, output: 1}\n")
    assert not service.reloader.reload()
    assert service._windows.prices.cost(Usage(1_000_000, 0), "acme", None, 0) == 2.0


def test_a_changed_policy_is_taken_in(files: Files) -> None:
    assert not files.service.reloader.changed()
    files.write(files.policy, "name: second\nforbidden_tools: [b]\n")
    assert files.service.reloader.changed()
    assert files.service.reloader.reload()
    assert files.names == ["second"]
    assert not files.service.reloader.changed()
    assert files.service.telemetry.value("spanwarden_reloads", result="applied") == 1


@pytest.mark.parametrize("which", ["policy", "config"])
def test_an_invalid_file_is_refused_and_the_old_state_stays(
    files: Files, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    files.write(getattr(files, which), "forbiden_tools: [a]\n")
    assert not files.service.reloader.reload()
    assert files.names == ["first"]
    assert "stay in force" in caplog.text
    value = files.service.telemetry.value
    assert value("spanwarden_config_last_reload_successful") == 0
    assert not files.service.reloader.changed()
    files.write(files.policy, "name: third\nforbidden_tools: [b]\n")
    files.write(files.config, "processors: {policy: {policies: [p.yaml]}}\n")
    assert files.service.reloader.reload()
    assert files.names == ["third"]
    assert value("spanwarden_config_last_reload_successful") == 1


def test_exporters_are_exchanged_and_unchanged_ones_kept(files: Files) -> None:
    before = files.service.outlets.configure(files.service._settings)
    assert before == []
    files.write(
        files.config,
        "processors: {policy: {policies: [p.yaml]}}\n"
        "exporters: {console: , webhook/ops: {url: 'http://127.0.0.1:9/'}}\n",
    )
    assert files.service.reloader.reload()
    assert files.service.outlets.names == ["console", "webhook/ops"]
    files.write(files.config, "processors: {policy: {policies: [p.yaml]}}\nexporters: {webhook/ops: {url: '::'}}\n")
    assert not files.service.reloader.reload()
    assert files.service.outlets.names == ["console", "webhook/ops"]


def test_what_needs_a_restart_is_said(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    files.write(
        files.config,
        "receivers: {otlp: {protocols: {http: }}}\nprocessors: {policy: {policies: [p.yaml]}, runs: {settle: 9s}}\n",
    )
    assert files.service.reloader.reload()
    assert "receivers changed; this needs a restart" in caplog.text
    assert files.service._windows.settings.settle == 9


def test_a_file_change_or_a_request_leads_to_a_reload(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "f"
    file.write_text("1")
    applied: list[str] = []

    async def scenario() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def apply() -> None:
            applied.append(file.read_text())
            loop.call_soon_threadsafe(done.set)

        reloader = Reloader(apply, lambda: [file], Telemetry(), SystemClock())
        watching = asyncio.create_task(reloader.watch(0.01))
        async with asyncio.timeout(20):
            file.write_text("22")
            await done.wait()
            done.clear()
            reloader.ask()
            await done.wait()
        watching.cancel()

    asyncio.run(scenario())
    assert applied[0] == "22"
    assert len(applied) >= 2


def test_a_missing_watched_file_is_a_change_and_no_crash(files: Files) -> None:
    files.policy.unlink()
    assert files.service.reloader.changed()
    assert not files.service.reloader.reload()
    assert files.names == ["first"]


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure("info", "json")
        logging.getLogger("spanwarden.x").info("two\nlines")
        logging.getLogger("spanwarden.x").debug("hidden")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    [line] = capsys.readouterr().err.splitlines()
    assert '"message":"two\\nlines"' in line


def test_forwarding_exporters_get_no_findings() -> None:
    settings = check(
        {
            "processors": {"policy": {"policies": []}},
            "exporters": {"console": {}, "otlp/up": {"endpoint": "localhost:9"}},
            "service": {"pipelines": {"traces": {"exporters": ["otlp/up"]}}},
        }
    )
    assert Service(settings).outlets.names == ["console"]


def test_an_open_run_survives_a_reload_and_is_judged_by_the_new_policy(files: Files) -> None:
    service = files.service
    told: list[Notice] = []

    class Keeper:
        wants: frozenset[NoticeKind] = frozenset({"finding", "evaluation"})
        max_batch = 1

        def deliver(self, notices: Sequence[Notice]) -> None:
            told.extend(notices)

        def close(self) -> None:
            pass

    def span(number: int, parent: int) -> bytes:
        message = ExportTraceServiceRequest()
        added = message.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16)
        added.span_id = number.to_bytes(8, "big")
        added.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        pairs = {"gen_ai.operation.name": "execute_tool" if parent else "invoke_agent", "gen_ai.tool.name": "b"}
        added.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in pairs.items())
        return message.SerializeToString()

    def receive(body: bytes) -> None:
        position = service._journal.append(Entry("traces", 0, body)).result()
        service._corridor.hand_over(position, decode_traces(body), len(body))
        service._corridor.step()

    receive(span(2, 1))
    assert len(service._windows) == 1
    files.write(files.policy, "name: second\nforbidden_tools: [b]\n")
    assert service.reloader.reload()
    receive(span(1, 0))
    service.outlets.add("keeper", Keeper(), ExporterSettings())
    service.outlets.start()
    service._corridor.finish()
    service.outlets.close(5)
    assert [(n.kind, n.policy) for n in told] == [("finding", "second"), ("evaluation", "second")]
    assert told[0].run.event_count == 2
