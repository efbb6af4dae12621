"""The GenAI conventions, as requests of the official classes read through the real decoder and assembled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.model.event import Content, Effect, Usage
from spanwarden.model.run import Run
from spanwarden.otlp.requests import decode_logs, decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

TRACE = bytes(range(1, 17))
USER = [{"role": "user", "parts": [{"type": "text", "content": "read it"}]}]
CALL = {"type": "tool_call", "id": "call-1", "name": "read_file", "arguments": {"path": ".env"}}
ANSWER = [{"role": "assistant", "parts": [{"type": "text", "content": "sure"}, CALL], "finish_reason": "tool_call"}]
RESPONSE = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call-1", "response": "KEY=1"}]}


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    return AnyValue() if value is None else AnyValue(string_value=value)


def key_values(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def gen(operation: str | None, **more: Any) -> dict[str, Any]:
    named = {"gen_ai." + key.replace("__", "."): value for key, value in more.items()}
    return named if operation is None else {"gen_ai.operation.name": operation, **named}


def span(name: str, attributes: dict[str, Any], parent: str = "", start: int = 10, **more: Any) -> Span:
    events = [
        Span.Event(name=title, time_unix_nano=start, attributes=key_values(told))
        for title, told in more.pop("events", ())
    ]
    return Span(
        trace_id=TRACE,
        span_id=name.encode().ljust(8, b".")[:8],
        parent_span_id=parent.encode().ljust(8, b".")[:8] if parent else b"",
        name=more.pop("title", name),
        start_time_unix_nano=start,
        end_time_unix_nano=more.pop("end", start + 5),
        attributes=key_values(attributes),
        events=events,
        **more,
    )


def traces(*spans: Span, scope: str = "any.scope") -> Request:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "shop"}))
    scoped = resource.scope_spans.add()
    scoped.scope.name = scope
    scoped.spans.extend(spans)
    return decode_traces(request.SerializeToString())


def logs(*records: dict[str, Any]) -> Request:
    request = ExportLogsServiceRequest()
    scoped = request.resource_logs.add().scope_logs.add()
    for record in records:
        one = scoped.log_records.add(time_unix_nano=record["at"], event_name=record.get("name", ""))
        one.attributes.extend(key_values(record.get("attributes", {})))
        if "body" in record:
            one.body.CopyFrom(any_value(record["body"]))
        if record.get("span"):
            one.trace_id, one.span_id = TRACE, record["span"].encode().ljust(8, b".")[:8]
    return decode_logs(request.SerializeToString())


def read(*requests: Request) -> tuple[Run, list[Content]]:
    windows = Windows(WindowSettings())
    for position, request in enumerate(requests):
        windows.add(observe(request, position), 0.0)
    (decision,) = windows.close(0.0)
    run = decision.run
    return run, list(EventContents(run.events, ContentReader(dict(enumerate(requests)).get)))


def told(run: Run) -> list[tuple[str, str | None, str]]:
    return [(e.kind, e.tool or e.role or e.agent, e.status) for e in run.events]


def chat(given: Any, answered: Any, name: str = "chat", **more: Any) -> Span:
    messages = {"input__messages": given, "output__messages": answered}
    return span(name, gen("chat", request__model="m", **messages), "agent", **more)


@pytest.mark.parametrize("shape", [json.dumps, lambda messages: messages])
def test_messages_as_json_text_and_as_native_values(shape: Any) -> None:
    run, contents = read(
        traces(chat(shape(USER), shape(ANSWER)), chat(shape([*USER, *ANSWER, RESPONSE]), None, "two", start=20))
    )
    assert told(run) == [
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
        ("tool_call", "read_file", "ok"),
        ("llm_call", None, "ok"),
    ]
    assert (contents[0].text, contents[1].text) == ("read it", "sure")
    assert (contents[3].arguments, contents[3].result) == ({"path": ".env"}, "KEY=1")
    assert run.events[3].effects == (Effect("file_read", ".env"),)
    assert (run.events[3].call_id, run.events[3].start) == ("call-1", 15)


def test_details_event_as_log_record_tells_what_the_span_does_not() -> None:
    attributes = gen("chat", input__messages=USER, output__messages=ANSWER, usage__input_tokens=7)
    details = {"at": 14, "name": "gen_ai.client.inference.operation.details", "span": "chat", "attributes": attributes}
    run, contents = read(logs(details), traces(span("chat", gen("chat", request__model="m"))))
    assert [e.kind for e in run.events] == ["message", "llm_call", "message", "tool_call"]
    assert (run.events[1].model, run.events[1].usage) == ("m", Usage(7))
    assert contents[3].arguments == {"path": ".env"}


def test_details_event_alone_is_a_model_call() -> None:
    attributes = gen("chat", input__messages=USER, output__messages=ANSWER, conversation__id="c")
    details = {"at": 14, "attributes": {"event.name": "gen_ai.client.inference.operation.details", **attributes}}
    run, _ = read(logs(details))
    assert [e.kind for e in run.events] == ["message", "llm_call", "message", "tool_call"]
    assert (run.conversation, run.id) == ("c", "conversation:c")


def old_messages() -> list[tuple[str, dict[str, Any]]]:
    call = {"id": "call-1", "type": "function", "function": {"name": "read_file", "arguments": '{"path": ".env"}'}}
    return [
        ("gen_ai.system.message", {"content": "be good"}),
        ("gen_ai.user.message", {"content": "read it"}),
        (
            "gen_ai.choice",
            {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}},
        ),
        ("gen_ai.assistant.message", {"tool_calls": [call]}),
        ("gen_ai.tool.message", {"id": "call-1", "content": "KEY=1"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "done"}}),
    ]


@pytest.mark.parametrize("named", ["event_name", "attribute", "body"])
def test_one_log_record_a_message(named: str) -> None:
    records = []
    for number, (name, body) in enumerate(old_messages()):
        record: dict[str, Any] = {"at": 11 + number, "span": "one" if number < 3 else "two", "body": body}
        if named == "event_name":
            record["name"] = name
        elif named == "attribute":
            record["attributes"] = {"event.name": name}
        else:
            record["body"] = {"event.name": name, **body}
        records.append(record)
    calls = [span("one", gen("chat", request__model="m")), span("two", gen("chat"), start=20)]
    run, contents = read(logs(*records), traces(*calls))
    assert [(e.kind, e.tool or e.role) for e in run.events if e.kind != "llm_call"] == [
        ("message", "system"),
        ("message", "user"),
        ("tool_call", "read_file"),
        ("message", "assistant"),
    ]
    called = next(i for i, e in enumerate(run.events) if e.kind == "tool_call")
    assert contents[called] == Content({"path": ".env"}, "KEY=1")


def test_span_events_a_message_and_a_tool_span_that_keeps_its_content_there() -> None:
    answer = json.dumps([{"toolUse": {"toolUseId": "call-1", "name": "read_file", "input": {"path": ".env"}}}])
    model = span(
        "chat",
        gen("chat", system="strands-agents"),
        events=[("gen_ai.user.message", {"content": '[{"text": "read it"}]'}), ("gen_ai.choice", {"message": answer})],
    )
    tool = span(
        "tool",
        gen("execute_tool", tool__name="read_file", tool__call__id="call-1"),
        start=16,
        events=[
            ("gen_ai.tool.message", {"role": "tool", "id": "call-1", "content": '{"path": ".env"}'}),
            ("gen_ai.choice", {"id": "call-1", "message": '[{"text": "KEY=1"}]'}),
        ],
    )
    run, contents = read(traces(model, tool))
    assert told(run) == [("message", "user", "unknown"), ("llm_call", None, "ok"), ("tool_call", "read_file", "ok")]
    assert contents[2] == Content({"path": ".env"}, "KEY=1")


def test_details_events_on_a_span() -> None:
    details = "gen_ai.client.inference.operation.details"
    events = [
        (details, gen(None, system_instructions=[{"type": "text", "content": "be good"}])),
        (details, gen(None, input__messages=json.dumps(USER))),
        (details, gen(None, output__messages=json.dumps(ANSWER))),
    ]
    run, _ = read(traces(span("chat", gen("chat"), events=events)))
    assert told(run) == [
        ("message", "system", "unknown"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
        ("tool_call", "read_file", "unknown"),
    ]


def test_the_oldest_content_events() -> None:
    events = [
        ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'}),
        ("gen_ai.content.completion", {"gen_ai.completion": "hello"}),
    ]
    _, contents = read(traces(span("chat", gen("chat"), events=events)))
    assert [c.text for c in contents] == ["hi", "hello", "hello"]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("chat", "llm_call"),
        ("generate_content", "llm_call"),
        ("text_completion", "llm_call"),
        ("embeddings", "embedding"),
        ("retrieval", "retrieval"),
        ("invoke_agent", "agent"),
        ("invoke_workflow", "agent"),
        ("search_memory", "retrieval"),
        ("delete_memory", "tool_call"),
        ("apply_guardrail", "decision"),
        ("create_agent", None),
        ("fetch_response", None),
        ("plan", None),
        ("agent_step", None),
        ("something_custom", None),
    ],
)
def test_operations(operation: str, kind: str | None) -> None:
    seen = observe(traces(span("one", gen(operation, request__model="m"))), 0)
    assert [o.kind for o in seen] == [kind or "span"]


def test_keys_without_an_operation_tell_too() -> None:
    tool = gen(None, tool__name="run_shell", tool__call__arguments='{"command": "ls"}')
    model = gen(None, request__model="m", usage__input_tokens=3)
    seen = observe(
        traces(span("a", tool), span("b", model), span("c", {"http.route": "/"}), span("d", gen(None, x=1))), 0
    )
    assert [o.kind for o in seen] == ["tool_call", "llm_call", "span", "span"]
    assert all(o.keys == ("trace:" + TRACE.hex(),) for o in seen)


def test_an_agent_s_sum_is_not_counted_on_top_of_its_calls() -> None:
    usage = {"usage__input_tokens": 10, "usage__output_tokens": 2}
    agent = span("agent", gen("invoke_agent", agent__name="bob", **usage))
    run, _ = read(traces(span("chat", gen("chat", **usage), "agent"), agent))
    assert [(e.kind, e.agent, e.usage) for e in run.events] == [
        ("agent", "bob", None),
        ("llm_call", "bob", Usage(10, 2)),
    ]
    assert (run.agent, run.service) == ("bob", "shop")


def test_a_refused_and_a_failed_tool() -> None:
    refused = span("a", gen("execute_tool", tool__name="bash") | {"error.type": "denied"}, status=Status(code=2))
    failed = span(
        "b", gen("execute_tool", tool__name="read_file"), start=20, status=Status(code=2, message="no such file")
    )
    run, contents = read(traces(refused, failed))
    assert told(run) == [("tool_call", "bash", "denied"), ("tool_call", "read_file", "error")]
    assert contents[1].error == "no such file"


def test_mcp_layers_are_one_call_and_other_methods_are_none() -> None:
    framework = span("exec", gen("execute_tool", tool__name="get_issue", tool__call__arguments='{"number": 12}'))
    client = span(
        "client", {"mcp.method.name": "tools/call"}, "exec", 11, title="MCP send tools/call get_issue", kind=3
    )
    server = span(
        "server", gen("execute_tool", tool__name="get_issue") | {"mcp.method.name": "tools/call"}, "client", 12, kind=2
    )
    listing = span("list", {"mcp.method.name": "tools/list"}, start=9)
    run, contents = read(traces(server, client, framework, listing))
    assert told(run) == [("tool_call", "get_issue", "ok")]
    assert contents[0].arguments == {"number": 12}


def test_calls_without_ids_keep_their_identity_through_repeated_history() -> None:
    ask = {"role": "assistant", "parts": [{"type": "tool_call", "name": "query", "arguments": {"q": 1}}]}
    give = {"role": "tool", "parts": [{"type": "tool_call_response", "name": "query", "response": "x"}]}
    run, _ = read(
        traces(
            chat(USER, [ask], "one"),
            chat([*USER, ask, give], [ask], "two", start=20),
            chat([*USER, ask, give, ask, give], None, "three", start=30),
        )
    )
    assert [(e.tool, e.status) for e in run.events if e.kind == "tool_call"] == [("query", "ok"), ("query", "ok")]


def test_a_response_with_a_made_up_id_answers_the_waiting_call() -> None:
    made_up = {
        "role": "user",
        "parts": [{"type": "tool_call_response", "id": "read_file_0", "response": {"result": "x"}}],
    }
    run, contents = read(traces(chat(USER, ANSWER, "one"), chat([*USER, *ANSWER, made_up], None, "two", start=20)))
    called = [i for i, e in enumerate(run.events) if e.kind == "tool_call"]
    assert len(called) == 1
    assert contents[called[0]].result == {"result": "x"}


def test_withheld_content_is_missing_not_empty() -> None:
    tool = gen("execute_tool", tool__name="read_file", tool__call__arguments="<REDACTED>", tool__call__result="")
    run, contents = read(traces(span("a", tool)))
    assert contents == [Content()]
    assert run.events[0].effects == (Effect("file_read"),)


@pytest.mark.parametrize(("value", "expected"), [("resp_0001", None), ("thread-7", "thread-7")])
def test_a_previous_response_is_no_conversation(value: str, expected: str | None) -> None:
    run, _ = read(traces(span("a", gen("chat", conversation__id=value))))
    assert run.conversation == expected


@pytest.mark.parametrize(
    ("cost", "expected"), [(0.25, (0.25, "reported")), ("0.25", (0.25, "reported")), (0, (None, None))]
)
def test_reported_cost(cost: Any, expected: Any) -> None:
    run, _ = read(traces(span("a", gen("chat", usage__cost=cost))))
    assert (run.cost_usd, run.cost_source) == expected


def test_hostile_values_raise_nothing() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    nested = "[" * 5000 + "]" * 5000
    many = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "x"}] * 3000}]
    odd = gen("chat", input__messages=deep, output__messages=nested, usage__input_tokens=nested, response__model=deep)
    wide = {f"k{i}": "v" for i in range(10_000)} | gen("chat", output__messages=many)
    tool = gen("execute_tool", tool__name=deep, tool__call__arguments=nested, tool__call__id=[1])
    run, contents = read(
        traces(span("a", odd), span("b", wide), span("c", tool), span("d", {"gen_ai.operation.name": deep}))
    )
    assert len(contents) == len(run.events)
    assert sum(e.kind == "llm_call" for e in run.events) == 2


def test_defining_an_agent_is_no_run() -> None:
    run_of = traces(span("define", gen("create_agent", agent__name="coder", system_instructions="be kind")))
    windows = Windows(WindowSettings())
    windows.add(observe(run_of, 0), 0.0)
    assert windows.close(0.0) == []


def test_tools_named_on_a_model_call_are_requests() -> None:
    asked = gen(
        "chat",
        request__model="m",
        tool__name="read_file, run_shell",
        tool__call__id="c1, c2",
        tool__args='{"path": ".env"}, {"command": "ls, pwd"}',
    )
    run, contents = read(traces(span("chat", asked)))
    assert told(run) == [
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "unknown"),
        ("tool_call", "run_shell", "unknown"),
    ]
    assert [e.call_id for e in run.events] == [None, "c1", "c2"]
    assert [c.arguments for c in contents] == [None, {"path": ".env"}, {"command": "ls, pwd"}]
    uneven = {**asked, "gen_ai.tool.args": "{}", "gen_ai.tool.call.id": "c1"}
    run, contents = read(traces(span("chat", uneven)))
    assert [(e.tool, c.arguments) for e, c in zip(run.events, contents, strict=True)][1:] == [
        ("read_file", None),
        ("run_shell", None),
    ]


def test_a_nameless_agent_inside_another_is_structure() -> None:
    run, _ = read(
        traces(
            span("top", gen("invoke_agent"), end=90),
            span("coder", gen("invoke_agent", agent__name="coder"), "top", end=80),
            span("step", gen("invoke_agent"), "coder"),
        )
    )
    assert [(e.kind, e.agent) for e in run.events] == [("agent", None), ("agent", "coder")]


def test_asking_a_server_for_its_tools_is_no_tool_call() -> None:
    listing = gen("execute_tool", tool__name="mcp_list_tools", tool__call__result='["get_issue"]')
    run, _ = read(traces(span("agent", gen("invoke_agent", agent__name="a")), span("list", listing, "agent")))
    assert [e.kind for e in run.events] == ["agent"]


def test_wrapped_arguments_carry_the_call_id() -> None:
    wrapped = {"input_str": "{'path': '.env'}", "inputs": {"path": ".env"}, "kwargs": {"tool_call_id": "call-1"}}
    tool = gen("execute_tool", tool__name="read_file", tool__call__arguments=json.dumps(wrapped))
    tool["gen_ai.task.status"] = "failure"
    run, contents = read(traces(chat(json.dumps(USER), json.dumps(ANSWER)), span("tool", tool, start=20)))
    (call,) = (n for n, e in enumerate(run.events) if e.kind == "tool_call")
    assert (run.events[call].call_id, run.events[call].status) == ("call-1", "error")
    assert contents[call].arguments == {"path": ".env"}


def test_content_in_a_body_of_input_and_output() -> None:
    body = {"input": {"messages": USER}, "output": {"messages": ANSWER}}
    run, contents = read(logs({"at": 5, "body": body, "span": "chat", "attributes": {"event.name": "some.scope"}}))
    assert told(run) == [
        ("message", "user", "unknown"),
        ("message", "assistant", "unknown"),
        ("tool_call", "read_file", "unknown"),
    ]
    assert contents[2].arguments == {"path": ".env"}


def test_the_empty_objects_of_the_agent_development_kit_are_withheld_content() -> None:
    bare = {**gen("execute_tool", tool__name="read_file"), "gcp.vertex.agent.tool_call_args": "{}"}
    bare["gcp.vertex.agent.invocation_id"] = "e-17"
    bare["gcp.vertex.agent.tool_response"] = "{}"
    run, (content,) = read(traces(span("tool", bare)))
    assert (content.arguments, content.result, run.id) == (None, None, "e-17")
    full = {**bare, "gcp.vertex.agent.tool_call_args": '{"path": ".env"}'}
    full["gcp.vertex.agent.tool_response"] = '{"result": "KEY=1"}'
    run, (content,) = read(traces(span("tool", full)))
    assert (content.arguments, content.result) == ({"path": ".env"}, {"result": "KEY=1"})


def test_a_whole_request_to_gemini() -> None:
    asked = {
        "contents": [{"role": "user", "parts": [{"text": "read it"}]}],
        "config": {"system_instruction": "be kind"},
    }
    answered = {
        "content": {"role": "model", "parts": [{"function_call": {"id": "c1", "name": "read_file", "args": {"a": 1}}}]}
    }
    spoken = {
        **gen(None, request__model="gemini", usage__input_tokens=5),
        "gcp.vertex.agent.llm_request": json.dumps(asked),
        "gcp.vertex.agent.llm_response": json.dumps(answered),
    }
    run, contents = read(traces(span("call_llm", spoken)))
    assert told(run) == [
        ("message", "system", "unknown"),
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "unknown"),
    ]
    assert contents[3].arguments == {"a": 1}


def test_calls_under_the_ids_of_openais_items_are_the_same_calls() -> None:
    def calls(*ids: str) -> list[dict[str, Any]]:
        return [
            {"role": "assistant", "parts": [{"type": "tool_call", "id": i, "name": "read_file", "arguments": {"p": n}}]}
            for n, i in enumerate(ids)
        ]

    responses = [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": i, "response": i}]}
        for i in ("call_a", "call_b")
    ]
    first = chat(json.dumps(USER), json.dumps(calls("call_a", "call_b")))
    again = chat(json.dumps([*USER, *calls("fc_77", "fc_99"), *responses]), None, "two", start=20)
    run, contents = read(traces(first, again))
    done = [(e.call_id, e.status, c.result) for e, c in zip(run.events, contents, strict=True) if e.kind == "tool_call"]
    assert done == [("call_a", "ok", "call_a"), ("call_b", "ok", "call_b")]


@pytest.mark.parametrize("content", [{}, {"tool__call__arguments": '{"n": 1}'}, {"tool__call__result": "done"}])
def test_a_call_without_content_says_so_before_anything_is_loaded(content: dict[str, Any]) -> None:
    request = traces(span("execute_tool f", gen("execute_tool", tool__name="f", **content)))
    (told,) = observe(request, 0)
    assert told.content is not None
    loaded = ContentReader(lambda _: request).load(told.content)
    assert loaded is not None
    assert told.content.bare is (loaded.arguments is None and loaded.result is None and loaded.error is None)
    assert told.content.bare is not bool(content)
