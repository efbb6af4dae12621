"""Calls that are really one agent passing the work to another, found in what the whole run shows."""

from __future__ import annotations

from typing import Any

from spanwarden.model.observation import Observation
from spanwarden.runs.assemble import assemble

TRACE = bytes(range(1, 17))


def seen(kind: Any, name: str, parent: str = "", **facts: Any) -> Observation:
    above = {"parent_id": parent.encode().ljust(8, b".")} if parent else {}
    span = {"trace_id": TRACE, "span_id": name.encode().ljust(8, b".")}
    return Observation(kind=kind, keys=("trace:t",), **{**span, **above, **facts})


def asked(tool: str, **facts: Any) -> Observation:
    return seen("tool_call", "chat", tool=tool, source="message", merge="call-1", status="ok", **facts)


def kinds(*observations: Observation) -> list[tuple[str, str | None]]:
    return [(e.kind, e.tool) for e in assemble(observations, "root_ended").events]


def test_a_requested_call_named_after_an_agent_at_work_is_a_handoff() -> None:
    researcher = seen("agent", "sub", "boss", start=2, agent="Research-er")
    boss = seen("agent", "boss", start=1, agent="boss")
    assert kinds(boss, researcher, asked("research_er")) == [
        ("handoff", "research_er"),
        ("agent", None),
        ("agent", None),
    ]
    assert ("tool_call", "search") in kinds(boss, researcher, asked("search"))


def test_a_tool_that_was_executed_stays_one_though_an_agent_has_its_name() -> None:
    search = seen("agent", "sub", "boss", start=2, agent="search")
    ran = seen("tool_call", "tool", "boss", start=3, tool="search", executed=True, merge="call-1", status="ok")
    assert ("tool_call", "search") in kinds(seen("agent", "boss", start=1, agent="boss"), search, asked("search"), ran)


def test_a_workflow_s_name_is_no_agent_s() -> None:
    workflow = seen("agent", "flow", start=1, agent="report", role="workflow")
    assert ("tool_call", "report") in kinds(workflow, asked("report"))
