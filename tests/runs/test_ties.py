from __future__ import annotations

from typing import Any

import pytest

from spanwarden.model.event import Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.ties import answer_keys, best_host, goes_on_from, hosts, loose_ties, seeks

MS = 10**6
S = 10**9


def span(number: int, **facts: Any) -> Observation:
    facts = {"kind": "tool_call", "start": 100 * S, "end": 101 * S, "instance": "i", "scope": "outer"} | facts
    trace = bytes([number]) * 16
    return Observation(keys=("trace:" + trace.hex(),), trace_id=trace, span_id=bytes([number]) * 8, **facts)


def server(number: int, start: int, end: int, **facts: Any) -> Observation:
    facts = {"tool": "web_fetch", "rank": -2, "executed": True, "scope": "mcp-python-sdk"} | facts
    return span(number, start=start, end=end, **facts)


def tool(number: int, start: int, end: int, **facts: Any) -> Observation:
    facts = {"tool": "mcp__ws__web_fetch", "executed": True, "parent_id": b"parent.."} | facts
    return span(number, start=start, end=end, **facts)


def test_one_answer_told_by_two_layers_at_once_shares_a_key() -> None:
    one = span(1, kind="llm_call", merge="msg_0001", usage=Usage(10, 5))
    for later in (0, 10 * MS, 1900 * MS):
        two = span(2, kind="llm_call", merge="msg_0001", usage=Usage(12, 5), end=101 * S + later)
        assert {*answer_keys(one)} & {*answer_keys(two)}
    for other in (
        span(2, kind="llm_call", merge="msg_0001", usage=Usage(10, 5), end=110 * S),
        span(2, kind="llm_call", merge="msg_0001", usage=Usage(10, 6)),
        span(2, kind="llm_call", merge="msg_0002", usage=Usage(10, 5)),
        span(2, kind="llm_call", merge="msg_0001", usage=Usage(10, 5), instance="j"),
    ):
        assert not {*answer_keys(one)} & {*answer_keys(other)}
    assert answer_keys(span(1, kind="llm_call", merge="msg_0001", parent_id=b"parent..")) == ()
    assert answer_keys(span(1, kind="llm_call")) == answer_keys(span(1, merge="call_1")) == ()


def test_a_server_in_the_process_of_its_client_finds_the_clients_call() -> None:
    inner = server(9, 100 * S + 20 * MS, 100 * S + 40 * MS)
    assert seeks(inner)
    near = tool(1, 100 * S, 100 * S + 60 * MS)
    assert hosts(near)
    wide = tool(2, 99 * S, 102 * S)
    assert best_host(inner, [wide, near]) is near
    assert best_host(inner, [near, wide]) is near


@pytest.mark.parametrize(
    "other",
    [
        tool(1, 100 * S, 100 * S + 30 * MS),
        tool(1, 100 * S, 100 * S + 60 * MS, tool="mcp__ws__read_file"),
        tool(1, 100 * S, 100 * S + 60 * MS, instance="another"),
        tool(1, 100 * S, 100 * S + 60 * MS, executed=False),
        tool(1, 100 * S, 100 * S + 60 * MS, digest="other"),
        server(1, 100 * S, 100 * S + 60 * MS),
    ],
)
def test_what_is_not_around_it_or_not_alike_is_no_host(other: Observation) -> None:
    assert best_host(server(9, 100 * S + 20 * MS, 100 * S + 40 * MS, digest="own"), [other]) is None


def test_failed_model_calls_of_two_layers_are_found_by_their_times() -> None:
    sdk = span(1, kind="llm_call", model="m-1", start=100 * S, end=100 * S + 115 * MS, scope="sdk", status="error")
    wrapper = span(2, kind="llm_call", model="m-1", start=100 * S - MS, end=100 * S + 118 * MS, status="error")
    assert seeks(sdk)
    assert hosts(wrapper)
    assert best_host(sdk, [wrapper]) is wrapper
    assert best_host(sdk, [span(2, kind="llm_call", model="m-2", start=100 * S - MS, end=100 * S + 118 * MS)]) is None
    assert best_host(sdk, [span(2, kind="llm_call", model="m-1", start=101 * S, end=102 * S)]) is None
    assert best_host(sdk, [span(2, kind="llm_call", model="m-1", scope="sdk", end=100 * S + 118 * MS)]) is None


