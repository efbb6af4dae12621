"""Qwen Code's dialect: hand-made records through the real decoder."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.payloads import TRACE, Log, Span, events_of, logs, only, runs_of, spans
from spanwarden.dialects.reading import Request, observe
from spanwarden.model.event import Effect, Usage

SCOPE = "qwen-code"
SESSION = "62f81c1f-b56b-40dd-97f5-32045b57a70a"
PROMPT = f"{SESSION}########0"
INNER = b"\x07" * 16


def event(name: str, at: int = 1000, prompt: str = PROMPT, trace: bytes = b"", span: int = 0, **more: Any) -> Log:
    told = {"event.name": f"qwen-code.{name}", "session.id": SESSION, "prompt_id": prompt}
    return Log({**told, **more}, at, 0, trace, span)


def tool_call(at: int = 1000, prompt: str = PROMPT, trace: bytes = b"", span: int = 0, **more: Any) -> Log:
    told = {"function_name": "read_file", "call_id": "c1", "success": True, "execution_status": "success"}
    return event("tool_call", at, prompt, trace, span, **{**told, "duration_ms": 9, **more})


def qwen(*records: Log) -> Request:
    return logs(SCOPE, *records, resource={"service.name": "qwen-code"})


def span(name: str, own: int, parent: int = 0, trace: bytes = TRACE, *, error: bool = False, **more: Any) -> Span:
    told = {"session.id": SESSION, **{key.replace("__", "."): value for key, value in more.items()}}
    return Span(f"qwen-code.{name}", own, parent, 990, 1000, told, trace, (), error)


def test_log_span_execution_and_hooks_are_one_call() -> None:
    call = {"gen_ai__tool__name": "read_file", "gen_ai__tool__call__id": "c1", "success": True}
    hook = {"tool.name": "read_file", "hook_event": "PreToolUse", "should_proceed": True, "success": False}
    request = spans(
        SCOPE,
        span("interaction", 1, gen_ai__agent__name="qwen-code", **{"qwen-code.prompt_id": PROMPT}),
        span("tool", 2, 1, **call),
        span("tool.execution", 3, 2, tool__call_id="c1", success=True),
        span("hook", 4, 2, error=True, **hook),
        span("hook", 5, 2, error=True, **{**hook, "hook_event": "PostToolUse"}),
    )
    logged = qwen(tool_call(function_args='{"file_path":"/x/.env"}', trace=TRACE, span=2))
    for requests in ([request, logged], [logged, request]):
        seen = events_of(*requests)
        assert [(e.kind, e.tool, e.status) for e in seen] == [
            ("agent", None, "unknown"),
            ("tool_call", "read_file", "ok"),
        ]
        assert seen[1].effects == (Effect("file_read", "/x/.env"),)


def test_a_call_that_the_process_did_not_survive_is_told_by_the_hook_before_it() -> None:
    hook = {"tool.name": "run_shell_command", "hook_event": "PreToolUse", "should_proceed": True}
    [seen] = events_of(spans(SCOPE, span("hook", 4, 2, error=True, **hook)))
    assert (seen.kind, seen.tool, seen.status) == ("tool_call", "run_shell_command", "unknown")
    stopped = {**hook, "should_proceed": False}
    assert runs_of([spans(SCOPE, span("hook", 4, 2, error=True, **stopped))]) == []


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"error_type": "execution_denied"}, "denied"),
        ({"error_type": "anything"}, "denied"),
        ({"error_type": "invalid_tool_params"}, "error"),
        ({"error_type": "shell_execute_error", "execution_status": "error"}, "error"),
    ],
)
def test_a_call_that_never_started_was_refused(more: dict[str, str], status: str) -> None:
    told = {"success": False, "execution_status": "not_started", **more}
    assert only(qwen(tool_call(**told)))[0].status == status


def test_a_model_call_is_told_by_log_and_span() -> None:
    counts = {"gen_ai.usage.input_tokens": 1611, "gen_ai.usage.output_tokens": 47}
    asked = span("llm_request", 2, **{**counts, "gen_ai.response.id": "r1", "qwen-code.prompt_id": PROMPT})
    told = {"input_token_count": 1611, "output_token_count": 47, "thoughts_token_count": 5, "response_text": "Hi."}
    answered = event("api_response", trace=TRACE, span=2, response_id="r1", model="qwen3", **told)
    seen = events_of(spans(SCOPE, asked), qwen(answered))
    assert [(e.kind, e.model) for e in seen] == [("llm_call", "qwen3"), ("message", None)]
    assert seen[0].usage == Usage(1611, 47, 0, 0, 5), "output tokens include thoughts here"
    failed = span("llm_request", 3, success=False)
    assert [e.kind for e in events_of(spans(SCOPE, failed), qwen(event("api_error", error="x", trace=TRACE)))] == [
        "error"
    ]


def test_prompts_are_runs_and_what_the_program_does_by_itself_belongs_to_one() -> None:
    first = tool_call(call_id="c1")
    automatic = tool_call(1100, f"{PROMPT}/automatic/3", call_id="c2")
    second = tool_call(2000, f"{SESSION}########2", call_id="c3")
    assert sorted(len(run.events) for run, _ in runs_of([qwen(first, automatic, second)])) == [1, 2]


def test_a_sub_agent_in_a_trace_of_its_own_belongs_to_the_call_that_started_it() -> None:
    starting = tool_call(
        function_name="agent", call_id="call_9", function_args='{"subagent_type":"general-purpose","prompt":"look"}'
    )
    whose = f"{SESSION}#general-purpose-call_9#0"
    inner = tool_call(1100, whose, INNER, 3, call_id="c2")
    own = {"qwen-code.subagent.id": "general-purpose-call_9", "gen_ai.agent.name": "general-purpose"}
    agent = span("subagent", 8, 0, INNER, **own, **{"qwen-code.subagent.invoking_request_id": "call_9"})
    for requests in ([qwen(starting), qwen(inner), spans(SCOPE, agent)], [spans(SCOPE, agent), qwen(inner, starting)]):
        seen = events_of(*requests)
        assert {(e.kind, e.tool, e.agent) for e in seen} == {
            ("tool_call", "agent", "qwen-code"),
            ("agent", None, "general-purpose"),
            ("tool_call", "read_file", "general-purpose"),
        }
    assert len(events_of(qwen(starting), qwen(inner))) == 2, "the logs alone say it too"


def test_start_up_and_other_programs_say_nothing() -> None:
    assert observe(qwen(Log({"event.name": "session.start", "session.id": SESSION}), event("config")), 0) == []
    assert observe(logs("other", Log({"event.name": "session.start"})), 0) == []


VALUES = st.sampled_from(
    ["", "true", SESSION, PROMPT, f"{SESSION}#" + "-" * 40, "{", "[]", "\x00", "x" * 300, "PreToolUse"]
)
NAMES = ["interaction", "subagent", "llm_request", "tool", "hook", "other"]
KEYS = ["success", "session.id", "qwen-code.prompt_id", "gen_ai.tool.name", "call_id", "tool.name", "hook_event"]


@settings(max_examples=150)
@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from([*KEYS, "should_proceed"]), VALUES))
def test_nothing_raises_on_hostile_attributes(name: str, told: dict[str, str]) -> None:
    observe(spans(SCOPE, Span(f"qwen-code.{name}", 1, 2, attributes=told)), 0)
    observe(qwen(event("tool_call", prompt=told.get("qwen-code.prompt_id", ""), **told)), 0)
