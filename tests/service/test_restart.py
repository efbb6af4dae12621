"""A service that dies or is stopped goes on where it was: real processes, a real exporter, a real webhook."""

import json
import re
import signal
import time
import urllib.request

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_span_in_context

from integration.processes import Child, eventually, free_port, spanwarden
from integration.receivers import WebhookReceiver

POLICY = "name: tight\nforbidden_tools: [drop_table]\n"
SECOND = 10**9


@pytest.fixture
def hook():
    with WebhookReceiver() as receiver:
        yield receiver


class Place:
    """One directory, one set of ports, and the services that follow one another there."""

    def __init__(self, folder, url, **runs):
        self.folder = folder
        self.ports = {name: free_port() for name in ("grpc", "http", "health", "metrics")}
        (folder / "p.yaml").write_text(POLICY)
        settings = {
            "receivers": {
                "otlp": {
                    "protocols": {name: {"endpoint": f"localhost:{self.ports[name]}"} for name in ("grpc", "http")}
                }
            },
            "processors": {
                "policy": {"policies": ["p.yaml"]},
                "runs": {"settle": "200ms", "idle_timeout": "60s", "early_debounce": "1h", **runs},
            },
            "exporters": {"webhook": {"url": url}},
            "extensions": {"health_check": {"endpoint": f"localhost:{self.ports['health']}"}},
            "service": {"telemetry": {"metrics": {"endpoint": f"localhost:{self.ports['metrics']}"}}},
        }
        self.config = folder / "c.json"
        self.config.write_text(json.dumps(settings))

    def start(self):
        child = Child([*spanwarden(), "serve", "--config", str(self.config)], self.folder)
        try:
            child.wait_for_port(self.ports["metrics"])
        except AssertionError:
            child.stop()
            raise
        return child

    def metric(self, name):
        """Return the sum of a metric of the service that runs."""
        with urllib.request.urlopen(f"http://localhost:{self.ports['metrics']}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(name + r"[{ ]", line))

    def send(self, spans):
        exporter = OTLPSpanExporter(f"http://localhost:{self.ports['http']}/v1/traces", timeout=10)
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()


def agent_run(*tools, after=0):
    """Return the finished spans of one run as an SDK has them, the root last. after: a time in ns."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bot"}
    root = tracer.start_span("invoke_agent bot", attributes=attributes, start_time=after + SECOND)
    for number, tool in enumerate(tools, 2):
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": f"c{number}",
        }
        span = tracer.start_span(
            f"execute_tool {tool}", set_span_in_context(root), attributes=attributes, start_time=after + number * SECOND
        )
        span.end(after + number * SECOND + 5)
    root.end(after + 100 * SECOND)
    provider.shutdown()
    return memory.get_finished_spans()


def finding(hook):
    """Wait for the only finding; return its ids, its rule and what completed its run."""
    [(_, body)] = hook.posts.wait(lambda _: True, "a finding")
    told = body["finding"]
    return told["finding_id"], body["delivery_id"], told["rule"], body["run"]["completeness"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_open_at_the_end_is_judged_as_if_nothing_had_been(tmp_path, hook, how):
    (tmp_path / "calm").mkdir()
    calm = Place(tmp_path / "calm", hook.url)
    spans = agent_run("read_file", "drop_table", "read_file")
    with calm.start():
        calm.send(spans)
        expected = finding(hook)
    hook.posts.items.clear()
    place = Place(tmp_path, hook.url)
    for piece in (spans[:1], spans[1:3]):
        with place.start() as child:
            place.send(piece)
            child.process.send_signal(how)
            assert child.wait() == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    assert hook.posts.items == []
    with place.start() as child:
        assert "read 2 requests" in child.output()
        place.send(spans[3:])
        assert finding(hook) == expected
    assert expected[2:] == ("tool-forbidden", "root_ended")


def test_a_budget_over_runs_is_kept_through_a_kill_and_counts_each_run_once(tmp_path, hook):
    place = Place(tmp_path, hook.url, grace="10m")
    (tmp_path / "p.yaml").write_text(
        "name: tight\nrules: [{id: budget, aggregate: {op: count, of: {tool: pay}, by: [agent], over: 24h, gt: 3}}]\n"
    )
    start = time.time_ns() - 1000 * SECOND
    with place.start() as child:
        place.send(agent_run("pay", "pay", after=start))
        eventually(lambda: place.metric("spanwarden_runs_decided_total") == 1, "the run is decided")
        child.process.send_signal(signal.SIGKILL)
        child.wait()
    with place.start() as child:
        # The journal still holds the first run, which is judged again.
        eventually(lambda: place.metric("spanwarden_runs_decided_total") == 1, "the run is decided")
        place.send(agent_run("pay", after=start + 200 * SECOND))
        eventually(lambda: place.metric("spanwarden_runs_decided_total") == 2, "the run is decided")
        assert place.metric("spanwarden_not_evaluable_total") == 0
        assert hook.posts.items == []
        place.send(agent_run("pay", after=start + 400 * SECOND))
        assert finding(hook)[2] == "budget"


def test_a_second_process_is_told_whose_the_directory_is(tmp_path, hook):
    place = Place(tmp_path, hook.url)
    with place.start(), Child([*spanwarden(), "serve", "--config", str(place.config)], tmp_path) as second:
        assert second.wait() == 2
        [line] = [line for line in second.output().splitlines() if "directory" in line]
        assert line.endswith("extensions.storage.directory: data: used by another process")


def test_a_run_that_is_over_does_not_come_back_with_a_request_that_another_holds(tmp_path, hook):
    place = Place(tmp_path, hook.url, grace="200ms")
    over, open_still = agent_run("read_file"), agent_run("drop_table", "read_file")
    with place.start() as child:
        place.send([over[0], open_still[0]])
        place.send(over[1:])
        eventually(lambda: place.metric("spanwarden_runs_decided_total") == 1, "the verdict")
        eventually(lambda: place.metric("spanwarden_journal_entries") == 1, "the end of the grace")
        child.process.send_signal(signal.SIGKILL)
        child.wait()
    with place.start() as child:
        assert "read 1 requests" in child.output()
        assert place.metric("spanwarden_windows_open") == 1
        place.send(open_still[1:])
        assert finding(hook)[2:] == ("tool-forbidden", "root_ended")
        assert place.metric("spanwarden_runs_decided_total") == 1
        eventually(lambda: place.metric("spanwarden_journal_entries") == 0, "an empty journal")


def test_a_damaged_journal_does_not_keep_the_service_from_starting(tmp_path, hook):
    place = Place(tmp_path, hook.url)
    with place.start() as child:
        place.send(agent_run("read_file")[:1])
        child.process.send_signal(signal.SIGKILL)
        child.wait()
    (tmp_path / "data" / "journal" / "data.mdb").write_bytes(b"no database at all" * 1000)
    with place.start() as child:
        assert "the journal is damaged" in child.output()
        assert place.metric("spanwarden_journal_quarantined_total") == 1
        place.send(agent_run("drop_table"))
        assert finding(hook)[2] == "tool-forbidden"
    assert len(list((tmp_path / "data" / "quarantine").glob("journal-*/data.mdb"))) == 1


def test_a_run_judged_again_after_a_crash_is_told_to_nobody_twice(tmp_path, hook):
    place = Place(tmp_path, hook.url)
    with place.start() as child:
        place.send(agent_run("drop_table"))
        told = finding(hook)
        eventually(lambda: place.metric("spanwarden_outbox_pending") == 0, "the delivery to be noted")
        child.process.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    with place.start():
        eventually(lambda: place.metric("spanwarden_runs_decided_total") == 1, "the run to be judged again")
        place.send(agent_run("drop_table"))
        hook.posts.wait(lambda post: post[1]["finding"]["finding_id"] != told[0], "the finding of another run")
    assert len(hook.posts.items) == 2
