"""Assembly: each action once, whoever told of it."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.model.event import ContentRef, Effect, Usage
from spanwarden.model.observation import Observation
from spanwarden.model.run import Run
from spanwarden.runs.assemble import assemble

TRACE = bytes(range(16))
KEYS = ("trace:" + TRACE.hex(),)


def seen(kind: Any, name: str = "", parent: str = "", **facts: Any) -> Observation:
    span = {"trace_id": TRACE, "span_id": name.encode().ljust(8, b".")} if name else {}
    above = {"parent_id": parent.encode().ljust(8, b".")} if parent else {}
    return Observation(kind=kind, keys=KEYS, **{**span, **above, **facts})


def told(run: Run) -> list[tuple[str, str | None, str]]:
    return [(e.kind, e.tool, e.status) for e in run.events]


def agent(name: str = "agent", **facts: Any) -> Observation:
    return seen("agent", name, start=1, end=100, agent="bob", root=True, **facts)


def tool(name: str, parent: str = "agent", **facts: Any) -> Observation:
    defaults: dict[str, Any] = {"tool": "read_file", "executed": True, "status": "ok", "start": 10, "end": 20}
    return seen("tool_call", name, parent, **{**defaults, **facts})


def chat(name: str, parent: str = "agent", **facts: Any) -> Observation:
    return seen("llm_call", name, parent, **{"start": 5, "end": 9, "status": "ok", **facts})


def asked(merge: str | None, at: str = "chat", **facts: Any) -> Observation:
    defaults: dict[str, Any] = {"tool": "read_file", "source": "message", "start": 9, "end": 9}
    return seen("tool_call", at, merge=merge, **{**defaults, **facts})


def test_a_span_sent_twice_is_one_event_and_the_fuller_copy_wins() -> None:
    pending = tool("t", status="unknown", end=0)
    run = assemble([pending, tool("t", merge="c1"), pending], "forced")
    assert told(run) == [("tool_call", "read_file", "ok")]
    assert (run.events[0].start, run.events[0].end, run.events[0].call_id) == (10, 20, "c1")


def test_a_request_and_its_execution_with_the_same_call_id_are_one() -> None:
    run = assemble([chat("chat"), asked("c1"), tool("t", merge="c1")], "forced")
    assert told(run) == [("llm_call", None, "ok"), ("tool_call", "read_file", "ok")]
    assert run.events[1].span_id == b"t......."


def test_a_request_finds_the_execution_without_call_id_by_its_arguments() -> None:
    requests = [asked("c1", digest="x", sequence=0), asked("c2", digest="y", sequence=1)]
    executions = [tool("t1", digest="y", start=10), tool("t2", digest="x", start=11)]
    run = assemble([*requests, *executions], "forced")
    assert [(e.call_id, e.span_id) for e in run.events] == [("c2", b"t1......"), ("c1", b"t2......")]


def test_a_request_finds_the_execution_by_name_and_order_where_arguments_are_withheld() -> None:
    run = assemble([asked("c1", start=9), asked("c2", start=29), tool("t1", start=10), tool("t2", start=30)], "forced")
    assert [e.call_id for e in run.events] == ["c1", "c2"]


def test_an_execution_takes_the_latest_request_before_it() -> None:
    run = assemble([asked("refused", start=9), asked("made", start=29), tool("t", start=30)], "forced")
    assert [(e.call_id, e.status) for e in run.events] == [("refused", "unknown"), ("made", "ok")]


def test_layers_of_one_tool_call_merge_into_the_framework_s() -> None:
    run = assemble(
        [
            tool("frame", digest="x"),
            tool("client", "frame", tool="tools.read_file", rank=-1, start=11, end=19),
            seen("span", "http", "client", start=12, end=18),
            tool("server", "http", rank=-2, start=13, end=17, status="error"),
            tool("inside", "server", tool="other", start=14, end=15),
        ],
        "forced",
    )
    assert told(run) == [("tool_call", "read_file", "error"), ("tool_call", "other", "ok")]
    assert run.events[0].span_id == b"frame..."


def test_a_tool_called_inside_another_agent_is_its_own_event() -> None:
    inner = seen("agent", "sub", "outer", start=11, end=19, agent="sub")
    run = assemble([agent(), tool("outer"), inner, tool("inner", "sub", start=12)], "forced")
    assert [(e.kind, e.agent) for e in run.events] == [
        ("agent", "bob"),
        ("handoff", "bob"),
        ("agent", "sub"),
        ("tool_call", "sub"),
    ]


def test_a_tool_that_exists_to_start_an_agent_stays_a_tool_call() -> None:
    inner = seen("agent", "sub", "outer", start=11, end=19, agent="sub")
    run = assemble([agent(), tool("outer", tool="task", effects=(Effect("agent_spawn"),)), inner], "forced")
    assert [e.kind for e in run.events] == ["agent", "tool_call", "agent"]


def test_nested_model_calls_are_one_and_the_fullest_usage_counts() -> None:
    outer = chat("outer", usage=Usage(10, 5), model="m")
    inner = chat("inner", "outer", start=6, end=8, usage=Usage(10, 5, 4, 0, 2))
    assert [e.usage for e in assemble([outer, inner], "forced").events] == [Usage(10, 5, 4, 0, 2)]


def test_retries_inside_a_model_call_are_requests_of_their_own() -> None:
    tries = [chat("one", "outer", start=5, end=6, status="error"), chat("two", "outer", start=7, end=9)]
    run = assemble([chat("outer"), *tries], "forced")
    assert [(e.kind, e.status) for e in run.events] == [("llm_call", "error"), ("llm_call", "ok")]


@pytest.mark.parametrize(("status", "count"), [("unknown", 1), ("denied", 2)])
def test_a_permission_asked_for_inside_of_a_call_is_a_step_of_it(status: str, count: int) -> None:
    asking = seen("tool_call", "p", "t", tool="edit", status=status, start=12, end=12, rank=-2)
    run = assemble([agent(), tool("t", tool="write", merge="c1"), asking], "forced")
    assert [e.tool for e in run.events if e.kind == "tool_call"] == ["write", "edit"][:count]


def test_calls_that_count_alike_are_one_for_each_pair_of_log_record_and_span() -> None:
    spans = [chat("a", merge="like:1"), chat("b", start=30, end=40, merge="like:1")]
    logs = [seen("llm_call", source="log", start=at, end=at, merge="like:1", usage=Usage(7, 1)) for at in (6, 31, 50)]
    run = assemble([*logs, *spans, spans[0]], "forced")
    assert [(e.kind, e.start, e.usage) for e in run.events] == [("llm_call", at, Usage(7, 1)) for at in (5, 30, 50)]
    assert len(assemble(logs, "forced").events) == 3


@pytest.mark.parametrize(("second", "count"), [(6, 1), (50, 2)])
def test_one_response_id_is_one_call_unless_the_spans_follow_each_other(second: int, count: int) -> None:
    one, two = chat("one", merge="chatcmpl-1"), chat("two", merge="chatcmpl-1", start=second, end=second + 3)
    assert len(assemble([one, two], "forced").events) == count


def test_the_log_record_of_a_span_adds_to_it() -> None:
    log = seen("llm_call", "chat", source="log", start=9, end=9, usage=Usage(1, 2), content=ContentRef(0, 1))
    run = assemble([log, chat("chat")], "forced")
    assert [(e.start, e.end, e.usage, e.content) for e in run.events] == [(5, 9, Usage(1, 2), (ContentRef(0, 1),))]


def test_a_refused_call_is_denied_even_where_a_span_told_of_it() -> None:
    refusal = seen("decision", source="log", merge="c1", tool="read_file", status="denied", start=12, end=12)
    assert told(assemble([tool("t", merge="c1"), refusal], "forced")) == [("tool_call", "read_file", "denied")]
    assert told(assemble([refusal], "forced")) == [("tool_call", "read_file", "denied")]


def test_an_approval_is_part_of_the_call_that_it_approved() -> None:
    approval = seen("decision", source="log", merge="c1", tool="read_file", status="ok", start=1, end=1)
    assert told(assemble([tool("t", merge="c1", status="error"), approval], "forced")) == [
        ("tool_call", "read_file", "error")
    ]
    assert [e.kind for e in assemble([approval], "forced").events] == ["decision"]


def test_history_of_an_earlier_run_is_no_tool_call_of_this_one() -> None:
    old = asked("c0", history=True, start=5, end=5, status="ok", effects=(Effect("file_read", "x"),))
    run = assemble([chat("chat"), old, asked("c1")], "forced")
    assert [(e.kind, e.role, e.call_id, e.effects) for e in run.events if e.kind != "llm_call"] == [
        ("message", "tool", "c0", ()),
        ("tool_call", None, "c1", ()),
    ]


def test_history_that_a_later_model_call_shows_happened_in_the_run() -> None:
    shown = asked("c1", "chat2", history=True, start=30, end=30, status="ok")
    run = assemble([chat("chat"), chat("chat2", start=30, end=40), shown], "forced")
    assert ("tool_call", "read_file", "ok") in told(run)


def test_history_in_a_log_record_counts_from_the_start_of_its_model_call() -> None:
    late = asked("c0", history=True, start=8, end=8)
    assert [e.kind for e in assemble([chat("chat"), late], "forced").events] == ["message", "llm_call"]


@pytest.mark.parametrize(("completeness", "kinds"), [("root_ended", ["message"]), ("forced", ["tool_call"])])
def test_a_request_without_execution_is_no_call_once_the_run_has_ended(completeness: Any, kinds: list[str]) -> None:
    run = assemble([agent(), chat("chat"), tool("t", merge="c0"), asked("c1", start=50)], completeness)
    assert [e.kind for e in run.events if e.start == 50] == kinds


def test_messages_repeated_as_history_are_one_event_at_their_first_time() -> None:
    said = [
        seen("message", "chat", source="message", role="assistant", merge="d", start=9, end=9),
        seen("message", "chat2", source="message", role="assistant", merge="d", start=30, end=30, history=True),
    ]
    run = assemble([chat("chat"), chat("chat2", start=30, end=40), *said], "forced")
    assert [(e.kind, e.start) for e in run.events] == [("llm_call", 5), ("message", 9), ("llm_call", 30)]


def test_usage_of_an_agent_counts_only_where_no_model_call_has_any() -> None:
    inner = seen("agent", "sub", "agent", start=2, end=9, agent="sub", usage=Usage(5, 5))
    alone = assemble([agent(usage=Usage(7, 7)), inner], "forced")
    assert [e.usage for e in alone.events] == [Usage(7, 7), None]
    run = assemble([agent(usage=Usage(7, 7)), chat("chat", usage=Usage(3, 3))], "forced")
    assert [e.usage for e in run.events] == [None, Usage(3, 3)]


def test_reported_cost_beats_an_estimate_and_the_total_says_which_it_is() -> None:
    twice = [
        chat("chat", cost_usd=0.5, cost_source="estimated"),
        seen("llm_call", "chat", source="log", start=9, end=9, cost_usd=0.25, cost_source="reported"),
    ]
    run = assemble(twice, "forced")
    assert (run.cost_usd, run.cost_source) == (0.25, "reported")
    assert assemble([chat("chat")], "forced").cost_usd is None


def test_the_run_is_named_after_its_first_agent_not_the_workflow() -> None:
    flow = seen("agent", "flow", start=0, end=101, agent="Flow", role="workflow", root=True)
    run = assemble([flow, seen("agent", "a", "flow", start=1, agent="bob")], "forced")
    assert run.agent == "bob"
    assert run.root_span_id == b"flow...."


def test_an_agent_known_by_its_id_lends_its_name() -> None:
    named = seen("agent", source="log", start=20, end=20, agent="explorer", agent_id="a1")
    run = assemble([agent(), tool("t", agent_id="a1"), tool("u", start=11, agent_id="a2"), named], "forced")
    assert [(e.kind, e.agent) for e in run.events] == [
        ("agent", "bob"),
        ("tool_call", "explorer"),
        ("tool_call", "bob"),
        ("agent", "explorer"),
    ]


def test_times_ids_and_totals_of_a_run() -> None:
    run = assemble([agent(conversation="c", service="s"), tool("t")], "idle")
    assert (run.id, run.start, run.end, run.runtime_seconds) == (TRACE.hex(), 1, 100, 99e-9)
    assert (run.conversation, run.service, run.completeness, run.trace_ids) == ("c", "s", "idle", (TRACE,))
    assert run.root_span_id == b"agent..."
    explicit = assemble([agent(), tool("t", run_id="mine")], "forced")
    assert explicit.id == "mine"
    keyed = Observation(kind="message", keys=("session:b", "prompt:a"), source="log")
    assert assemble([keyed], "forced").id == "prompt:a"
    assert assemble([keyed], "forced").runtime_seconds is None


def test_a_circle_of_parents_ends() -> None:
    circle = [tool("a", "c", tool="x"), tool("b", "a", tool="y"), tool("c", "b", tool="z")]
    assert sorted(e.tool or "" for e in assemble(circle, "forced").events) == ["x", "y", "z"]


def test_ten_thousand_levels_of_nesting_do_not_recurse() -> None:
    spans = [seen("span", f"{i:08d}", f"{i - 1:08d}" if i else "", start=i + 1, end=99_999) for i in range(10_000)]
    run = assemble([*reversed(spans), agent("root"), tool("deep", "00009999")], "forced")
    assert [e.kind for e in run.events] == ["agent", "tool_call"]
