"""One directory, one set of ports, and the services that follow one another there; what they leave behind."""

import contextlib
import json
import pathlib
import sqlite3
import time
from typing import NamedTuple

from crash.load import POLICY
from integration.processes import Child, eventually, free_port, spanwarden
from integration.traffic import counter


class Left(NamedTuple):
    """What a ledger says in the end.

    findings: the ids that hold, with their delivery ids. told: every finding id with each delivery id it ever had.
    runs: by trace id, or their own where logs name none, how they were completed and how many events they have. spans:
    those that evidence names. waiting: notices that are not delivered. learned: what rules know of each run.
    """

    findings: dict[str, str]
    told: set[tuple[str, str]]
    runs: dict[str, tuple[str, int]]
    spans: set[str]
    waiting: int
    learned: set[tuple[str, str, str, bytes]]


class Place:
    """Where services of a test live; `start` one after the other."""

    def __init__(self, folder, url, **runs):
        self.folder = folder
        self.data = folder / "data"
        self.ports = {name: free_port() for name in ("grpc", "http", "metrics")}
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        protocols = {name: {"endpoint": f"127.0.0.1:{self.ports[name]}"} for name in ("grpc", "http")}
        retry = {"initial_interval": "50ms", "max_interval": "300ms"}
        settings = {
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": {
                "policy": {"policies": ["policy.yaml", "pack:agent-baseline"]},
                "runs": {"settle": "200ms", **runs},
            },
            "exporters": {"webhook": {"url": url, "timeout": "1s", "retry_on_failure": retry}},
            "extensions": {"health_check": None, "storage": {"directory": str(self.data)}},
            "service": {
                "telemetry": {"metrics": {"endpoint": f"127.0.0.1:{self.ports['metrics']}"}},
                "shutdown_timeout": "6s",  # an orderly end delivers for so long, and the webhook flaps
            },
        }
        self.config = folder / "spanwarden.json"
        self.config.write_text(json.dumps(settings), encoding="utf-8")

    def spawn(self, *before):
        """Start a service without waiting for it; `before`: the words of what starts it."""
        return Child([*before, *spanwarden(), "serve", "--config", str(self.config)], self.folder)

    def start(self, *before):
        """Start a service; returns once it listens."""
        child = self.spawn(*before)
        try:
            child.wait_for_port(self.ports["metrics"])
        except BaseException:
            child.stop()
            raise
        return child

    def metric(self, name):
        return counter(self.ports["metrics"], name)

    def finish(self, crowd, deadline=120.0):
        """Wait until everything is acknowledged, decided and delivered."""
        eventually(crowd.idle, "the last acknowledgement", deadline)
        for name in ("pending_bytes", "windows_open", "ledger_waiting_runs", "outbox_pending"):
            eventually(lambda name=name: not self.metric(f"spanwarden_{name}"), name, deadline)

    def left(self):
        """Return what the ledger says."""
        return read(self.data)


def read(directory):
    """Return what the ledger in a directory says."""
    file = pathlib.Path(directory, "ledger.sqlite")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT id, delivery_id, body FROM findings WHERE status != 'withdrawn'").fetchall()
        told = set(connection.execute("SELECT finding, delivery_id FROM finding_revisions").fetchall())
        runs = connection.execute("SELECT summary FROM runs WHERE absorbed_by IS NULL").fetchall()
        learned = set(connection.execute("SELECT topic, key, run, samples FROM history").fetchall())
        waiting = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    summaries = [json.loads(row[0]) for row in runs]
    return Left(
        {name: delivery for name, delivery, _ in rows},
        told,
        {run["root_trace_id"] or run["id"]: (run["completeness"], run["event_count"]) for run in summaries},
        {item["span_id"] for *_, body in rows for item in json.loads(body)["evidence"]},
        waiting,
        learned,
    )


def facts(post):
    """Return what a delivery says, without how it says it."""
    finding = post["finding"]
    evidence = sorted(
        (e["role"], e["span_id"] or "", e.get("field") or "", e.get("text") or "") for e in finding["evidence"]
    )
    return finding["finding_id"], repr(evidence)


def check_deliveries(posts, left):
    """Everything was told at least once, nothing under two names."""
    seen = {(post["finding"]["finding_id"], post["delivery_id"]) for post in posts}
    assert seen == left.told
    names = {}
    for post in posts:
        names.setdefault(facts(post), set()).add(post["delivery_id"])
    assert {what: ids for what, ids in names.items() if len(ids) > 1} == {}


def check_spans(load, left):
    """Every span that was sent is accounted for, and no run is cut in two."""
    assert {f"{span:016x}" for span in load.calls} <= left.spans
    assert left.runs == {f"{trace:032x}": ("root_ended", count) for trace, count in load.runs.items()}


def pause(seconds):
    """Let the service run on for a while: how far it comes is what the seed is to decide."""
    time.sleep(seconds)
