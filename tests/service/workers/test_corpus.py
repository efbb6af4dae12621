"""Captured agents, each over one of several connections to several workers, are judged as by one process."""

import http.client
import itertools
import threading

from crash.hooks import FlappingWebhook
from integration.processes import eventually
from service.forwarding.upstreams import captures
from service.workers.crew import Crew

CONNECTIONS = 6
SETTLE = "8s"
"""Longer than all of the corpus takes to arrive on a busy machine, so that it is judged whole."""


def post(port, requests):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for signal, body in requests:
        while True:
            connection.request("POST", f"/v1/{signal}", body, {"content-type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                break
            assert answer.status == 503, answer.status
    connection.close()


def judged(folder, workers, connections):
    """Return the findings on the corpus, and its runs, by what the ledger says in the end."""
    folder.mkdir()
    agents = {}
    for name, signal, body in captures():
        agents.setdefault(name.rpartition("/")[0], []).append((signal, body))
    with FlappingWebhook(1) as hook:
        place = Crew(folder, hook.url, workers, settle=SETTLE, idle_timeout=SETTLE, early_debounce="1h")
        with place.start() as child:
            shares = [list(itertools.chain(*list(agents.values())[at::connections])) for at in range(connections)]
            threads = [threading.Thread(target=post, args=(place.ports["http"], share)) for share in shares]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            eventually(lambda: place.metric("spanwarden_runs_decided_total"), "the first verdict")
            for name in ("pending_bytes", "windows_open", "ledger_waiting_runs"):
                eventually(lambda name=name: not place.metric(f"spanwarden_{name}"), name)
            assert place.metric("spanwarden_processing_errors_total") == 0
            assert child.stop() == 0
        left = place.left()
    return left.findings, left.spans, sorted(left.runs.values())


def test_the_corpus_over_many_connections(tmp_path):
    findings, spans, runs = judged(tmp_path / "one", 1, 1)
    assert len(findings) > 50
    assert judged(tmp_path / "three", 3, CONNECTIONS) == (findings, spans, runs)
