"""OpenInference, as requests of the official classes read through the real decoder and assembled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanwarden.dialects.reading import ContentReader, EventContents, Request, observe
from spanwarden.model.event import Content, Effect, Usage
from spanwarden.model.run import Run
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.windows import Windows, WindowSettings

TRACE = bytes(range(1, 17))


def value(given: Any) -> AnyValue:
    if isinstance(given, int):
        return AnyValue(int_value=given)
    if isinstance(given, float):
        return AnyValue(double_value=given)
    return AnyValue(string_value=given if isinstance(given, str) else json.dumps(given))


def span(
    name: str, kind: str | None, attributes: dict[str, Any], parent: str = "", start: int = 10, **more: Any
) -> Span:
    told = attributes if kind is None else {"openinference.span.kind": kind, **attributes}
    return Span(
        trace_id=more.pop("trace", TRACE),
        span_id=name.encode().ljust(8, b".")[:8],
        parent_span_id=parent.encode().ljust(8, b".")[:8] if parent else b"",
        name=more.pop("title", name),
        start_time_unix_nano=start,
        end_time_unix_nano=more.pop("end", start + 5),
        attributes=[KeyValue(key=key, value=value(given)) for key, given in told.items()],
        status=Status(code=more.pop("code", 1), message=more.pop("message", "")),
        **more,
    )


def traces(*spans: Span, scope: str = "my.own.tracer") -> Request:
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    scoped.scope.name = scope
    scoped.spans.extend(spans)
    return decode_traces(request.SerializeToString())


def read(*requests: Request) -> tuple[Run, list[Content]]:
    windows = Windows(WindowSettings())
    for position, request in enumerate(requests):
        windows.add(observe(request, position), 0.0)
    (decision,) = windows.close(0.0)
    run = decision.run
    return run, list(EventContents(run.events, ContentReader(dict(enumerate(requests)).get)))


def read_spans(*spans: Span, scope: str = "my.own.tracer") -> tuple[Run, list[Content]]:
    return read(traces(*spans, scope=scope))


def told(run: Run) -> list[tuple[str, str | None, str]]:
    return [(e.kind, e.tool or e.role or e.agent, e.status) for e in run.events]


def message(prefix: str, index: int, **fields: Any) -> dict[str, Any]:
    spelled = {key.replace("__", "."): given for key, given in fields.items()}
    return {f"llm.{prefix}_messages.{index}.message.{key}": given for key, given in spelled.items()}


def call(prefix: str, index: int, name: str, arguments: Any, identity: str | None = "call-1") -> dict[str, Any]:
    at = f"llm.{prefix}_messages.{index}.message.tool_calls.0.tool_call."
    found = {at + "function.name": name, at + "function.arguments": json.dumps(arguments)}
    return {
        **found,
        f"llm.{prefix}_messages.{index}.message.role": "assistant",
        **({at + "id": identity} if identity else {}),
    }


ASK = {
    **message("input", 0, role="user", content="read it"),
    **call("output", 0, "read_file", {"path": ".env"}),
    "llm.model_name": "m",
    "llm.provider": "openai",
    "llm.token_count.prompt": 10,
    "llm.token_count.completion": 4,
    "llm.token_count.prompt_details.cache_read": 3,
    "llm.token_count.completion_details.reasoning": 2,
    "llm.cost.total": 0.25,
}
ANSWER = {
    **message("input", 0, role="user", content="read it"),
    **call("input", 1, "read_file", {"path": ".env"}),
    **message("input", 2, role="tool", content="KEY=1", tool_call_id="call-1"),
    **message("output", 0, role="assistant", content="done"),
    "llm.token_count.prompt": 20,
}


@pytest.mark.parametrize(
    "scope", ["", "my.own.tracer", "openinference.instrumentation.openai", "@arizeai/openinference-x"]
)
def test_calls_without_tool_spans_are_read_from_flattened_messages_whatever_the_scope(scope: str) -> None:
    run, contents = read_spans(span("one", "LLM", ASK), span("two", "LLM", ANSWER, start=20), scope=scope)
    assert told(run) == [
        ("message", "user", "unknown"),
        ("llm_call", None, "ok"),
        ("tool_call", "read_file", "ok"),
        ("llm_call", None, "ok"),
        ("message", "assistant", "unknown"),
    ]
    asked = run.events[1]
    assert (asked.model, asked.provider, asked.usage) == ("m", "openai", Usage(10, 4, 3, 0, 2))
    assert (asked.cost_usd, asked.cost_source, asked.dialect) == (0.25, "reported", "openinference")
    assert run.events[2].effects == (Effect("file_read", ".env"),)
    assert (contents[2].arguments, contents[2].result) == ({"path": ".env"}, "KEY=1")
    assert contents[3].text == "done"


def test_messages_are_found_behind_gaps_and_behind_dropped_beginnings() -> None:
    gaps = {**message("input", 1, role="user", content="one"), **message("input", 4, role="user", content="two")}
    _, contents = read_spans(span("one", "LLM", {**gaps, "llm.token_count.prompt": 1}))
    assert [c.text for c in contents if c.text] == ["one", "two"]
    late = {**message("input", 700, role="user", content="late"), **{f"filler.{n}": n for n in range(120)}}
    _, contents = read_spans(span("one", "LLM", {**late, "llm.token_count.prompt": 1}))
    assert [c.text for c in contents if c.text] == ["late"]


def test_a_call_told_twice_in_one_message_is_one() -> None:
    part = "llm.output_messages.0.message.contents.0."
    twice = {
        part + "message_content.type": "tool_use",
        part + "tool_call.id": "call-1",
        part + "tool_call.function.name": "read_file",
        part + "tool_call.function.arguments": '{"path": ".env"}',
    }
    run, contents = read_spans(span("one", "LLM", {**ASK, **twice}))
    assert [e.tool for e in run.events if e.kind == "tool_call"] == ["read_file"]
    without = {key: v for key, v in ASK.items() if ".tool_calls." not in key}
    run, contents = read_spans(span("one", "LLM", {**without, **twice}))
    assert [c.arguments for e, c in zip(run.events, contents, strict=True) if e.tool] == [{"path": ".env"}]


def test_content_parts_and_the_index_behind_content_are_text() -> None:
    part = "contents.{}.message_content."
    spoken = message("output", 0, role="assistant", content__0="odd")
    spoken |= message("output", 1, role="assistant", **{part.format(0) + "type": "text", part.format(0) + "text": "a"})
    spoken |= message("output", 1, **{part.format(1) + "type": "reasoning", part.format(1) + "text": "secret thought"})
    _, contents = read_spans(span("one", "LLM", spoken))
    assert [c.text for c in contents] == ["odd\na", "odd", "a"]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ({"choices": [{"message": {"role": "assistant", "content": "hi"}}]}, "hi"),
        ({"id": "msg_00001", "role": "assistant", "content": [{"type": "text", "text": "hi"}]}, "hi"),
        ([{"role": "assistant", "content": "hi"}], "hi"),
        ("hi", "hi"),
        ({"generations": [[]]}, None),
        ("__REDACTED__", None),
        ("[1, 2]", None),
    ],
)
def test_without_flattened_messages_the_output_s_own_json_is_read(shown: Any, text: str | None) -> None:
    run, contents = read_spans(span("one", "LLM", {"output.value": shown, "llm.model_name": "m"}))
    assert [e.kind for e in run.events] == ["llm_call"] + (["message"] if text else [])
    assert contents[0].text == text


def test_prompts_and_choices_of_completion_models() -> None:
    completion = {"llm.prompts.0.prompt.text": "once", "llm.choices.0.completion.text": "upon a time"}
    _, contents = read_spans(span("one", "LLM", completion))
    assert [c.text for c in contents] == ["once", "upon a time", "upon a time"]


@pytest.mark.parametrize(
    ("title", "attributes", "calls"),
    [
        ("OpenAI._prepare_chat_with_tools", {"llm.model_name": "m", "output.value": "{}"}, 0),
        ("OpenAI._prepare_chat_with_tools", {"llm.model_name": "m", "output.value": "__REDACTED__"}, 0),
        ("PromptBuilder.run", {"llm.prompt_template.template": "Tell {{x}}", "output.value": "{}"}, 0),
        ("OpenAI.achat", {"llm.model_name": "m", "output.value": "__REDACTED__"}, 1),
        ("my llm", {"input.value": "a", "output.value": "b"}, 1),
        ("OpenAI._stream", {"llm.token_count.total": 3}, 1),
        ("LM.__call__", {"llm.model_name": "m", "output.value": "__REDACTED__"}, 1),
    ],
)
def test_a_step_that_only_prepares_a_request_is_no_model_call(title: str, attributes: Any, calls: int) -> None:
    agent = span("agent", "AGENT", {"agent.name": "a"})
    run, _ = read_spans(agent, span("one", "LLM", attributes, "agent", title=title))
    assert sum(e.kind == "llm_call" for e in run.events) == calls


def test_a_failed_request_is_one_even_without_any_other_key() -> None:
    run, contents = read_spans(span("one", "LLM", {}, code=2, message="too long"))
    assert told(run) == [("llm_call", None, "error")]
    assert contents[0].error == "too long"


SCHEMA = {"properties": {"path": {"type": "string"}}, "required": ["path"], "type": "object"}
INPUTS = {"path": {"type": "string", "description": "where"}}


@pytest.mark.parametrize(
    "told_as",
    [
        {"input.value": {"path": ".env"}},
        {"input.value": {"path": ".env"}, "tool.parameters": SCHEMA},
        {"input.value": {"args": [], "sanitize_inputs_outputs": True, "kwargs": {"path": ".env"}}},
        {"input.value": {"kwargs": {"path": ".env"}}},
        {"input.value": "{'path': '.env'}"},
        {"input.value": {"name": "read_file", "arguments": '{"path": ".env"}'}},
        {"tool.parameters": {"path": ".env"}},
        {"input.value": "__REDACTED__", "tool_call.function.arguments": {"path": ".env"}},
    ],
)
def test_arguments_in_every_wrapping(told_as: dict[str, Any]) -> None:
    run, contents = read_spans(span("tool", "TOOL", {"tool.name": "read_file", **told_as, "output.value": "KEY=1"}))
    assert told(run) == [("tool_call", "read_file", "ok")]
    assert run.events[0].effects == (Effect("file_read", ".env"),)
    assert (contents[0].arguments, contents[0].result) == ({"path": ".env"}, "KEY=1")


@pytest.mark.parametrize("schema", [SCHEMA, INPUTS, {"path": "str", "type": "object"}["type"]])
def test_a_schema_is_not_taken_for_arguments(schema: Any) -> None:
    hidden = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    run, contents = read_spans(span("tool", "TOOL", {"tool.name": "read_file", "tool.parameters": schema, **hidden}))
    assert run.events[0].effects == (Effect("file_read"),)
    assert contents[0] == Content()


@pytest.mark.parametrize(
    ("output", "result", "status"),
    [
        ({"type": "tool", "data": {"content": "x", "tool_call_id": "c", "status": "success"}}, "x", "ok"),
        ({"type": "tool", "data": {"content": "x", "tool_call_id": "c", "status": "error"}}, "x", "error"),
        ({"lc": 1, "type": "constructor", "kwargs": {"content": "x", "tool_call_id": "c"}}, "x", "ok"),
        ({"graph": None, "update": {"messages": [{"data": {"content": "x", "tool_call_id": "c"}}]}}, "x", "ok"),
        ({"blocks": [{"text": "x"}], "tool_name": "t", "raw_input": {}, "is_error": True}, "x", "error"),
        ({"content": [{"type": "text", "text": "x"}], "isError": True}, "x", "error"),
        ({"type": "text", "text": "x"}, "x", "ok"),
        ([{"type": "text", "text": "x"}], "x", "ok"),
        ({"id": "c", "name": "t", "response": {"result": 1}}, {"result": 1}, "ok"),
        ({"rows": 3}, {"rows": 3}, "ok"),
    ],
)
def test_results_out_of_what_frameworks_wrap_around_them(output: Any, result: Any, status: str) -> None:
    run, contents = read_spans(span("tool", "TOOL", {"tool.name": "t", "output.value": output}))
    assert (run.events[0].status, contents[0].result) == (status, result)
    assert run.events[0].call_id in {"c", None}


def test_a_bare_argument_gets_its_name_from_the_request_and_stands_in_where_there_is_none() -> None:
    answer = {"type": "tool", "data": {"content": "KEY=1", "tool_call_id": "call-1"}}
    bare = {"tool.name": "read_file", "input.value": ".env", "output.value": answer}
    run, contents = read_spans(span("one", "LLM", ASK), span("tool", "TOOL", bare, start=20))
    calls = [(e, c) for e, c in zip(run.events, contents, strict=True) if e.kind == "tool_call"]
    assert [(c.arguments, c.result) for _, c in calls] == [({"path": ".env"}, "KEY=1")]
    assert (calls[0][0].call_id, calls[0][0].status, calls[0][0].start) == ("call-1", "ok", 20)
    run, contents = read_spans(span("tool", "TOOL", bare))
    assert (contents[0].arguments, run.events[0].effects) == (".env", (Effect("file_read", ".env"),))
    assert len(run.events) == 1


@pytest.mark.parametrize(
    "asked",
    [
        [{"name": "read_file", "args": {"path": ".env"}, "id": "call-1", "type": "tool_call"}],
        {
            "__type": "tool_call_with_context",
            "tool_call": {"name": "read_file", "args": {"path": ".env"}, "id": "call-1"},
        },
    ],
)
def test_the_step_around_a_tool_names_the_arguments(asked: Any) -> None:
    answer = {"type": "tool", "data": {"content": "KEY=1", "tool_call_id": "call-1"}}
    bare = {"tool.name": "read_file", "input.value": ".env", "output.value": answer}
    run, contents = read_spans(span("tools", "CHAIN", {"input.value": asked}), span("tool", "TOOL", bare, "tools"))
    assert [(e.tool, c.arguments) for e, c in zip(run.events, contents, strict=True)] == [
        ("read_file", {"path": ".env"})
    ]


def test_final_answers_are_no_tool_calls_and_delegations_are_handoffs() -> None:
    run, _ = read_spans(
        span("one", "LLM", {**ASK, **call("output", 0, "final_answer", {"answer": "42"})}),
        span("two", "TOOL", {"tool.name": "final_answer", "input.value": {"answer": "42"}}, title="FinalAnswerTool"),
        span(
            "three", "TOOL", {"tool.name": "Delegate work to coworker", "input.value": {"task": "t", "coworker": "c"}}
        ),
    )
    assert [e.tool for e in run.events if e.tool] == ["Delegate work to coworker"]
    assert [e.kind for e in run.events if e.tool] == ["handoff"]


def test_a_span_of_kind_tool_that_wraps_a_request_is_no_tool_call() -> None:
    wrapper = span("patch", "TOOL", {"input.value": {"messages": []}}, title="instructor.patch", end=40)
    run, _ = read_spans(wrapper, span("one", "LLM", ASK, "patch", start=11))
    assert [e.kind for e in run.events] == ["message", "llm_call", "tool_call"]
    named = {"tool.name": "instructor.notes", "tool.agent_role": "bob"}
    run, _ = read_spans(span("tool", "TOOL", named, title="instructor.notes"))
    assert [(e.kind, e.agent) for e in run.events] == [("tool_call", "bob")]


def test_a_handoff_span_and_the_request_for_it_are_one() -> None:
    ask = {**message("input", 0, role="user", content="x"), **call("output", 0, "transfer_to_the_boss", {})}
    given = {"input.value": "clerk", "output.value": "The Boss"}
    run, _ = read_spans(
        span("flow", "AGENT", {}, title="Agent workflow", end=90),
        span("clerk", "AGENT", {"agent.name": "clerk"}, "flow", end=80),
        span("one", "LLM", ask, "clerk"),
        span("hand", "TOOL", given, "clerk", title="handoff to The Boss", start=20),
    )
    assert [(e.kind, e.tool, e.call_id, e.agent) for e in run.events if e.tool] == [
        ("handoff", "transfer_to_the_boss", "call-1", "clerk")
    ]
    assert run.agent == "clerk"


@pytest.mark.parametrize(
    ("title", "attributes", "name"),
    [
        ("x", {"agent.name": "bob", "graph.node.id": "7f"}, "bob"),
        ("x", {"graph.node.id": "bob"}, "bob"),
        ("bob._execute_core", {}, "bob"),
        ("bob.run", {}, "bob"),
        ("agent_run [bob]", {}, "bob"),
        ("invoke_agent bob", {}, "bob"),
        ("ClaudeAgentSDK.ClaudeSDKClient.receive_response", {}, None),
        ("My workflow", {}, "My workflow"),
    ],
)
def test_names_of_agents(title: str, attributes: dict[str, Any], name: str | None) -> None:
    run, _ = read_spans(
        span("agent", "AGENT", attributes, title=title), span("tool", "TOOL", {"tool.name": "t"}, "agent")
    )
    assert [e.agent for e in run.events] == [name, name]


def test_a_chain_named_after_its_agent_is_the_agent_and_a_tool_around_it_a_handoff() -> None:
    def metadata(name: str) -> dict[str, Any]:
        return {"metadata": {"lc_agent_name": name, "langgraph_step": 1}}

    run, _ = read_spans(
        span("boss", "CHAIN", metadata("boss"), end=90),
        span("model", "CHAIN", metadata("boss"), "boss", start=11),
        span(
            "ask", "TOOL", {"tool.name": "lookup", "input.value": "what", **metadata("boss")}, "boss", start=12, end=60
        ),
        span("helper", "CHAIN", metadata("helper"), "ask", start=13, end=50),
        span("tool", "TOOL", {"tool.name": "web_fetch", "input.value": "https://a.example"}, "helper", start=14),
    )
    assert [(e.kind, e.agent, e.tool) for e in run.events] == [
        ("agent", "boss", None),
        ("handoff", "boss", "lookup"),
        ("agent", "helper", None),
        ("tool_call", "helper", "web_fetch"),
    ]


def test_an_agent_s_sums_count_only_where_no_model_call_tells_its_own() -> None:
    summed = {"agent.name": "a", "llm.token_count.prompt": 30, "llm.token_count.completion": 9}
    run, _ = read_spans(span("agent", "AGENT", summed, end=90), span("one", "LLM", ASK, "agent"))
    assert [e.usage for e in run.events if e.usage] == [Usage(10, 4, 3, 0, 2)]
    run, _ = read_spans(span("agent", "AGENT", summed))
    assert [e.usage for e in run.events if e.usage] == [Usage(30, 9)]


def test_an_agent_that_holds_the_only_messages() -> None:
    held = {
        "input.value": "fix it",
        "session.id": "s1",
        **call("output", 0, "read_file", {"path": ".env"}),
        **message("output", 1, role="assistant", content__0="fixed"),
    }
    ran = {
        "tool.name": "read_file",
        "tool.id": "call-1",
        "input.value": {"path": ".env"},
        "tool.parameters": {"path": ".env"},
    }
    run, contents = read_spans(span("agent", "AGENT", held, end=90), span("tool", "TOOL", ran, "agent", start=20))
    assert told(run) == [
        ("agent", "agent", "ok"),
        ("message", "user", "unknown"),
        ("tool_call", "read_file", "ok"),
        ("message", "assistant", "unknown"),
    ]
    assert (contents[1].text, contents[3].text, run.conversation) == ("fix it", "fixed", "s1")


def test_retrievers_embeddings_guardrails_and_decisions() -> None:
    run, contents = read_spans(
        span("root", "CHAIN", {}, end=90),
        span("a", "RETRIEVER", {"input.value": "q", "retrieval.documents.0.document.content": "d"}, "root", start=11),
        span(
            "b", "RERANKER", {"reranker.query": "q2", "reranker.output_documents.0.document.id": "7"}, "root", start=12
        ),
        span("c", "EMBEDDING", {"embedding.model_name": "e", "llm.token_count.prompt": 5}, "root", start=13),
        span("d", "GUARDRAIL", {"output.value": "blocked"}, "root", start=14),
        span("e", "EVALUATOR", {}, "root", start=15, code=2),
        span("f", "DECISION", {"decision.model_name": "d", "decision.token_count.input": 3}, "root", start=16),
        span("g", "PROMPT", {"output.value": "text"}, "root", start=17),
        span("h", "SOMETHING", {}, "root", start=18),
    )
    assert [(e.kind, e.status, e.model) for e in run.events] == [
        ("retrieval", "ok", None),
        ("retrieval", "ok", None),
        ("embedding", "ok", "e"),
        ("decision", "ok", None),
        ("decision", "error", None),
        ("llm_call", "ok", "d"),
    ]
    assert (contents[0].arguments, contents[0].result) == ("q", [{"content": "d"}])
    assert (contents[1].arguments, contents[1].result) == ("q2", [{"id": "7"}])
    assert [e.usage for e in run.events if e.usage] == [Usage(5), Usage(3)]


def test_keys_of_the_conventions_on_the_same_span_do_not_make_a_second_event() -> None:
    native = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10}
    both, only = span("one", "LLM", {**ASK, **native}), span("one", None, native)
    run, _ = read_spans(both)
    assert sum(e.kind == "llm_call" for e in run.events) == 1
    run, _ = read(
        traces(both, scope="openinference.x"), traces(only, scope="opentelemetry.instrumentation.genai.openai")
    )
    assert [e.kind for e in run.events] == ["message", "llm_call", "tool_call"]
    assert run.events[1].usage == Usage(10, 4, 3, 0, 2)


def test_an_unknown_kind_leaves_the_span_to_the_conventions() -> None:
    native = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    run, _ = read_spans(span("one", "UNKNOWN", native))
    assert told(run) == [("tool_call", "t", "ok")]
    assert run.events[0].dialect == "genai"


def test_one_model_call_told_by_two_layers_is_one() -> None:
    inner = {**ASK, "output.value": '{"id":"chatcmpl-00001","choices":[]}'}
    run, _ = read_spans(span("outer", "LLM", ASK, end=40), span("inner", "LLM", inner, "outer", start=11))
    assert sum(e.kind == "llm_call" for e in run.events) == 1
    assert sum(e.kind == "tool_call" for e in run.events) == 1


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{" * 50, '{"id":', '{"id":"', "\x00", "\ud800".encode("utf-8", "replace").decode()]
)
def test_hostile_values_lose_nothing_and_raise_nothing(text: str) -> None:
    keys = ["input.value", "output.value", "metadata", "tool.parameters", "tool.name", "agent.name", "llm.cost.total"]
    spans = [
        span(kind.lower()[:8], kind, dict.fromkeys(keys, text), start=10 + n)
        for n, kind in enumerate(["LLM", "TOOL", "AGENT", "CHAIN", "RETRIEVER", "EMBEDDING", "GUARDRAIL"])
    ]
    run, _ = read_spans(*spans)
    assert {e.kind for e in run.events} >= {"llm_call", "tool_call", "agent", "retrieval", "embedding", "decision"}
