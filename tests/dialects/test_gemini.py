"""Gemini CLI's dialect: hand-made records through the real decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.payloads import MS, Log, Span, events_of, logs, only, runs_of, spans
from spanwarden.dialects.gemini_contents import answer, last_exchange
from spanwarden.dialects.gemini_fields import prompt_of
from spanwarden.dialects.messages import Said
from spanwarden.dialects.reading import Request, observe
from spanwarden.model.event import Effect, Usage

SCOPE = "gemini-cli"
SESSION = "7ebe5b21-c54b-4585-9c06-820c585a87b4"
TOOL_TRACE, MODEL_TRACE = b"\x01" * 16, b"\x02" * 16


def event(name: str, at: int = 1000, trace: bytes = b"", span: int = 0, **more: Any) -> Log:
    named = {"event.name": f"gemini_cli.{name}", "session.id": SESSION, "prompt_id": SESSION}
    return Log({**named, **{key.replace("__", "."): value for key, value in more.items()}}, at, 0, trace, span)


def gemini(*records: Log, pid: int = 36) -> Request:
    return logs(SCOPE, *records, resource={"service.name": "gemini-cli", "process.pid": pid})


def tool_call(at: int = 1000, **more: Any) -> Log:
    named = {"function_name": "read_file", "success": True, "decision": "accept", "tool_type": "native"}
    return event("tool_call", at, **{**named, "duration_ms": 9, **more})


def response(*parts: dict[str, Any], at: int = 900, **more: Any) -> Log:
    counts = {"input_token_count": 1611, "output_token_count": 40, "cached_content_token_count": 500}
    chunks = [{"candidates": [{"content": {"role": "model", "parts": [part]}}]} for part in parts]
    told = {
        "model": "gemini-2.5-pro",
        "thoughts_token_count": 5,
        "duration_ms": 80,
        "response_text": json.dumps(chunks),
    }
    return event("api_response", at, **{**counts, **told, **more})


def called(name: str, args: dict[str, Any], identity: str) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args, "id": identity}}


def gave(name: str, result: dict[str, Any], identity: str) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": result, "id": identity}}


def request(*contents: dict[str, Any], at: int = 1100) -> Log:
    return event("api_request", at, model="gemini-2.5-pro", request_text=json.dumps(list(contents)))


def tool_span(own: int, name: str, identity: str, trace: bytes = TOOL_TRACE) -> Span:
    told = {"gen_ai.operation.name": "tool_call", "gen_ai.tool.name": name, "gen_ai.tool.call_id": identity}
    return Span("tool_call", own, 90, 995, 999, {**told, "gen_ai.conversation.id": SESSION}, trace)


def test_request_execution_span_and_result_are_one_call() -> None:
    asked = response(called("read_file", {"file_path": "/x/.env"}, "read_file__read_file_1_0"))
    ran = tool_call(function_args='{\n  "file_path": "/x/.env"\n}', trace=TOOL_TRACE, span=90)
    model = {"role": "model", "parts": [called("read_file", {"file_path": "/x/.env"}, "read_file_1_0")]}
    back = {"role": "user", "parts": [gave("read_file", {"output": "KEY=1"}, "read_file_1_0")]}
    traced = spans(SCOPE, tool_span(5, "read_file", "read_file__read_file_1_0"), resource={"process.pid": 36})
    logged = gemini(asked, ran, request(model, back))
    for requests in ([logged, traced], [traced, logged]):
        [(run, contents)] = runs_of(requests)
        told = [(e.kind, e.tool, e.status) for e in run.events]
        assert told == [("llm_call", None, "ok"), ("tool_call", "read_file", "ok")]
        assert run.events[1].effects == (Effect("file_read", "/x/.env"),)
        assert (contents[1].arguments, contents[1].result) == ({"file_path": "/x/.env"}, "KEY=1")
        assert (run.events[1].call_id, run.events[1].agent) == ("read_file_1_0", "gemini-cli")


def test_parallel_calls_of_one_tool_find_their_requests_by_arguments_and_then_by_order() -> None:
    paths = ["/a", "/b"]
    asked = response(*(called("read_file", {"file_path": path}, f"id{path}") for path in paths))
    ran = [tool_call(1000 + at, function_args=json.dumps({"file_path": path})) for at, path in enumerate(paths[::-1])]
    seen = [e for e in events_of(gemini(asked, *ran)) if e.kind == "tool_call"]
    assert {(e.call_id, e.effects[0].target) for e in seen} == {("id/a", "/a"), ("id/b", "/b")}
    bare = spans(SCOPE, tool_span(5, "read_file", "id/a"), tool_span(6, "read_file", "id/b"))
    hidden = [tool_call(1000 + at, trace=TOOL_TRACE, span=90) for at in (0, 1)]
    assert sorted(e.call_id or "" for e in events_of(gemini(*hidden), bare)) == ["id/a", "id/b"], "logPrompts is off"


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"success": False, "error_type": "tool_not_registered", "decision": ""}, "denied"),
        ({"success": False, "error_type": "policy_violation"}, "denied"),
        ({"success": False, "decision": "reject"}, "denied"),
        ({"success": False, "error_type": "invalid_tool_params"}, "error"),
        ({"success": False, "error_type": "file_not_found"}, "error"),
        ({"success": "?"}, "unknown"),
    ],
)
def test_what_was_not_run_is_denied_also_for_the_request_that_asked(more: dict[str, Any], status: str) -> None:
    asked = response(called("run_shell_command", {"command": "rm a"}, "c1"))
    ran = tool_call(function_name="run_shell_command", function_args='{"command":"rm a"}', **more)
    assert [e.status for e in events_of(gemini(asked, ran)) if e.kind == "tool_call"] == [status]


def test_one_model_call_however_many_records() -> None:
    conventions = {
        "event.name": "gen_ai.client.inference.operation.details",
        "gen_ai.operation.name": "generate_content",
    }
    doubled = Log({**conventions, "session.id": SESSION, "gen_ai.usage.input_tokens": 1611})
    about = {"gen_ai.operation.name": "llm_call", "gen_ai.prompt.name": SESSION, "gen_ai.conversation.id": SESSION}
    traced = spans(SCOPE, Span("llm_call", 7, 0, 820, 900, about, MODEL_TRACE), resource={"process.pid": 36})
    sent = request({"role": "user", "parts": [{"text": "hello"}]}, at=820)
    seen = events_of(traced, gemini(sent, doubled, response({"text": "Hi."}, {"thought": True, "text": "hm"}), doubled))
    assert [(e.kind, e.role) for e in seen] == [("llm_call", None), ("message", "assistant")]
    assert seen[0].usage == Usage(1611, 45, 500, 0, 5), "output tokens leave thoughts out here"
    assert (seen[0].model, seen[0].start) == ("gemini-2.5-pro", 820 * MS)


def test_a_failed_attempt_is_an_error_and_no_model_call() -> None:
    seen, content = only(gemini(event("api_error", model="m", error="quota", status_code=429)))
    assert (seen.kind, seen.status, content.error) == ("error", "error", "quota")


def test_a_url_in_the_prompt_of_a_fetch_and_a_server_s_tool() -> None:
    fetched = tool_call(function_name="web_fetch", function_args='{"prompt": "Summarise http://evil.example/x"}')
    assert only(gemini(fetched))[0].effects == (Effect("network_fetch", "http://evil.example/x"),)
    served = tool_call(function_name="mcp_notes_search_notes", mcp_server_name="notes", tool_type="mcp")
    assert only(gemini(served))[0].tool == "mcp_notes_search_notes"


def test_a_resumed_session_is_another_run_and_its_old_history_is_none_of_it() -> None:
    old = {"role": "model", "parts": [called("read_file", {"file_path": "/old"}, "r0")]}
    back = {"role": "user", "parts": [gave("read_file", {"output": "x"}, "r0")]}
    turn = ({"role": "model", "parts": [{"text": "ok"}]}, {"role": "user", "parts": [{"text": "go on"}]})
    first = gemini(event("user_prompt", 900, prompt="first"))
    second = gemini(event("user_prompt", 2000, prompt="go on"), request(old, back, *turn, at=2001), pid=37)
    runs = runs_of([first, second])
    assert [[e.kind for e in run.events] for run, _ in runs] == [["message"], ["message"]]
    assert {run.conversation for run, _ in runs} == {SESSION}


def test_a_span_whose_log_record_was_lost_belongs_to_the_only_prompt_of_its_session() -> None:
    lone = spans(SCOPE, tool_span(5, "read_file", "r1"), resource={"process.pid": 36})
    headless = gemini(event("user_prompt", 900, prompt="go"))
    for requests in ([lone, headless], [headless, lone]):
        assert [e.kind for e in events_of(*requests)] == ["message", "tool_call"]
    numbered = [event("user_prompt", 900 + n, prompt="go", prompt_id=f"{SESSION}########{n}") for n in (0, 1)]
    assert len(runs_of([lone, gemini(*numbered)])) == 3


def test_a_sub_agent_belongs_to_its_prompt_and_has_a_name() -> None:
    own = f"{SESSION}-codebase_investigator-ab12"
    named = event("agent.start", 950, agent_id=own, agent_name="codebase_investigator")
    named = named._replace(attributes={k: v for k, v in named.attributes.items() if k != "prompt_id"})
    inner = tool_call(1000, prompt_id=f"{own}#0")
    outer = tool_call(1200, function_name="codebase_investigator")
    seen = [e for e in events_of(gemini(named, inner, outer)) if e.kind == "tool_call"]
    assert [(e.tool, e.agent) for e in seen] == [
        ("read_file", "codebase_investigator"),
        ("codebase_investigator", "gemini-cli"),
    ]


@pytest.mark.parametrize(
    ("told", "keys", "agent"),
    [
        (None, (), None),
        ("s1", ("prompt:s1/9",), None),
        ("s1########3", ("prompt:s1########3/9",), None),
        ("s1########3/automatic/2", ("prompt:s1########3/9",), None),
        ("s1########3-helper-x#1", ("prompt:s1########3/9",), "s1########3-helper-x"),
        ("s1-helper-x#1", ("prompt:s1/9",), "s1-helper-x"),
        ("helper-x#1", ("prompt:s1/9",), "helper-x"),
        ("s1#general-call_1#0", ("call:s1/call_1",), "general-call_1"),
        ("s1#a-b-c#0", ("call:s1/b-c", "call:s1/c"), "a-b-c"),
        ("s1########", ("prompt:s1########/9",), None),
    ],
)
def test_prompt_ids_tell_the_run_and_the_agent(told: str | None, keys: tuple[str, ...], agent: str | None) -> None:
    assert prompt_of(told, "s1", "9") == (keys, agent)


def test_the_last_exchange_is_what_follows_the_last_calls() -> None:
    said = {"role": "model", "parts": [called("a", {}, "1"), called("b", {"x": 1}, "2")]}
    back = [
        {"role": "user", "parts": [gave("a", {"output": "A"}, "1")]},
        {"role": "user", "parts": [gave("b", {"error": "B"}, "2"), {"text": "and?"}]},
    ]
    calls, responses = last_exchange(json.dumps([said, *back]))
    assert [call.name for call in calls.calls] == ["a", "b"]
    assert [(r.id, r.result, r.failed) for r in responses.responses] == [("1", "A", False), ("2", {"error": "B"}, True)]
    assert last_exchange(json.dumps([said, *back, {"role": "model", "parts": [{"text": "done"}]}])) == ()
    assert last_exchange("no json") == ()
    assert answer("plain words") == Said("assistant", "plain words")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "parts",
                    "functionCall",
                    "functionResponse",
                    "name",
                    "args",
                    "id",
                    "response",
                    "candidates",
                    "content",
                ]
            ),
            inner | st.just("model"),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON, st.sampled_from(["api_request", "api_response", "tool_call", "agent.start", "user_prompt", "api_error"]))
def test_nothing_raises_on_hostile_json(value: Any, name: str) -> None:
    text = json.dumps(value)
    told = {"request_text": text, "response_text": text, "function_args": text, "function_name": "x", "agent_id": text}
    observe(gemini(event(name, **told)), 0)


def test_a_clean_exit_ends_the_run() -> None:
    ended = [o for o in observe(gemini(event("plan.approval_mode_duration", mode="yolo")), 0) if o.kind == "end"]
    assert [o.keys for o in ended] == [(f"prompt:{SESSION}/36",)]
