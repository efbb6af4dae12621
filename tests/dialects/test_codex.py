"""Codex's dialect: hand-made records through the real decoder."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.payloads import MS, TRACE, Log, Span, events_of, logs, only, runs_of, spans
from spanwarden.dialects.codex_fields import exit_code
from spanwarden.dialects.reading import Request, observe
from spanwarden.model.event import Effect, Usage

SCOPE = "codex_otel.log_only"
SPAN_SCOPE = "codex_exec"
PARENT = "01a1ff83-cfed-7db0-a0ce-f8d05c5ba735"
CHILD = "01a1ff84-0000-7db0-a0ce-f8d05c5ba735"
PATCH = "*** Begin Patch\n*** Update File: app.py\n@@\n-a\n+b\n*** End Patch\n"


def event(name: str, at: int = 1000, conversation: str = PARENT, trace: bytes = b"", **more: Any) -> Log:
    attributes = {key.replace("__", "."): value for key, value in more.items()}
    named = {"event.name": f"codex.{name}", "conversation.id": conversation, "model": "gpt-5.5"}
    return Log({**named, **attributes}, at=0, observed=at, trace=trace)


def result(at: int = 1000, **more: Any) -> Log:
    given = {"tool_name": "exec_command", "tool_namespace": "functions", "call_id": "c1", "success": "true"}
    return event("tool_result", at, **{**given, "duration_ms": "40", "mcp_server": "", **more})


def codex(*records: Log) -> Request:
    return logs(SCOPE, *records, resource={"service.name": "codex_exec"})


def test_a_result_has_arguments_output_effects_and_the_observed_time() -> None:
    told = result(arguments='{"cmd": "cat .env"}', output="Process exited with code 0\nOutput:\nKEY=1\n")
    seen, content = only(codex(told))
    assert (seen.kind, seen.tool, seen.status, seen.call_id) == ("tool_call", "exec_command", "ok", "c1")
    assert (seen.start, seen.end) == (960 * MS, 1000 * MS)
    assert seen.effects == (Effect("shell", "cat .env"), Effect("file_read", ".env"))
    assert content.arguments == {"cmd": "cat .env"}
    assert content.result.endswith("KEY=1\n")
    assert (seen.dialect, seen.agent) == ("codex", PARENT)


def test_without_any_time_of_its_own_a_record_is_placed_by_its_spelled_time() -> None:
    stamped = {"event.name": "codex.user_prompt", "event.timestamp": "2026-11-21T19:09:50.972Z", "prompt": "hello"}
    seen, content = only(codex(Log(stamped, at=0)))
    assert seen.start == 1795288190972 * MS
    assert content.text == "hello"
    assert only(codex(Log({**stamped, "event.timestamp": "yesterday"}, at=0)))[0].start == 0


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("Chunk ID: 1\nProcess exited with code 2\nOutput:\nx", 2),
        ("Exit code: -9\nWall time: 0 seconds\nOutput:\n", -9),
        ("Exit code: 0\nOutput:\nProcess exited with code 3\n", 0),
        ("Output:\nProcess exited with code 3\n", None),
        ("Process exited with code ²\n", None),
        ('{"output":"x","metadata":{"exit_code":1,"duration_seconds":0.1}}', 1),
        ('{"exit_code":4}', 4),
        ('{"exit_code":true}', None),
        ('{"exit_code"', None),
        ("Wall time: 0.01 seconds\nOutput:\nnote", None),
        ("", None),
    ],
)
def test_the_exit_code_is_read_above_the_output_only(output: str, code: int | None) -> None:
    assert exit_code(output) == code


@pytest.mark.parametrize(
    ("success", "output", "status"),
    [
        ("true", "Exit code: 0\n", "ok"),
        ("true", "Exit code: 1\n", "error"),
        ("false", "", "error"),
        ("?", "", "unknown"),
    ],
)
def test_success_is_not_exit_code_zero(success: str, output: str, status: str) -> None:
    assert only(codex(result(success=success, output=output)))[0].status == status


def test_decision_and_result_are_one_call() -> None:
    decided = event("tool_decision", 900, tool_name="exec_command", call_id="c1", decision="approved", source="Config")
    [seen] = events_of(codex(decided, result(arguments='{"cmd":"ls"}', output="Exit code: 0\n")))
    assert (seen.status, seen.effects[0]) == ("ok", Effect("shell", "ls"))
    [alone] = events_of(codex(decided))
    assert (alone.kind, alone.tool, alone.status) == ("tool_call", "exec_command", "unknown")


@pytest.mark.parametrize("word", ["denied", "abort", "timed_out", "Denied"])
def test_a_refused_call_is_denied_whatever_its_result_says(word: str) -> None:
    refused = event("tool_decision", 900, tool_name="exec_command", call_id="c1", decision=word, source="User")
    answered = result(arguments='{"cmd":"rm -rf /"}', success="false", output="exec command rejected by user")
    assert [e.status for e in events_of(codex(refused, answered))] == ["denied"]


def test_a_command_that_the_sandbox_stopped_failed() -> None:
    stopped = event("sandbox_outcome", 990, tool_name="exec_command", call_id="c1", outcome="denied")
    [seen] = events_of(codex(stopped, result(arguments='{"cmd":"rm a"}', output="Process exited with code 1\nOutput:")))
    assert seen.status == "error"
    [alone] = events_of(codex(stopped))
    assert (alone.tool, alone.status) == ("exec_command", "error")
    retried = result(arguments='{"cmd":"rm a"}', output="Process exited with code 0\nOutput:")
    assert [e.status for e in events_of(codex(stopped, retried))] == ["ok"], "run again outside of the sandbox"


def test_code_mode_tells_each_nested_call_and_not_its_wrapper() -> None:
    script = 'const r = await Promise.all([tools.exec_command({"cmd": "ls"})]);'
    nested = result(call_id="exec-1", arguments='{"cmd":"ls"}')
    wrapper = result(1005, tool_name="exec", call_id="call_1", arguments=script, output="Script completed\n")
    waited = result(1006, tool_name="wait", call_id="call_2", arguments='{"cell_id":"1"}')
    assert [e.call_id for e in events_of(codex(nested, wrapper, waited))] == ["exec-1"]


def test_a_tool_named_exec_that_takes_an_object_is_a_tool() -> None:
    assert only(codex(result(tool_name="exec", arguments='{"cmd":"ls"}')))[0].tool == "exec"
    served = result(tool_name="exec", arguments="ls", mcp_server="box", tool_namespace="mcp__box")
    assert only(codex(served))[0].tool == "mcp__box__exec"


@pytest.mark.parametrize(
    ("name", "more", "tool"),
    [
        ("search_notes", {"mcp_server": "notes", "tool_namespace": "mcp__notes"}, "mcp__notes__search_notes"),
        ("search_notes", {"mcp_server": "", "tool_namespace": "mcp__notes"}, "mcp__notes__search_notes"),
        ("notes__search_notes", {"mcp_server": "notes"}, "notes__search_notes"),
        ("apply_patch", {}, "apply_patch"),
    ],
)
def test_tools_of_mcp_servers_are_named_with_their_server(name: str, more: dict[str, Any], tool: str) -> None:
    assert only(codex(result(tool_name=name, **more)))[0].tool == tool


def test_a_patch_is_text_and_tells_the_files() -> None:
    seen, content = only(codex(result(tool_name="apply_patch", arguments=PATCH)))
    assert seen.effects == (Effect("file_write", "app.py"),)
    assert content.arguments == PATCH


def test_only_the_finished_response_with_tokens_is_a_model_call() -> None:
    bare = event("sse_event", 1000, event__kind="response.completed", duration_ms="0")
    counts = {"input_token_count": "1611", "output_token_count": "47", "cached_token_count": 500}
    full = event("sse_event", 1001, event__kind="response.completed", reasoning_token_count=5, **counts)
    streamed = event("sse_event", 1000, event__kind="response.output_text.delta")
    seen, _ = only(codex(streamed, bare, full))
    assert (seen.kind, seen.model, seen.usage) == ("llm_call", "gpt-5.5", Usage(1611, 47, 500, 0, 5))
    again = event("sse_event", 1500, event__kind="response.completed", reasoning_token_count=5, **counts)
    assert len(events_of(codex(full, again, full))) == 2, "equal counts are no proof of being the same call"


def test_a_failed_attempt_is_an_error_and_no_model_call() -> None:
    failed = event("api_request", http__response__status_code="529", error__message="http 529", attempt="0")
    fine = event("api_request", 1100, http__response__status_code="200", attempt="1")
    seen, content = only(codex(failed, fine))
    assert (seen.kind, seen.status, content.error) == ("error", "error", "http 529")


def test_a_withheld_prompt_is_a_message_without_text() -> None:
    seen, content = only(codex(event("user_prompt", prompt="[REDACTED]", prompt_length="55")))
    assert (seen.kind, seen.role, content.text) == ("message", "user", None)


def test_a_sub_agent_belongs_to_the_run_that_started_it() -> None:
    about = {"tool_namespace": "multi_agent_v1", "agent_name": "/root"}
    output = f'{{"agent_id":"{CHILD}","nickname":"Darwin"}}'
    spawn = result(tool_name="spawn_agent", arguments='{"message":"look"}', output=output, **about)
    inner = result(1100, conversation=CHILD, call_id="c2", arguments='{"cmd":"ls"}', agent_name="Darwin")
    answered = event(
        "sse_event", 1090, CHILD, event__kind="response.completed", input_token_count="5", output_token_count="1"
    )
    for first, second in ((spawn, inner), (inner, spawn)):
        seen = events_of(codex(first), codex(second, answered))
        assert {(e.kind, e.tool, e.agent) for e in seen} == {
            ("tool_call", "spawn_agent", "codex"),
            ("tool_call", "exec_command", "Darwin"),
            ("llm_call", None, "Darwin"),
        }
    waited = result(tool_name="wait_agent", arguments=f'{{"targets":["{CHILD}"]}}', **about)
    assert len(runs_of([codex(waited), codex(inner)])) == 1
    shell = result(arguments=f'{{"cmd":"ls","id":"{CHILD}"}}')
    assert len(runs_of([codex(shell), codex(inner)])) == 2, "a shell command names no agents"


def span_of(name: str, own: int, **more: Any) -> Span:
    return Span(name, own, parent=99, attributes={key.replace("__", "."): value for key, value in more.items()})


def test_spans_and_logs_of_a_conversation_are_one_run_told_once() -> None:
    call = {"tool_name": "exec_command", "call_id": "c1"}
    repeated = {"event.name": "codex.tool_result", "conversation.id": PARENT, "success": "true", **call}
    counts = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 40}
    traced = spans(
        SPAN_SCOPE,
        span_of("append_items", 1),
        span_of("exec_command", 2, conversation__id=PARENT, **call),
        Span("dispatch_tool_call_with_state", 3, 2, events=(("event otel/src/tool_result.rs:54", repeated),)),
        Span("handle_responses", 4, 9, attributes=counts),
        span_of("codex.sampling", 5, conversation__id=PARENT),
    )
    finished = event("sse_event", event__kind="response.completed", input_token_count="1000", output_token_count="40")
    logged = codex(result(arguments='{"cmd":"ls"}', trace=TRACE), finished)
    for requests in ([traced, logged], [logged, traced]):
        seen = sorted(events_of(*requests), key=lambda e: e.kind)
        assert [(e.kind, e.tool, e.model) for e in seen] == [
            ("llm_call", None, "gpt-5.5"),
            ("tool_call", "exec_command", None),
        ]
        assert seen[1].effects == (Effect("shell", "ls"), Effect("file_search"))
        assert seen[1].span_id == (2).to_bytes(8, "big")
    assert sorted((e.kind, e.tool, e.status) for e in events_of(traced)) == [
        ("llm_call", None, "unknown"),
        ("tool_call", "exec_command", "ok"),
    ]


def test_spans_of_the_wrapper_and_of_housekeeping_say_nothing() -> None:
    request = spans(
        SPAN_SCOPE, span_of("exec", 1, tool_name="exec", call_id="c", tool_namespace="functions"), span_of("auth", 2)
    )
    assert observe(request, 0) == []


def test_an_application_with_a_name_like_it_keeps_its_conventions() -> None:
    own = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ls"}
    [seen] = observe(spans("codex_of_laws", Span("execute_tool ls", 1, attributes=own)), 0)
    assert (seen.dialect, seen.tool) == ("genai", "ls")


WORDS = st.sampled_from(["", "true", "exec", "wait", "spawn_agent", "{}", '{"id":1}', "[]", "\x00", "9" * 30, CHILD])
KEYS = ["tool_name", "tool_namespace", "call_id", "arguments", "output", "success", "decision", "outcome", "agent_name"]


@settings(max_examples=150)
@given(
    st.sampled_from(
        ["tool_result", "tool_decision", "sandbox_outcome", "sse_event", "api_request", "user_prompt", "x"]
    ),
    st.dictionaries(st.sampled_from([*KEYS, "event.kind", "input_token_count", "duration_ms", "prompt"]), WORDS),
)
def test_nothing_raises_on_hostile_attributes(name: str, attributes: dict[str, str]) -> None:
    observe(codex(event(name, **attributes)), 0)
    inside = {"event.name": f"codex.{name}", **attributes}
    observe(spans(SPAN_SCOPE, Span("exec", 1, attributes=attributes, events=(("e", inside),))), 0)
