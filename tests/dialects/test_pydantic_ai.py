"""Pydantic AI's formats and Logfire's pending spans: hand-made spans through the real decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, runs_of, spans
from spanwarden.dialects.reading import observe
from spanwarden.model.event import Effect, Usage
from spanwarden.runs.windows import Windows, WindowSettings

SCOPE = "pydantic-ai"
RUN = {"gen_ai.agent.call.id": "run-1", "agent_name": "clerk", "gen_ai.conversation.id": "conv-7"}
CALL = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": ".env"}'}}
USER = {"content": "read it", "role": "user", "event.name": "gen_ai.user.message"}
ASKED = {"role": "assistant", "tool_calls": [CALL]}


def request(format_: int) -> dict[str, Any]:
    told: dict[str, Any] = {"gen_ai.request.model": "m", "gen_ai.operation.name": "chat", **RUN}
    told.update({"gen_ai.usage.input_tokens": 240, "gen_ai.usage.output_tokens": 23, "operation.cost": 0.001})
    if format_ == 1:
        choice = {"index": 0, "message": ASKED, "event.name": "gen_ai.choice"}
        return {**told, "events": json.dumps([USER, choice])}
    part = {"type": "tool_call", "id": "c1", "name": "read_file", "arguments": '{"path": ".env"}'}
    told["gen_ai.input.messages"] = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "read it"}]}])
    return {**told, "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [part]}])}


def tool(format_: int) -> tuple[str, dict[str, Any]]:
    told = {"gen_ai.tool.name": "read_file", "gen_ai.tool.call.id": "c1", **RUN}
    if format_ < 3:
        return "running tool", {**told, "tool_arguments": '{"path": ".env"}', "tool_response": "KEY=1"}
    told["gen_ai.operation.name"] = "execute_tool"
    arguments = {"gen_ai.tool.call.arguments": '{"path": ".env"}', "gen_ai.tool.call.result": "KEY=1"}
    return "execute_tool read_file", {**told, **arguments}


def agent(format_: int) -> tuple[str, dict[str, Any]]:
    told = {**RUN, "final_result": "done", "model_name": "m"}
    if format_ < 3:
        return "agent run", {**told, "gen_ai.usage.input_tokens": 240, "gen_ai.usage.output_tokens": 23}
    aggregated = {"gen_ai.aggregated_usage.input_tokens": 240, "gen_ai.aggregated_usage.output_tokens": 23}
    return "invoke_agent clerk", {**told, "gen_ai.operation.name": "invoke_agent", **aggregated}


@pytest.mark.parametrize("format_", [1, 2, 3, 6])
def test_every_format_tells_the_same_run(format_: int) -> None:
    [(run, contents)] = runs_of(
        [
            spans(
                SCOPE,
                Span(agent(format_)[0], 1, 0, 1000, 1100, agent(format_)[1]),
                Span("chat m", 2, 1, 1001, 1010, request(format_)),
                Span(tool(format_)[0], 3, 1, 1011, 1020, tool(format_)[1]),
            )
        ]
    )
    assert (run.id, run.conversation, run.agent, run.cost_usd) == ("run-1", "conv-7", "clerk", 0.001)
    assert [(e.kind, e.tool or e.role, e.usage, e.status) for e in run.events] == [
        ("agent", None, None, "ok"),
        ("message", "user", None, "unknown"),
        ("llm_call", None, Usage(240, 23), "ok"),
        ("tool_call", "read_file", None, "ok"),
        ("message", "assistant", None, "unknown"),
    ]
    assert run.events[3].effects == (Effect("file_read", ".env"),)
    assert (contents[3].arguments, contents[3].result, contents[4].text) == ({"path": ".env"}, "KEY=1", "done")
    assert {e.dialect for e in run.events} == {"pydantic-ai"}


def test_spans_without_operations_are_known_by_their_names() -> None:
    told = {key: value for key, value in request(1).items() if key != "gen_ai.operation.name"}
    seen = events_of(
        spans(
            SCOPE,
            Span("agent run", 1, 0, 1000, 1100, agent(1)[1]),
            Span("chat m", 2, 1, 1001, 1010, told),
            Span("running tool", 3, 1, 1011, 1020, tool(1)[1]),
            Span("running 1 tool", 4, 1, 1010, 1021, {}),
        )
    )
    assert [e.kind for e in seen] == ["agent", "message", "llm_call", "tool_call", "message"]


def test_the_tool_that_hands_over_the_answer_is_no_tool_call() -> None:
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "final_result", **RUN}
    seen = events_of(
        spans(
            SCOPE,
            Span("invoke_agent clerk", 1, 0, 1000, 1100, agent(3)[1]),
            Span("execute_tool final_result", 2, 1, 1001, 1002, told),
        )
    )
    assert [e.kind for e in seen if e.kind != "message"] == ["agent"]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("pydantic_ai.tool.deferral.name", "ApprovalRequired", "unknown"),
        ("pydantic_ai.tool.failure_stage", "validation", "error"),
    ],
)
def test_a_call_that_was_put_off_or_did_not_fit_was_not_made(key: str, value: str, status: str) -> None:
    request_ = spans(SCOPE, Span("execute_tool read_file", 3, 0, 1011, 1020, {**tool(3)[1], key: value}))
    [seen] = observe(request_, 0)
    assert (seen.tool, seen.status, seen.executed, seen.merge, seen.run_id) == (
        "read_file", status, False, "c1", "run-1",
    )  # fmt: skip


def test_a_deferred_call_that_is_made_later_is_one_call() -> None:
    put_off = {**tool(3)[1], "pydantic_ai.tool.deferral.name": "ApprovalRequired"}
    seen = events_of(
        spans(
            SCOPE,
            Span("execute_tool read_file", 3, 1, 1011, 1020, put_off),
            Span("execute_tool read_file", 4, 1, 1111, 1120, tool(3)[1]),
        )
    )
    assert [(e.tool, e.status) for e in seen] == [("read_file", "ok")]


def test_a_value_that_logfire_scrubbed_is_no_argument() -> None:
    told = {**tool(3)[1], "gen_ai.tool.call.arguments": "[Scrubbed due to 'password']"}
    [(run, contents)] = runs_of([spans(SCOPE, Span("execute_tool read_file", 3, 0, 1011, 1020, told))])
    assert run.events[0].effects == (Effect("file_read"),)
    assert contents[0].arguments is None


@pytest.mark.parametrize("scope", ["logfire.openai", "pydantic-ai", "openinference.instrumentation.openai", "my.app"])
def test_a_pending_span_says_only_that_its_span_is_open(scope: str) -> None:
    pending = {**request(2), "logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16}
    early = spans(scope, Span("chat m", 9, 2, 1001, 1001, pending))
    windows = Windows(WindowSettings())
    windows.add(observe(early, 0), 0.0)
    assert all(o.kind == "span" for o in observe(early, 0))
    assert windows.close(1.0) == []
    # The agent's span has ended, but not the request that it waits for.
    windows.add(observe(spans(scope, Span("invoke_agent", 1, 0, 1000, 1100, agent(3)[1])), 1), 2.0)
    [open_run] = windows.close(3.0)
    assert open_run.run.completeness == "forced"
    windows.add(observe(spans(scope, Span("chat m", 2, 1, 1001, 1010, request(2))), 2), 4.0)
    [ended] = windows.close(5.0)
    assert ended.run.completeness == "root_ended"
    assert [e.kind for e in ended.run.events].count("llm_call") == 1
