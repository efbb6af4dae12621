"""Model calls told by an agent's conversation and by spans of their own."""

from __future__ import annotations

from typing import Any

from spanwarden.model.event import Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.assemble import assemble

TRACE = bytes(range(1, 17))


def seen(kind: Any, name: str, parent: str = "", **facts: Any) -> Observation:
    above = {"parent_id": parent.encode().ljust(8, b".")} if parent else {}
    span = {"trace_id": TRACE, "span_id": name.encode().ljust(8, b".")}
    return Observation(kind=kind, keys=("trace:t",), **{**span, **above, **facts})


def retold(agent: str, merge: str) -> Observation:
    return seen("llm_call", agent, source="message", merge=merge, start=9, usage=Usage(10, 1))


OUTER = seen("agent", "outer", start=1, end=9)
INNER = seen("agent", "inner", "step", start=2, end=8)
STEP = seen("span", "step", "outer", start=2, end=8)


def calls(*observations: Observation) -> list[str]:
    run = assemble([OUTER, INNER, STEP, *observations], "forced")
    return sorted(e.span_id.decode().rstrip(".") for e in run.events if e.kind == "llm_call")


def test_a_conversation_s_model_calls_count_where_nothing_else_tells_of_them() -> None:
    assert calls(retold("outer", "a"), retold("outer", "b"), retold("inner", "c")) == ["inner", "outer", "outer"]


def test_spans_of_model_calls_take_the_place_of_those_that_their_own_agent_retells() -> None:
    span = seen("llm_call", "chat", "inner", start=3, end=4, usage=Usage(10, 1))
    assert calls(retold("outer", "a"), retold("inner", "c"), span) == ["chat", "outer"]
