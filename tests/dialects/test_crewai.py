"""CrewAI: the conversation in the crew's Python text, its own tracing keys and its product telemetry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, events_of, only, runs_of, spans
from spanwarden.model.event import Effect, Usage

OPENLLMETRY = "opentelemetry.instrumentation.crewai.instrumentation"
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You are assistant"},
    {"role": "user", "content": 'It\'s "urgent"'},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": ".env"}'}}
        ],
    },
    {"role": "tool", "content": "KEY=1\n", "tool_call_id": "c1", "name": "read_file"},
    {"role": "assistant", "content": "done"},
]
TASKS = (
    "[TaskOutput(description='d', name='n', raw='done', pydantic=None, agent='assistant', "
    f"output_format=<OutputFormat.RAW: 'raw'>, messages={MESSAGES!r})]"
)


def crew(**more: Any) -> tuple[Span, ...]:
    agent = {"traceloop.span.kind": "agent", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "assistant "}
    task = {"traceloop.span.kind": "task", "gen_ai.operation.name": "invoke_agent", "crewai.task.id": "t"}
    top = {"gen_ai.operation.name": "invoke_agent", "crewai.crew.id": "k", "crewai.crew.name": "shop crew"}
    told = {**top, **{"crewai.crew." + key: value for key, value in more.items()}}
    return (
        Span("assistant.agent", 3, 2, 1002, 1008, agent),
        Span("d.task", 2, 1, 1001, 1009, task),
        Span("crewai.workflow", 1, 0, 1000, 1010, told),
    )


@pytest.mark.parametrize(
    "usage",
    [
        {"usage_metrics": "{'prompt_tokens': 1600, 'cached_prompt_tokens': 320, 'completion_tokens': 145}"},
        {"token_usage": "total_tokens=1745 prompt_tokens=1600 cached_prompt_tokens=320 completion_tokens=145"},
        {"usage_metrics": json.dumps({"prompt_tokens": 1600, "cached_prompt_tokens": 320, "completion_tokens": 145})},
    ],
)
def test_the_crews_text_tells_of_tools_and_tokens(usage: dict[str, str]) -> None:
    [(run, contents)] = runs_of([spans(OPENLLMETRY, *crew(tasks_output=TASKS, **usage))])
    assert [(e.kind, e.agent, e.tool or e.role) for e in run.events] == [
        ("agent", "shop crew", None),
        ("message", "shop crew", "system"),
        ("message", "shop crew", "user"),
        ("agent", "assistant", None),
        ("llm_call", "shop crew", None),
        ("llm_call", "shop crew", None),
        ("tool_call", "shop crew", "read_file"),
        ("message", "shop crew", "assistant"),
    ]
    assert run.events[0].usage == Usage(1600, 145, 320)
    assert (run.events[6].status, run.events[6].effects) == ("ok", (Effect("file_read", ".env"),))
    assert (contents[6].arguments, contents[6].result) == ({"path": ".env"}, "KEY=1\n")
    assert contents[2].text == 'It\'s "urgent"'


@pytest.mark.parametrize("text", ["", "[TaskOutput(", "None", "[3]", "[TaskOutput(messages=3)]", "x" * 100])
def test_text_that_cannot_be_read_leaves_the_agents(text: str) -> None:
    told = events_of(spans(OPENLLMETRY, *crew(tasks_output=text, token_usage=text)))
    assert [(e.kind, e.agent) for e in told] == [("agent", "shop crew"), ("agent", "assistant")]


def test_its_own_tracing() -> None:
    told = [
        {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "crew", "crewai.crew.id": "k"},
        {"gen_ai.operation.name": "execute_task", "crewai.task.id": "t"},
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "scout", "crewai.agent.role": "scout"},
        {
            "gen_ai.operation.name": "execute_tool",
            "crewai.mcp.tool_name": "read_file",
            "crewai.mcp.tool_args": '{"path": ".env"}',
            "crewai.mcp.tool_result": "KEY=1",
            "crewai.mcp.server_name": "files",
            "crewai.tool.failure.message": "no access",
        },
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5},
        {"gen_ai.operation.name": "execute_method", "crewai.flow.id": "f"},
        {"crewai.policy.decision": "deny", "crewai.policy.name": "p"},
    ]
    made = [Span("s", n + 1, n, 1000 + n, 1100 - n, attributes) for n, attributes in enumerate(told)]
    [(run, contents)] = runs_of([spans("crewai.telemetry.tracing", *made)])
    assert [(e.kind, e.agent, e.tool, e.status) for e in run.events] == [
        ("agent", "crew", None, "ok"),
        ("agent", "scout", None, "ok"),
        ("tool_call", "scout", "read_file", "error"),
        ("llm_call", "scout", None, "ok"),
        ("decision", "scout", None, "ok"),
    ]
    assert contents[2].arguments == {"path": ".env"}
    assert (contents[2].result, contents[2].error) == ("KEY=1", "no access")


def test_product_telemetry_has_the_names_of_tools() -> None:
    event, _ = only(spans("crewai.telemetry", Span("Tool Usage", 1, attributes={"tool_name": "read_file"})))
    assert (event.kind, event.tool, event.status) == ("tool_call", "read_file", "ok")
    event, _ = only(spans("crewai.telemetry", Span("Tool Usage Error", 1, attributes={"tool_name": "read_file"})))
    assert event.status == "error"
