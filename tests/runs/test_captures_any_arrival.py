"""Real captures give the same events however they arrive: in any order, cut up, sent again, as JSON, compressed."""

from __future__ import annotations

import gzip
import pathlib
import random
from typing import Any

import pytest

from runs.captures import SENT, Sent, captures, observed, reader, records, requests_of
from spanwarden.cli.events import event_json
from spanwarden.dialects.reading import EventContents
from spanwarden.otlp import json_codec
from spanwarden.otlp.requests import from_json
from spanwarden.receivers.compression import decompressor
from spanwarden.runs.windows import Windows, WindowSettings


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
        windows.add(observed(request, position), 0.0)
    contents_of = reader(requests.__getitem__)
    told = []
    for decision in windows.close(0.0):
        run = decision.run
        contents = EventContents(run.events, contents_of)
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
