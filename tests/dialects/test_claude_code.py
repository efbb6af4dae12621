"""Claude Code's dialect: hand-made records through the real decoder, and captures of the program itself."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dialects.payloads import pairs
from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.model.event import Content, Effect, Event, Usage
from spanwarden.model.run import Run
from spanwarden.otlp import files
from spanwarden.otlp.requests import decode, decode_logs, decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
LOG_SCOPE = "com.anthropic.claude_code.events"
SPAN_SCOPE = "com.anthropic.claude_code.tracing"
SESSION = "5e551011-0000-4000-8000-000000000001"
TRACE = bytes(range(1, 17))
MS = 1_000_000


class Log(dict[str, Any]):
    """One log event: `Log("tool_result", at, **attributes)`; dots in names are written `__`."""

    def __init__(
        self, name: str, at: int = 1000, *, prompt: str | None = "p1", trace: bytes = b"", **more: Any
    ) -> None:
        super().__init__({key.replace("__", "."): value for key, value in more.items()})
        self.name, self.at, self.trace = name, at, trace
        self.setdefault("session.id", SESSION)
        if prompt is not None:
            self["prompt.id"] = prompt


def logs(*events: Log, scope: str = LOG_SCOPE, body: bool = True, attribute: bool = True) -> Request:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = scope
    for number, event in enumerate(events):
        named = {"event.name": event.name} if attribute else {}
        record = scope_logs.log_records.add(
            time_unix_nano=event.at * MS,
            trace_id=event.trace,
            attributes=pairs({"event.sequence": number, **named, **event}),
        )
        if body:
            record.body.string_value = "claude_code." + event.name
    return decode_logs(request.SerializeToString())


class Span(dict[str, Any]):
    """One span: `Span("tool", id, parent, start, end, **attributes)`; `output` becomes a tool.output event."""

    def __init__(
        self, name: str, own: int, parent: int, start: int, end: int, output: dict[str, Any] | None = None, **more: Any
    ) -> None:
        super().__init__({key.replace("__", "."): value for key, value in more.items()})
        self.name, self.own, self.parent, self.start, self.end, self.output = name, own, parent, start, end, output
        self.setdefault("session.id", SESSION)


def spans(*made: Span, scope: str = SPAN_SCOPE, trace: bytes = TRACE) -> Request:
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    scope_spans.scope.name = scope
    for one in made:
        span = scope_spans.spans.add(
            name="claude_code." + one.name,
            trace_id=trace,
            span_id=one.own.to_bytes(8, "big"),
            parent_span_id=one.parent.to_bytes(8, "big") if one.parent else b"",
            start_time_unix_nano=one.start * MS,
            end_time_unix_nano=one.end * MS,
            attributes=pairs(one),
        )
        if one.output is not None:
            span.events.add(name="tool.output", attributes=pairs(one.output))
    return decode_traces(request.SerializeToString())


def runs_of(requests: Iterable[Request], order: Iterable[int] | None = None) -> list[tuple[Run, list[Content]]]:
    held = list(requests)
    windows = Windows(WindowSettings())
    for position in range(len(held)) if order is None else order:
        windows.add(observe(held[position], position), 0.0)
    reader = ContentReader(lambda position: held[position])
    decided = [decision.run for decision in windows.close(1.0)]
    return [(run, list(EventContents(run.events, reader))) for run in decided]


def only(*requests: Request) -> tuple[Event, Content]:
    [(run, contents)] = runs_of(requests)
    [event] = run.events
    return event, contents[0]


def events_of(*requests: Request) -> list[Event]:
    [(run, _)] = runs_of(requests)
    return list(run.events)


# ---- log events


def test_tool_result_has_arguments_and_effects_and_starts_before_its_record() -> None:
    result = Log(
        "tool_result",
        1000,
        tool_name="Read",
        tool_use_id="toolu_1",
        success="true",
        duration_ms="40",
        tool_input='{"file_path":"/src/.env"}',
    )
    event, content = only(logs(result))
    assert (event.kind, event.tool, event.status, event.call_id) == ("tool_call", "Read", "ok", "toolu_1")
    assert (event.start, event.end) == (960 * MS, 1000 * MS)
    assert event.effects == (Effect("file_read", "/src/.env"),)
    assert content.arguments == {"file_path": "/src/.env"}
    assert (event.agent, event.dialect) == ("claude-code", "claude_code")


@pytest.mark.parametrize(
    ("success", "status"), [("true", "ok"), ("false", "error"), (True, "ok"), (False, "error"), ("?", "unknown")]
)
def test_success_is_read_as_text_and_as_boolean(success: Any, status: str) -> None:
    result = Log("tool_result", tool_name="Bash", tool_use_id="t", success=success, error="exit 3")
    event, content = only(logs(result))
    assert event.status == status
    assert content.error == "exit 3"


def test_decision_and_result_are_one_call() -> None:
    known = {"tool_name": "Bash", "tool_use_id": "toolu_1"}
    decision = Log("tool_decision", 900, decision="accept", **known)
    result = Log("tool_result", 1000, success="true", tool_input='{"command":"ls -a"}', **known)
    event, content = only(logs(decision, result))
    assert event.status == "ok"
    assert content.arguments == {"command": "ls -a"}


def test_refused_call_is_denied_and_keeps_what_was_asked_for() -> None:
    decision = Log(
        "tool_decision",
        decision="reject",
        source="hook",
        tool_name="Bash",
        tool_use_id="toolu_1",
        tool_parameters='{"bash_command":"rm","full_command":"rm app.py"}',
    )
    event, content = only(logs(decision))
    assert (event.kind, event.status) == ("tool_call", "denied")
    assert content.arguments == {"command": "rm app.py"}
    assert ("shell", "rm app.py") in {(effect.kind, effect.target) for effect in event.effects}


def test_result_of_a_refused_call_stays_denied() -> None:
    known = {"tool_name": "Bash", "tool_use_id": "toolu_1"}
    reported = Log("tool_result", 1001, success="false", decision_type="reject", **known)
    assert only(logs(reported))[0].status == "denied"
    decision = Log("tool_decision", 1000, decision="reject", **known)
    assert only(logs(decision, Log("tool_result", 1001, success="false", **known)))[0].status == "denied"


def test_accepted_call_without_result_is_unknown() -> None:
    event, _ = only(logs(Log("tool_decision", decision="accept", tool_name="Bash", tool_use_id="toolu_1")))
    assert (event.kind, event.tool, event.status) == ("tool_call", "Bash", "unknown")


def test_mcp_tool_has_the_name_that_the_agent_saw() -> None:
    summary = '{"mcp_server_name":"my notes.v2","mcp_tool_name":"search"}'
    result = Log("tool_result", tool_name="mcp_tool", tool_use_id="t", success="true", tool_parameters=summary)
    event, content = only(logs(result))
    assert event.tool == "mcp__my_notes_v2__search"
    assert content.arguments is None


def test_withheld_mcp_name_is_taken_from_the_span_and_else_kept_as_it_is() -> None:
    result = Log("tool_result", 1040, trace=TRACE, tool_name="mcp_tool", tool_use_id="t", success="true")
    assert only(logs(result))[0].tool == "mcp_tool"
    named = {"gen_ai__tool__name": "search", "anthropic__mcp__server__name": "notes", "tool_name": "mcp_other"}
    span = Span("tool", 2, 0, 1000, 1041, tool_use_id="t", **named)
    for requests in ([logs(result), spans(span)], [spans(span), logs(result)]):
        event, _ = only(*requests)
        assert (event.tool, event.status) == ("mcp__notes__search", "ok")


def test_cut_input_is_completed_from_the_parameters() -> None:
    command = "echo " + "x" * 600
    parameters = json.dumps({"bash_command": "echo", "full_command": command})
    for tool_input in (json.dumps({"command": command[:512]}), json.dumps({"command": command})[:520]):
        result = Log(
            "tool_result", tool_name="Bash", tool_use_id="t", tool_input=tool_input, tool_parameters=parameters
        )
        assert only(logs(result))[1].arguments == {"command": command}


def test_withheld_content_is_missing() -> None:
    prompt = Log("user_prompt", 1, prompt="p1", prompt_text="<REDACTED>", prompt_length="9")
    prompt["prompt"] = "<REDACTED>"
    result = Log("tool_result", 2, tool_name="Bash", tool_use_id="t", tool_input="<REDACTED>", success="true")
    answer = Log("assistant_response", 3, response="<REDACTED>")
    [(run, contents)] = runs_of([logs(prompt, result, answer)])
    assert [e.kind for e in run.events] == ["message", "tool_call", "message"]
    assert contents == [Content(), Content(), Content()]
    assert [effect.kind for effect in run.events[1].effects] == ["shell"]


def test_request_counts_cached_tokens_as_input_and_reports_its_cost() -> None:
    counts = {"input_tokens": 100, "output_tokens": "20", "cache_read_tokens": 30, "cache_creation_tokens": 4}
    request = Log("api_request", 1000, model="m", duration_ms=250, cost_usd=0.5, request_id="req_1", **counts)
    event, _ = only(logs(request))
    assert event.usage == Usage(input=134, output=20, cache_read=30, cache_write=4)
    assert (event.cost_usd, event.cost_source, event.start) == (0.5, "reported", 750 * MS)
    micros = Log("api_request", 1000, model="m", cost_usd_micros=1500, request_id="req_1")
    assert only(logs(micros))[0].cost_usd == 0.0015


def test_failed_requests_are_model_calls_of_their_own() -> None:
    failed = [Log("api_error", at, model="m", error="overloaded", status_code=529, attempt=1) for at in (1000, 1100)]
    done = Log("api_request", 1200, model="m", input_tokens=1, output_tokens=1)
    assert [e.status for e in events_of(logs(*failed, done))] == ["error", "error", "ok"]


def test_messages_carry_role_and_text() -> None:
    prompt = Log("user_prompt", 1)
    prompt["prompt"] = "Tidy up"
    answer = Log("assistant_response", 2, response="Done.", request_id="r")
    [(run, contents)] = runs_of([logs(prompt, answer)])
    assert [(e.kind, e.role, c.text) for e, c in zip(run.events, contents, strict=True)] == [
        ("message", "user", "Tidy up"),
        ("message", "assistant", "Done."),
    ]
    assert run.conversation == SESSION


def test_other_events() -> None:
    blocked = Log("hook_execution_complete", 1, hook_name="PreToolUse:Bash", num_blocking="1")
    passed = Log("hook_execution_complete", 2, hook_name="PostToolUse:Bash", num_blocking="0")
    mode = Log("permission_mode_changed", 3, from_mode="default", to_mode="bypassPermissions")
    refusal = Log("api_refusal", 4, model="m", category="cyber")
    fault = Log("internal_error", 5, error_name="TypeError")
    silent = [Log(name, 6) for name in ("plugin_loaded", "mcp_server_connection", "retention_sweep", "unheard_of")]
    [(run, contents)] = runs_of([logs(blocked, passed, mode, refusal, fault, *silent)])
    assert [(e.kind, e.status, c.text or c.error) for e, c in zip(run.events, contents, strict=True)] == [
        ("decision", "denied", "PreToolUse:Bash"),
        ("decision", "ok", "permission mode default to bypassPermissions"),
        ("error", "error", "cyber"),
        ("error", "error", "TypeError"),
    ]


def test_order_of_equal_times_is_the_sequence() -> None:
    made = [Log("tool_result", 1000, tool_name=name, tool_use_id=name) for name in ("Write", "Read", "Edit")]
    assert [e.tool for e in events_of(logs(*made))] == ["Write", "Read", "Edit"]


# ---- which run


def test_every_prompt_is_a_run_of_the_session() -> None:
    made = [Log("tool_result", at, prompt=f"p{at}", tool_name="Read", tool_use_id="toolu_1") for at in (1, 2)]
    found = runs_of([logs(*made)])
    assert [(run.conversation, len(run.events)) for run, _ in found] == [(SESSION, 1), (SESSION, 1)]


def test_record_without_prompt_or_trace_belongs_to_its_session() -> None:
    made = [Log("api_request", at, prompt=None, request_id=str(at)) for at in (1, 2)]
    other = Log("api_request", 3, prompt=None, request_id="3", session__id="another")
    assert [len(run.events) for run, _ in runs_of([logs(*made, other)])] == [2, 1]


@pytest.mark.parametrize("tool", ["Agent", "Task"])
def test_outcome_of_background_work_comes_back_to_its_run(tool: str) -> None:
    started = Log("tool_result", 1, prompt="p1", tool_name=tool, tool_use_id="toolu_9", success="true")
    report = Log("user_prompt", 2, prompt="p2")
    report["prompt"] = (
        "<task-notification>\n<task-id>x</task-id>\n<tool-use-id>toolu_9</tool-use-id></task-notification>"
    )
    [(run, _)] = runs_of([logs(started, report)])
    assert [(e.kind, e.role) for e in run.events] == [("tool_call", None), ("message", "tool")]
    report["delivery.mode"] = "mid_turn"
    assert len(runs_of([logs(started, report)])) == 2
    stranger = Log("user_prompt", 3, prompt="p3")
    stranger["prompt"] = "What does <tool-use-id>toolu_9</tool-use-id> mean?"
    assert len(runs_of([logs(started, stranger)])) == 2


def test_command_in_the_background_comes_back_to_its_run() -> None:
    given = '{"command":"make","run_in_background":true}'
    started = Log("tool_result", 1, prompt="p1", tool_name="Bash", tool_use_id="toolu_9", tool_input=given)
    report = Log("user_prompt", 2, prompt="p2")
    report["prompt"] = "<task-notification><tool-use-id>toolu_9</tool-use-id></task-notification>"
    assert len(runs_of([logs(started, report)])) == 1


def test_subagent_has_its_name_wherever_it_is_known_by_id_only() -> None:
    call = Log("tool_result", 10, tool_name="Read", tool_use_id="t", agent_id="a1")
    request = Log("api_request", 11, request_id="r", agent_id="a1", query_source="agent:builtin:explorer")
    done = Log("subagent_completed", 12, agent_id="a1", agent_type="explorer", duration_ms=5, total_tokens=7)
    own = Log("tool_result", 13, tool_name="Read", tool_use_id="u")
    found = events_of(logs(call, request, done, own))
    assert [(e.kind, e.agent) for e in found] == [
        ("agent", "explorer"),
        ("tool_call", "explorer"),
        ("llm_call", "explorer"),
        ("tool_call", "claude-code"),
    ]


def test_ids_of_absurd_length_are_cut_and_still_told_apart() -> None:
    long = "x" * 100_000
    made = [Log("tool_result", at, prompt=long + str(at), tool_name=long, tool_use_id=long) for at in (1, 2)]
    found = runs_of([logs(*made)])
    assert len(found) == 2
    assert all(
        len(event.tool or "") < 300 and len(event.call_id or "") < 300 for run, _ in found for event in run.events
    )


# ---- spans


def test_interaction_is_the_root_agent_and_brings_the_prompt() -> None:
    root = Span("interaction", 1, 0, 100, 900, user_prompt="Tidy up", interaction__sequence=1)
    [(run, contents)] = runs_of([spans(root)])
    assert [(e.kind, e.role, c.text) for e, c in zip(run.events, contents, strict=True)] == [
        ("agent", None, None),
        ("message", "user", "Tidy up"),
    ]
    assert (run.agent, run.root_span_id, run.completeness) == ("claude-code", (1).to_bytes(8, "big"), "root_ended")


def test_prompt_of_log_and_span_is_one_message() -> None:
    root = Span("interaction", 1, 0, 100, 900, user_prompt="Tidy up")
    prompt = Log("user_prompt", 150, trace=TRACE)
    prompt["prompt"] = "Tidy up"
    assert [e.kind for e in events_of(spans(root), logs(prompt))] == ["agent", "message"]


def tool_spans(decision: str, *, executed: bool) -> list[Span]:
    call = {"tool_use_id": "t", "gen_ai__tool__call__id": "t"}
    made = [
        Span("tool.blocked_on_user", 3, 2, 100, 110, decision=decision, source="config"),
        Span("tool", 2, 1, 100, 200, tool_name="Bash", full_command="ls /none", **call),
        Span("interaction", 1, 0, 50, 300),
    ]
    if executed:
        made.insert(1, Span("tool.execution", 4, 2, 110, 200, success=False, error="Shell command failed", **call))
    return made


def test_spans_alone_tell_of_a_refused_call() -> None:
    found = events_of(spans(*tool_spans("reject", executed=False)))
    assert [(e.kind, e.status, e.tool) for e in found] == [("agent", "unknown", None), ("tool_call", "denied", "Bash")]


def test_spans_alone_tell_of_a_failed_call_once() -> None:
    [(run, contents)] = runs_of([spans(*tool_spans("accept", executed=True))])
    _, event = run.events
    assert (event.status, event.tool, event.span_id) == ("error", "Bash", (2).to_bytes(8, "big"))
    assert event.parent_id == (1).to_bytes(8, "big")
    assert contents[1].arguments == {"command": "ls /none"}
    assert contents[1].error == "Shell command failed"


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ({"output": "two\nlines"}, "two\nlines"),
        ({"content": "API_TOKEN=x", "file_path": "/a"}, "API_TOKEN=x"),
        ({"diff": '[{"lines":["-a"]}]', "file_path": "/a"}, [{"lines": ["-a"]}]),
        ({"output": "<REDACTED>"}, None),
    ],
)
def test_result_is_the_tool_output_event(output: dict[str, Any], result: Any) -> None:
    _, content = only(spans(Span("tool", 2, 1, 1, 2, output, tool_name="Read", tool_use_id="t")))
    assert content.result == result
    assert (content.arguments or {}).get("file_path") == output.get("file_path")


def test_request_of_log_and_span_is_one_call() -> None:
    counts = {"input_tokens": 10, "output_tokens": 2, "cache_read_tokens": 5, "ttft_ms": 7}
    span = Span("llm_request", 2, 1, 100, 200, model="m[1m]", query_source_safe="agent.builtin.x", success=True)
    span.update(counts)
    log = Log("api_request", 199, trace=TRACE, model="m", query_source="agent:builtin:x", duration_ms=100, cost_usd=0.1)
    log.update(counts)
    for requests in ([logs(log), spans(span)], [spans(span), logs(log)]):
        event, _ = only(*requests)
        assert (event.model, event.cost_usd, event.status) == ("m", 0.1, "ok")
        assert event.usage == Usage(input=15, output=2, cache_read=5)
    log["request_id"] = span["request_id"] = "req_1"
    log["ttft_ms"] = 8
    assert only(logs(log), spans(span))[0].cost_usd == 0.1


def test_equal_failures_with_spans_are_told_apart() -> None:
    failure = {"model": "m", "error": "too long", "status_code": 400, "attempt": 1}
    made = [
        Span("llm_request", n, 9, at, at + 60, query_source_safe="compact", success=False, **failure)
        for n, at in ((1, 1000), (2, 1100), (3, 1200))
    ]
    told = [
        Log("api_error", at + 60, trace=TRACE, query_source="compact", duration_ms=55, **failure)
        for at in (1000, 1100, 1200)
    ]
    assert [e.status for e in events_of(spans(*made), logs(*told))] == ["error"] * 3


# ---- detection


def test_foreign_scope_is_known_by_its_names() -> None:
    result = Log("tool_result", tool_name="Read", tool_use_id="t", success="true")
    span = Span("tool", 2, 1, 1, 2, tool_name="Read", tool_use_id="t")
    for request in (logs(result, scope="gateway"), logs(result, scope="", attribute=False), spans(span, scope="x")):
        assert only(request)[0].dialect == "claude_code"


def test_own_scope_is_known_without_prefix() -> None:
    result = Log("tool_result", tool_name="Read", tool_use_id="t", success="true")
    assert only(logs(result, body=False))[0].tool == "Read"


def test_stranger_is_left_alone() -> None:
    result = Log("tool_result", tool_name="Read", tool_use_id="t", success="true")
    assert not [o for o in observe(logs(result, scope="somebody.else", body=False), 0) if o.dialect == "claude_code"]


KEYS = [
    *(
        "tool_input",
        "tool_parameters",
        "tool_name",
        "tool_use_id",
        "success",
        "duration_ms",
        "agent_id",
        "num_blocking",
    ),
    *("prompt.id", "session.id", "prompt", "event.sequence", "input_tokens", "cost_usd", "query_source", "attempt"),
]
NAMES = [
    *("user_prompt", "assistant_response", "tool_decision", "tool_result", "api_request", "api_error", "api_refusal"),
    *("subagent_completed", "hook_execution_complete", "permission_mode_changed", "internal_error"),
]
ODD_TEXTS = ["{", "[1]", '{"full_command":1}', "<task-notification><tool-use-id>", "<REDACTED>", "-1", "1e999"]
ODD_VALUES = st.one_of(
    st.text(max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(),
    st.lists(st.text(max_size=5), max_size=3),
    st.sampled_from(ODD_TEXTS),
)


@given(st.dictionaries(st.sampled_from(KEYS), ODD_VALUES), st.sampled_from(NAMES))
@example({"event.sequence": 1e300, "input_tokens": "9" * 40, "duration_ms": 1e299}, "api_request")
@settings(max_examples=200, deadline=None)
def test_wandering_types_do_no_harm(attributes: dict[str, Any], name: str) -> None:
    event = Log(name, prompt=None)
    event.update(attributes)
    for run, contents in runs_of([logs(event)]):
        assert len(run.events) == len(contents) <= 1


# ---- captures


def capture(name: str) -> list[Request]:
    return [decode(request.signal, request.body) for request in files.read(CORPUS / name)]


def told(run: Run, contents: list[Content]) -> list[str]:
    """One line an event, times left out."""
    lines = []
    for event, content in zip(run.events, contents, strict=True):
        # What a command line does beyond being one is for the tests of `effects`.
        shown = [effect for effect in event.effects if effect.kind == "shell"] or event.effects
        effects = " ".join(f"{effect.kind}={effect.target}" for effect in shown)
        usage = f"{event.usage.input}/{event.usage.output} ${event.cost_usd:.6f}" if event.usage else ""
        what = event.tool or event.role or ""
        words = (content.text or "").partition("\n")[0]
        parts = (event.kind, what, event.agent, event.status, effects, usage, words)
        lines.append(" ".join(part for part in parts if part))
    return lines


SUBAGENT = """
agent claude-code unknown
message user claude-code ok Use a helper agent to look around.
llm_call claude-code ok 1800/40 $0.008800
tool_call Agent claude-code ok agent_spawn=general-purpose
agent general-purpose ok
llm_call claude-code ok 1611/47 $0.005484
message assistant claude-code ok The helper reported back.
llm_call general-purpose ok 1800/40 $0.008800
tool_call Read general-purpose ok file_read=/home/dev/home-claude/scratch/README.md
llm_call general-purpose ok 1611/47 $0.005484
tool_call Bash general-purpose ok shell=ls
llm_call general-purpose ok 1722/54 $0.006068
message assistant general-purpose ok It is a widget shop.
agent claude-code unknown
message tool claude-code ok <task-notification>
llm_call claude-code ok 1722/54 $0.006068
message assistant claude-code ok Done.
"""

DEFAULTS = """
message user claude-code ok
llm_call claude-code ok 1800/40 $0.008800
tool_call Read claude-code ok file_read=None
llm_call claude-code ok 1611/47 $0.005484
tool_call Edit claude-code ok file_write=None
llm_call claude-code ok 1722/54 $0.006068
tool_call Bash claude-code ok shell=None
llm_call claude-code ok 1833/61 $0.006652
tool_call Bash claude-code ok shell=None
llm_call claude-code ok 1944/68 $0.007236
message assistant claude-code ok
"""

FIRST_PROMPT = """
message user claude-code ok First prompt: read the readme.
llm_call claude-code ok 1800/40 $0.008800
tool_call Read claude-code ok file_read=/home/dev/home-claude/scratch/README.md
llm_call claude-code ok 1611/47 $0.005484
message assistant claude-code ok Read it.
"""

SECOND_PROMPT = """
message user claude-code ok Second prompt: now echo hi.
llm_call claude-code ok 1800/40 $0.008800
tool_call Bash claude-code ok shell=echo hi
llm_call claude-code ok 1611/47 $0.005484
message assistant claude-code ok Said hi.
"""

CAPTURES = {
    "claude__subagent.traces": [SUBAGENT],
    "claude__basic.defaults": [DEFAULTS],
    "claude__two_prompts": [FIRST_PROMPT, SECOND_PROMPT],
}


@pytest.mark.parametrize("name", CAPTURES)
def test_capture(name: str) -> None:
    found = runs_of(capture(name))
    assert [told(run, contents) for run, contents in found] == [text.strip().split("\n") for text in CAPTURES[name]]
    assert len({run.conversation for run, _ in found}) == 1


@pytest.mark.parametrize("name", CAPTURES)
def test_order_and_repetition_of_requests_change_nothing(name: str) -> None:
    requests = capture(name)
    expected = sorted(told(run, contents) for run, contents in runs_of(requests))
    there = range(len(requests))
    for order in (list(reversed(there)), [*there, *there], [*reversed(there), *there]):
        assert sorted(told(run, contents) for run, contents in runs_of(requests, order)) == expected
