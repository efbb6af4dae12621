"""Genkit: hand-made steps through the real decoder; `tests/corpus` has a capture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, runs_of, spans
from spanwarden.model.event import Effect, Usage

SCOPE = "genkit-tracer"


def step(name: str, subtype: str | None, given: Any = None, came: Any = None, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"genkit:name": name, "genkit:type": "action" if subtype else "util", **more}
    if subtype:
        told["genkit:metadata:subtype"] = subtype
    for key, value in (("genkit:input", given), ("genkit:output", came)):
        if value is not None:
            told[key] = json.dumps(value)
    return told


def test_a_flow_holds_models_and_tools_however_deep() -> None:
    asked = {
        "role": "model",
        "content": [{"toolRequest": {"name": "read_file", "ref": "c1", "input": {"path": ".env"}}}],
    }
    user = {"role": "user", "content": [{"text": "read it"}]}
    given = {"role": "tool", "content": [{"toolResponse": {"name": "read_file", "ref": "c1", "output": "KEY=1"}}]}
    usage = {"inputTokens": 240, "outputTokens": 23, "totalTokens": 263, "cachedContentTokens": 64, "thoughtsTokens": 8}
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span("assistant", 1, 0, 1000, 1100, step(
                    "assistant", "flow", "read it", "done", **{"genkit:sessionId": "s-1", "genkit:isRoot": True})),
                Span("generate", 2, 1, 1001, 1090, step("generate", None, {"messages": [user]})),
                Span("googleai/gemini", 3, 2, 1002, 1010, step(
                    "googleai/gemini", "model", {"messages": [user]}, {"message": asked, "usage": usage})),
                Span("read_file", 4, 2, 1011, 1020, step("read_file", "tool", {"path": ".env"}, "KEY=1")),
                Span("generate", 5, 2, 1021, 1080, step("generate", None)),
                Span("googleai/gemini", 6, 5, 1022, 1030, step(
                    "googleai/gemini", "model", {"messages": [user, asked, given]},
                    {"message": {"role": "model", "content": [{"text": "done"}]}, "usage": usage})),
            )
        ]
    )  # fmt: skip
    assert (run.agent, run.conversation) == ("assistant", "s-1")
    assert [(e.kind, e.tool or e.role) for e in run.events] == [
        ("agent", None),
        ("message", "user"),
        ("llm_call", None),
        ("tool_call", "read_file"),
        ("llm_call", None),
        ("message", "assistant"),
    ]
    asked_for, did = run.events[2], run.events[3]
    assert (asked_for.model, asked_for.usage) == ("gemini", Usage(240, 23, 64, 0, 8))
    assert (did.status, did.effects, contents[3].result) == ("ok", (Effect("file_read", ".env"),), "KEY=1")


@pytest.mark.parametrize(("total", "output"), [(271, 31), (263, 23), (None, 23)])
def test_thoughts_are_added_where_the_total_says_that_they_are_apart(total: int | None, output: int) -> None:
    usage = {"inputTokens": 240, "outputTokens": 23, "totalTokens": total, "thoughtsTokens": 8}
    event, _ = only(spans(SCOPE, Span("m", 1, 0, 1000, 1001, step("m", "model", None, {"usage": usage}))))
    assert event.usage == Usage(240, output, 0, 0, 8)


def test_failures_retrievers_and_steps() -> None:
    failed = step("read_file", "tool.v2", {"path": "a"}, **{"genkit:state": "error", "genkit:error": "no such file"})
    [(run, contents)] = runs_of(
        [
            spans(
                "any",
                Span("read_file", 1, 9, 1000, 1001, failed),
                Span("docs", 2, 9, 1002, 1003, step("docs", "retriever", {"query": "x"}, {"documents": []})),
                Span("judge", 3, 9, 1004, 1005, step("judge", "evaluator", None, [{"score": 1}])),
                Span("embed", 4, 9, 1006, 1007, step("embed", "embedder")),
                Span("part", 5, 9, 1008, 1009, step("part", "flowStep")),
            )
        ]
    )
    assert [(e.kind, e.status) for e in run.events] == [
        ("tool_call", "error"),
        ("retrieval", "ok"),
        ("decision", "ok"),
        ("embedding", "ok"),
    ]
    assert contents[0].error == "no such file"


def test_an_answer_among_candidates_of_older_versions_is_read() -> None:
    came = {"candidates": [{"index": 0, "message": {"role": "model", "content": [{"text": "hello"}]}}]}
    seen = events_of(spans(SCOPE, Span("m", 1, 0, 1000, 1001, step("m", "model", None, came))))
    assert [(e.kind, e.role) for e in seen] == [("llm_call", None), ("message", "assistant")]