def message(at: int, role: str, **facts: Any) -> Observation:
    facts = {"kind": "message", "history": True, "merge": f"{role}{at}"} | facts
    return Observation(keys=("trace:1",), source="message", role=role, start=at, instance="i", loose=True, **facts)


def asked(at: int, identity: str, *, history: bool = True) -> Observation:
    return message(at, "assistant", kind="tool_call", merge=identity, history=history)


def test_loose_messages_tie_by_the_calls_since_the_user_spoke_last() -> None:
    first = loose_ties([message(1, "system"), message(2, "user"), asked(3, "call_1", history=False)])
    second = loose_ties([message(1, "system"), message(2, "user"), asked(3, "call_1"), asked(4, "call_1")])
    history = [message(2, "user"), asked(3, "call_1"), asked(4, "call_1"), message(5, "assistant")]
    following = loose_ties([*history, message(6, "user"), asked(7, "call_2", history=False)])
    assert {*first.leads_to} & {*second.follows}
    assert not {*first.leads_to} & {*following.follows}
    assert following.leads_to
    assert loose_ties([*reversed(history), message(6, "user"), asked(7, "call_2", history=False)]) == following


def test_loose_messages_with_unique_ids_share_them() -> None:
    unique = "call_0123456789abcdefghijklmn"
    first, second = loose_ties([asked(1, unique, history=False)]), loose_ties([message(1, "user"), asked(2, unique)])
    assert first.keys == second.keys != ()


def mute(number: int, start: int, end: int, tokens: int = 0, *, expects: bool = True, **facts: Any) -> Observation:
    usage = Usage(tokens or number * 10, 5)
    return span(number, kind="llm_call", start=start * S, end=end * S, usage=usage, expects=expects, **facts)


def test_a_call_without_content_goes_on_from_the_only_one_that_waits_for_its_tools() -> None:
    one, two, last = mute(1, 100, 101), mute(2, 103, 104), mute(3, 106, 107, expects=False)
    calls = [last, one, two]
    assert goes_on_from(one, calls) is None
    assert goes_on_from(two, calls) is one
    assert goes_on_from(last, calls) is two
    assert goes_on_from(mute(4, 108, 109), calls) is None, "the last one answered"
    assert goes_on_from(two, [one]) is one


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([mute(1, 100, 101), mute(4, 100, 102, tokens=5)], "two wait"),
        ([mute(1, 100, 101, expects=False)], "none waits"),
        ([mute(1, 100, 104)], "it has not ended"),
        ([mute(1, 20, 21)], "it is too long ago"),
        ([mute(1, 100, 101, tokens=500)], "the history would have shrunk"),
        ([mute(1, 100, 101, model="other", service="s")], "another model"),
        ([mute(1, 100, 101, service="other")], "another service"),
        ([mute(1, 100, 101), mute(4, 102, 103, tokens=15, expects=False)], "another one went on from it"),
    ],
)
def test_what_is_not_certain_is_not_tied(calls: list[Observation], why: str) -> None:
    assert goes_on_from(mute(2, 103, 104, model="m", service="s"), calls) is None, why


def test_two_layers_reports_of_one_call_without_content_are_one_call() -> None:
    inner, outer = mute(1, 100, 101, merge="msg_1"), mute(4, 100, 101, tokens=10, merge="msg_1", scope="sdk")
    following = mute(2, 103, 104, merge="msg_2")
    assert goes_on_from(following, [inner, outer]) in (inner, outer)
    assert goes_on_from(mute(5, 103, 104, tokens=20, merge="msg_2", scope="sdk"), [inner, outer, following])
