"""Real captures as requests that hold one record each, and what windows make of them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.model.observation import Observation
from spanwarden.otlp import files
from spanwarden.otlp.requests import Signal, decode
from spanwarden.otlp.splitting import split

OWN = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
SHARED = pathlib.Path(__file__).parents[3] / "shared" / "corpus" / "otlp"
EVERY = 7
"""Of the shared captures, which are many, every seventh."""
SENT = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
POLICY = pathlib.Path(__file__).with_name("policy.yaml")
"""Rules that fire on nearly every capture: by tool, path, order, count, content."""


class Sent(NamedTuple):
    """A request as it came over the wire."""

    signal: Signal
    body: bytes


def captures() -> list[pathlib.Path]:
    """Return the folders of the captures that are there."""
    own = sorted(path for path in OWN.iterdir() if files.is_otlp(path))
    shared = sorted(path for path in SHARED.iterdir() if any(path.glob("*.binpb"))) if SHARED.is_dir() else []
    return own + [path for path in shared[::EVERY] if path.name not in {known.name for known in own}]


def requests_of(folder: pathlib.Path) -> list[Sent]:
    """Return a capture's requests in the order in which they came."""
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


def observed(request: Sent, position: int) -> list[Observation]:
    """Return what a request says."""
    return observe(decode(request.signal, request.body), position)


def reader(requests: Callable[[int], Sent]) -> ContentReader:
    """Return what reads content again from requests by their position."""

    def fetch(position: int):  # type: ignore[no-untyped-def]
        sent = requests(position)
        return split(sent.signal, sent.body)

    return ContentReader(fetch)


__all__ = ["EventContents", "captures", "observed", "reader", "records", "requests_of"]
