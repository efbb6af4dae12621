"""What a span report makes of a span, and that no dialect that uses it trips over hostile values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.payloads import Span, events_of, spans
from spanwarden.dialects import ai_sdk, genkit, langfuse, langsmith, livekit, mastra, mlflow, pydantic_ai
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.dialects.reading import ContentReader, observe
from spanwarden.model.event import ContentRef

KINDS = {
    ai_sdk: (
        "ai.operationId",
        ["ai.toolCall", "ai.generateText", "ai.streamText.doStream", "ai.embed.doEmbed", "ai.x"],
    ),
    genkit: ("genkit:metadata:subtype", list(genkit.SUBTYPES)),
    langfuse: (langfuse.TYPE, [*langfuse.TYPES, "span"]),
    langsmith: (langsmith.KIND, [*langsmith.KINDS, "chain"]),
    livekit: ("gen_ai.operation.name", ["chat", "execute_tool"]),
    mastra: (mastra.TYPE, list(mastra.TYPES)),
    mlflow: (mlflow.TYPE, [f'"{kind}"' for kind in mlflow.TYPES]),
    pydantic_ai: ("gen_ai.operation.name", ["chat", "execute_tool", "invoke_agent"]),
}
NAMES = [
    "role",
    "type",
    "content",
    "messages",
    "tool_calls",
    "toolCalls",
    "args",
    "kwargs",
    "id",
    "lc",
    "data",
    "usage",
]
NAMES += ["input", "output", "message", "choices", "generations", "text", "name", "value", "prompt", "system", "total"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["tool", "ai", "user"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


def keys_of(module: Any) -> list[str]:
    """Return every attribute key that a dialect names."""
    found: list[str] = []
    for value in vars(module).values():
        for held in value.values() if isinstance(value, dict) else [value]:
            found += held if isinstance(held, tuple) else [held]
    return sorted({key for key in found if isinstance(key, str) and ("." in key or ":" in key) and len(key) < 60})


@pytest.mark.parametrize("module", KINDS, ids=lambda module: module.NAME)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_values_under_a_dialect_s_keys_are_read_without_raising(module: Any, data: st.DataObject) -> None:
    key, kinds = KINDS[module]
    told = data.draw(st.dictionaries(st.sampled_from(keys_of(module)), VALUES, max_size=12))
    attributes: dict[str, Any] = {
        name: value if isinstance(value, str | bool) else json.dumps(value) for name, value in told.items()
    }
    attributes[key] = data.draw(st.sampled_from(kinds))
    if module is genkit:
        attributes["genkit:name"] = "step"
    request = spans(module.DIALECT.scopes[0].rstrip("*"), Span("step", 1, 0, 1000, 1001, attributes))
    out = Sightings(0)
    dialect: Dialect = module.DIALECT
    [span] = request.resource_spans[0].scope_spans[0].spans  # type: ignore[union-attr]
    assert dialect.span is not None
    dialect.span(span, Origin({}, "", ""), out)
    reader = ContentReader(lambda _: request)
    for one in observe(request, 0):
        if one.content is not None:
            assert reader.load(one.content) is not None
    assert reader.load(ContentRef(0, 0, 9999)) is None


def test_a_span_that_ends_before_it_starts_keeps_its_start() -> None:
    told = {"langfuse.observation.type": "tool"}
    [event] = events_of(spans("langfuse-sdk", Span("read_file", 1, 0, 1000, 900, told)))
    assert event.end >= event.start


def test_an_exception_explains_a_failure() -> None:
    raised = ("exception", {"exception.message": "connection refused"})
    told = {"mastra.span.type": "tool_call", "gen_ai.tool.name": "read_file"}
    request = spans("@mastra/otel-exporter", Span("x", 1, 0, 1000, 1001, told, events=(raised,), error=True))
    [seen] = observe(request, 0)
    assert seen.content is not None
    content = ContentReader(lambda _: request).load(seen.content)
    assert content is not None
    assert content.error == "connection refused"
