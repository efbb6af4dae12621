"""AutoGen: links join the traces of a run, and chat messages tell what spans leave out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialects.payloads import Span, runs_of, spans
from spanwarden.dialects.autogen import MAX_LINKS
from spanwarden.model.event import Effect, Usage

ONE, TWO, THREE = (bytes([n]) * 16 for n in (1, 2, 3))
TEAM = "b636fca5-7541-4185-99e2-1332cc6a81f0"
RUNTIME = "autogen SingleThreadedAgentRuntime"


def chat(kind: str, content: Any, source: str = "coder", usage: Any = None, **more: Any) -> dict[str, Any]:
    at = "2026-11-21T19:32:08.909021Z"
    return {
        "id": kind,
        "source": source,
        "models_usage": usage,
        "created_at": at,
        "content": content,
        "type": kind,
        **more,
    }


ASKED = chat(
    "ToolCallRequestEvent",
    [{"id": "c1", "name": "read_file", "arguments": '{"path": ".env"}'}],
    usage={"prompt_tokens": 240, "completion_tokens": 23},
)
GIVEN = chat("ToolCallExecutionEvent", [{"content": "KEY=1", "name": "read_file", "call_id": "c1", "is_error": False}])


def process(own: int, message: Any, trace: bytes = TWO, links: tuple[bytes, ...] = (ONE,), **more: Any) -> Span:
    told = {"message": message if isinstance(message, str) else json.dumps(message), **more}
    told["recipient_agent_type"] = "RoundRobinGroupChatManager_" + TEAM
    return Span("autogen process Manager", own, 0, 1000 + own, 1001 + own, told, trace, links=links)


def tool(own: int = 5) -> Span:
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_file", "gen_ai.tool.call.id": "c1"}
    return Span("execute_tool read_file", own, 4, 1795289528910, 1795289528911, told, ONE)


def agent() -> Span:
    told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "coder"}
    return Span("invoke_agent coder", 4, 0, 1795289528900, 1795289528990, told, ONE)


def test_one_run_in_three_traces() -> None:
    team = {"response": {"chat_message": chat("TextMessage", "Fixed."), "inner_messages": [ASKED, GIVEN]}}
    requests = [
        spans("autogen-core", tool(), agent()),
        spans(RUNTIME, process(1, {"message": ASKED}), process(2, {"message": GIVEN}, THREE), process(3, team)),
    ]
    for order in (requests, requests[::-1]):
        [(run, contents)] = runs_of(order)
        assert [(e.kind, e.agent, e.tool, e.status) for e in run.events] == [
            ("agent", "coder", None, "ok"),
            ("llm_call", "coder", None, "ok"),
            ("message", "coder", None, "unknown"),
            ("tool_call", "coder", "read_file", "ok"),
        ]
        assert run.conversation == TEAM
        assert run.events[1].usage == Usage(240, 23)
        assert run.events[3].effects == (Effect("file_read", ".env"),)
        assert (contents[3].arguments, contents[3].result) == ({"path": ".env"}, "KEY=1")
        assert set(run.trace_ids) == {ONE, TWO, THREE}


def test_runs_without_a_common_link_stay_apart() -> None:
    user = chat("TextMessage", "hello", "user")
    told = spans(RUNTIME, process(1, {"messages": [user]}, ONE, ()), process(2, {"messages": [user]}, TWO, ()))
    assert len(runs_of([told])) == 2


def test_an_error_and_a_handoff_and_code() -> None:
    failed = [{"content": "boom", "name": "read_file", "call_id": "c1", "is_error": True}]
    moved = chat("ToolCallRequestEvent", [{"id": "c2", "name": "transfer_to_researcher", "arguments": "{}"}])
    code = chat("CodeGenerationEvent", "I run this", code_blocks=[{"code": "rm -rf /tmp/x", "language": "sh"}])
    shown = [{"message": m} for m in (ASKED, chat("ToolCallExecutionEvent", failed), moved, code)]
    [(run, contents)] = runs_of([spans(RUNTIME, *(process(n + 1, m) for n, m in enumerate(shown)))])
    acted = {e.tool: (e.kind, e.status) for e in run.events if e.tool}
    assert acted == {
        "read_file": ("tool_call", "error"),
        "transfer_to_researcher": ("handoff", "unknown"),
        "execute_code": ("tool_call", "unknown"),
    }
    (n,) = (n for n, e in enumerate(run.events) if e.tool == "execute_code")
    assert contents[n].arguments == {"language": "sh", "code": "rm -rf /tmp/x"}


def test_the_termination_ends_the_run() -> None:
    ending = Span(
        "autogen create group_topic", 8, 1, 1003, 1004, {"messaging.message.type": "GroupChatTermination"}, TWO
    )
    for made, expected in (
        ((process(1, {"message": GIVEN}), ending), "root_ended"),
        ((process(1, {"message": GIVEN}),), "forced"),
    ):
        [(run, _)] = runs_of([spans(RUNTIME, *made)])
        assert run.completeness == expected


@pytest.mark.parametrize(
    "message",
    [
        "No Message",
        "{}",
        '{"source"',
        '{"source": 3, "content": 1}',
        json.dumps({"source": "a", "content": [1, None, {}, {"call_id": 3}], "models_usage": 7, "created_at": "soon"}),
        json.dumps({"source": "a", "content": "x", "created_at": "0001-01-01T00:00:00"}),
        '{"a":' * 90 + '{"source":"x"}' + "}" * 90,
    ],
)
def test_odd_messages_are_no_failure(message: str) -> None:
    told = spans(RUNTIME, process(1, {"message": GIVEN}), process(2, message))
    [(run, _)] = runs_of([told])
    assert "read_file" in {e.tool for e in run.events}


def test_links_are_bounded() -> None:
    links = tuple(n.to_bytes(16, "big") for n in range(1, MAX_LINKS + 10))
    far = [process(n + 10, {"message": GIVEN}, links[n], ()) for n in (0, MAX_LINKS + 5)]
    assert len(runs_of([spans(RUNTIME, process(1, {"message": ASKED}, TWO, links), *far)])) == 2
