"""Haystack's spans: agents, steps and components, in both shapes of its messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, runs_of, spans
from spanwarden.model.event import Content, Effect, Usage
from spanwarden.model.run import Run

META = {"model": "gpt-x", "usage": {"prompt_tokens": 240, "completion_tokens": 23, "total_tokens": 263}}


def message(role: str, *content: dict[str, Any], meta: Any = None, old: bool = False) -> dict[str, Any]:
    told = {"role": role, "meta": meta or {}, "name": None, "content": list(content)}
    return {"_" + key: value for key, value in told.items()} if old else told


CALL = {"tool_name": "read_file", "arguments": {"path": ".env"}, "id": "c1"}


def steps(old: bool, output: str, failed: bool = False) -> list[Span]:
    user = message("user", {"text": "read it"}, old=old)
    asked = message("assistant", {"text": "sure"}, {"tool_call": CALL}, meta=META, old=old)
    result = message("tool", {"tool_call_result": {"result": output, "origin": CALL, "error": failed}}, old=old)
    final = message("assistant", {"text": "done"}, meta=META, old=old)
    model = "haystack.agent.step.llm"
    return [
        Span(model, 3, 2, 1000, 1010, {
            f"{model}.input": json.dumps({"messages": [user]}), f"{model}.output": json.dumps({"replies": [asked]}),
        }),
        Span("haystack.agent.step.tool", 4, 2, 1020, 1030, {
            "haystack.tool.name": "read_file",
            "haystack.agent.step.tool.input": '{"path": ".env"}',
            "haystack.agent.step.tool.output": output,
        }),
        Span(model, 5, 2, 1040, 1050, {
            f"{model}.input": json.dumps({"messages": [user, asked, result]}),
            f"{model}.output": json.dumps({"replies": [final]}),
        }),
    ]  # fmt: skip


def top() -> list[Span]:
    return [
        Span("haystack.agent.run", 2, 1, 999, 1060),
        Span("haystack.component.run", 1, 9, 998, 1061, {
            "haystack.component.type": "Agent", "haystack.component.name": "assistant",
        }),
        Span("haystack.pipeline.run", 9, 0, 997, 1062),
    ]  # fmt: skip


def only_run(*made: Span, scope: str = "haystack") -> tuple[Run, list[Content]]:
    [(run, contents)] = runs_of([spans(scope, *made)])
    return run, contents


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("scope", ["haystack", "my.tracer"])
def test_an_agent_in_a_pipeline(old: bool, scope: str) -> None:
    run, contents = only_run(*steps(old, "KEY=1"), *top(), scope=scope)
    assert [(e.kind, e.tool or e.role, e.status) for e in run.events] == [
        ("agent", None, "ok"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
        ("tool_call", "read_file", "ok"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
    ]
    assert {e.agent for e in run.events} == {"assistant"}
    assert {e.dialect for e in run.events} == {"haystack"}
    calls = [e for e in run.events if e.kind == "llm_call"]
    assert [e.usage for e in calls] == [Usage(240, 23)] * 2
    assert [e.model for e in calls] == ["gpt-x"] * 2
    (n,) = (n for n, e in enumerate(run.events) if e.kind == "tool_call")
    assert (run.events[n].call_id, run.events[n].effects) == ("c1", (Effect("file_read", ".env"),))
    assert (contents[n].arguments, contents[n].result) == ({"path": ".env"}, "KEY=1")


def test_a_failure_shows_only_in_the_result() -> None:
    run, _ = only_run(*steps(False, "Error: no such file", failed=True), *top())
    assert [e.status for e in run.events if e.kind == "tool_call"] == ["error"]


def test_content_off_leaves_names() -> None:
    tool = Span("haystack.agent.step.tool", 4, 2, attributes={"haystack.tool.name": "read_file"})
    run, _ = only_run(Span("haystack.agent.step.llm", 3, 2), tool, *top())
    assert sorted(e.kind for e in run.events) == ["agent", "llm_call", "tool_call"]


def test_components_outside_agents() -> None:
    def component(own: int, kind: str, given: Any, answered: Any) -> Span:
        told = {"haystack.component.type": kind, "haystack.component.name": kind.lower()}
        told["haystack.component.input"] = json.dumps(given)
        told["haystack.component.output"] = json.dumps(answered)
        return Span("haystack.component.run", own, 9, 1000 + 10 * own, 1005 + 10 * own, told)

    asked = message("assistant", {"tool_call": CALL}, meta=META)
    result = message("tool", {"tool_call_result": {"result": "KEY=1", "origin": CALL, "error": False}})
    run, contents = only_run(
        component(1, "InMemoryBM25Retriever", {"query": "keys"}, {"documents": [{"content": "d"}]}),
        component(2, "OpenAITextEmbedder", {"text": "x"}, {"embedding": [1], "meta": META}),
        component(3, "OpenAIGenerator", {"prompt": "hi"}, {"replies": ["hello"], "meta": [META]}),
        component(4, "OpenAIChatGenerator", {"messages": []}, {"replies": [asked]}),
        component(5, "ToolInvoker", {"messages": [asked]}, {"tool_messages": [result]}),
        component(6, "PromptBuilder", {"template": "x"}, {"prompt": "hi"}),
        Span("haystack.pipeline.run", 9, 0, 990, 1090),
    )
    assert [(e.kind, e.tool or e.role, e.status) for e in run.events] == [
        ("retrieval", None, "ok"),
        ("embedding", None, "ok"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "ok"),
    ]
    assert contents[0].arguments == "keys"
    assert contents[6].result == "KEY=1"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"messages": 3, "replies": {"a": 1}}', '{"replies": [3, [], {}]}']
)
def test_odd_content_is_no_failure(text: str) -> None:
    model = "haystack.agent.step.llm"
    run, _ = only_run(Span(model, 3, 2, attributes={f"{model}.input": text, f"{model}.output": text}), *top())
    assert [e.kind for e in run.events if e.kind == "llm_call"] == ["llm_call"]
