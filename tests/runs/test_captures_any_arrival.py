"""Real captures give the same events however they arrive: in any order, cut up, sent again, as JSON, compressed."""

from __future__ import annotations

import gzip
import pathlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.cli.events import event_json
from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.otlp import files, json_codec
from spanwarden.otlp.requests import Signal, decode, from_json
from spanwarden.receivers.compression import decompressor
from spanwarden.runs.windows import Windows, WindowSettings

OWN = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
SHARED = pathlib.Path(__file__).parents[3] / "shared" / "corpus" / "otlp"
EVERY = 7
"""Of the shared captures, which are many, every seventh."""
SENT = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


class Sent(NamedTuple):
    signal: Signal
    body: bytes


def captures() -> list[pathlib.Path]:
    own = sorted(path for path in OWN.iterdir() if files.is_otlp(path))
    shared = sorted(path for path in SHARED.iterdir() if any(path.glob("*.binpb"))) if SHARED.is_dir() else []
    return own + [path for path in shared[::EVERY] if path.name not in {known.name for known in own}]


def requests_of(folder: pathlib.Path) -> list[Sent]:
    return [Sent(r.signal, r.body) for r in files.read(folder) if r.signal in SENT]


def records(request: Sent) -> Iterator[Sent]:
    """Yield a request for each record."""
    whole = SENT[request.signal].FromString(request.body)
    for resource in whole.resource_spans if request.signal == "traces" else whole.resource_logs:
        for scope in resource.scope_spans if request.signal == "traces" else resource.scope_logs:
            for record in scope.spans if request.signal == "traces" else scope.log_records:
                part = SENT[request.signal]()
                outer = (part.resource_spans if request.signal == "traces" else part.resource_logs).add()
                outer.resource.CopyFrom(resource.resource)
                inner = (outer.scope_spans if request.signal == "traces" else outer.scope_logs).add()
                inner.scope.CopyFrom(scope.scope)
                (inner.spans if request.signal == "traces" else inner.log_records).add().CopyFrom(record)
                yield Sent(request.signal, part.SerializeToString())


def as_json(request: Sent) -> Sent:
    text = json_codec.encode(SENT[request.signal].FromString(request.body))
    return Sent(request.signal, from_json(request.signal, text))


def compressed(request: Sent) -> Sent:
    body = gzip.compress(request.body)
    inflate = decompressor("gzip", body)
    assert inflate is not None
    return Sent(request.signal, b"".join(iter(lambda: inflate.read(1 << 16), b"")))


def runs(requests: list[Sent]) -> list[list[dict[str, Any]]]:
    windows = Windows(WindowSettings(max_run_size=1 << 30, max_size=1 << 31))
    for position, request in enumerate(requests):
        windows.add(observe(decode(request.signal, request.body), position), 0.0)
    reader = ContentReader(lambda at: decode(requests[at].signal, requests[at].body), keep=4096)
    told = []
    for decision in windows.close(0.0):
        run = decision.run
        contents = EventContents(run.events, reader)
        told.append([event_json(run, i, event, contents[i]) for i, event in enumerate(run.events)])
    return sorted(told, key=lambda events: (events[0]["run"], events[0]["start"]))


@pytest.mark.parametrize("folder", captures(), ids=lambda folder: folder.name)
def test_a_capture_gives_the_same_events_however_it_arrives(folder: pathlib.Path) -> None:
    sent = requests_of(folder)
    expected = runs(sent)
    assert expected or not sent
    chance = random.Random(folder.name)
    parts = [part for request in sent for part in records(request)]
    if len(parts) > 300:
        parts = sent
    again = [*parts, *chance.choices(parts, k=min(len(parts), 40))] if parts else []
    for arrived in (sent[::-1], chance.sample(sent, len(sent)), parts, parts[::-1], chance.sample(again, len(again))):
        assert runs(arrived) == expected
    assert runs([as_json(request) for request in sent]) == expected
    assert runs([compressed(request) for request in sent]) == expected
