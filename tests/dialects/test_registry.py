"""Which dialect is asked: the short way out for spans of nobody changes nothing but the time it takes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from spanwarden.dialects import genai, genai_keys, registry
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.model.observation import Observation
from spanwarden.otlp import files
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import decode_traces

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"


class Everything(frozenset[str]):
    """Keys of which every span has one."""

    def isdisjoint(self, _other: object) -> bool:
        return False


def captured() -> Iterator[trimmed_pb2.Span]:
    for folder in sorted(CORPUS.iterdir()):
        for request in files.read(folder) if folder.is_dir() else ():
            if request.signal == "traces":
                for resource in decode_traces(request.body).resource_spans:
                    for scope in resource.scope_spans:
                        yield from scope.spans


def told(scope: str) -> list[list[Observation]]:
    registry._SPAN_READERS.pop(scope, None)
    read, origin = registry.span_reader(scope), Origin({}, scope, "", "service", "instance")
    seen = []
    for number, span in enumerate(captured()):
        out = Sightings(0)
        out.begin(number, origin)
        read(span, origin, out)
        seen.append(out.observations)
    return seen


@pytest.mark.parametrize("scope", ["", "somebody.else", "opentelemetry.instrumentation.httpx"])
def test_spans_of_unknown_scopes_say_the_same_without_the_short_way(
    scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = told(scope)
    monkeypatch.setattr(registry, "_TELLING", Everything())
    assert told(scope) == short
    dialects = {o.dialect for observations in short for o in observations}
    assert {"unknown", "genai"} < dialects


def test_every_key_that_a_dialect_tells_is_looked_for() -> None:
    for dialect in registry.DIALECTS:
        assert registry._TELLING.issuperset(dialect.tells), dialect.name


def test_without_a_telling_key_the_conventions_read_nothing() -> None:
    attributes = dict.fromkeys(genai_keys.AGENT_KNOWN + genai_keys.ARGUMENTS + genai_keys.CONVERSATION, b"\n\x01x")
    assert genai.TELLING.isdisjoint(attributes)
    assert not genai.read_span(trimmed_pb2.Span(attributes=attributes), Origin({}, "", ""), Sightings(0))
    for key in genai.TELLING:
        span = trimmed_pb2.Span(attributes={**attributes, key: b"\n\x04chat"})
        out = Sightings(0)
        if genai.read_span(span, Origin({}, "", ""), out):
            assert out.observations


@pytest.mark.parametrize(("name", "dialect"), [(b"claude_code.tool", "claude_code"), (b"qwen-code.tool", "qwen")])
def test_a_coding_agent_is_known_by_the_names_of_its_spans(name: bytes, dialect: str) -> None:
    span = trimmed_pb2.Span(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
    for scope in ("", "somebody.else", "gen_ai"):
        out = Sightings(0)
        registry.span_reader(scope)(span, Origin({}, scope, ""), out)
        assert {o.dialect for o in out.observations} == {dialect}
