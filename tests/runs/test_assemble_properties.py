"""Assembly gives the same run however its observations arrive."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.model.event import ContentRef, Effect, Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.assemble import assemble
from spanwarden.runs.windows import Windows, WindowSettings

TRACES = (b"\x01" * 16, b"\x02" * 16)
SPANS = tuple(bytes([n]) * 8 for n in range(1, 9))
KINDS = ("span", "end", "llm_call", "tool_call", "agent", "handoff", "message", "decision", "retrieval", "error")

observations = st.builds(
    Observation,
    kind=st.sampled_from(KINDS),
    keys=st.just(("session:one",)),
    source=st.sampled_from(("span", "log", "message")),
    run_id=st.sampled_from((None, None, "r1", "r2")),
    conversation=st.sampled_from((None, "c")),
    trace_id=st.sampled_from(TRACES),
    span_id=st.sampled_from((b"", *SPANS)),
    parent_id=st.sampled_from((b"", *SPANS)),
    start=st.integers(0, 20),
    end=st.integers(0, 20),
    sequence=st.integers(0, 3) | st.just(1 << 70),
    status=st.sampled_from(("ok", "error", "denied", "unknown")),
    agent=st.sampled_from((None, "a", "b")),
    tool=st.sampled_from((None, "read_file", "mcp__fs__read_file", "shell")),
    model=st.sampled_from((None, "m")),
    role=st.sampled_from((None, "user", "workflow")),
    merge=st.sampled_from((None, None, "x", "y", "z")),
    effects=st.sampled_from(((), (Effect("shell"),), (Effect("agent_spawn", "x"),))),
    usage=st.sampled_from((None, Usage(1, 1), Usage(2, 1, 1))),
    cost_usd=st.sampled_from((None, 0.5)),
    cost_source=st.sampled_from((None, "reported", "estimated")),
    executed=st.booleans(),
    rank=st.integers(-2, 2),
    history=st.booleans(),
    digest=st.sampled_from((None, "d", "e")),
    root=st.booleans(),
    content=st.none() | st.builds(ContentRef, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(observations, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_order_and_exact_repetition_change_nothing(told: list[Observation], random: st.DrawFn) -> None:
    once = assemble(told, "forced")
    again = [*told, *random.choices(told, k=len(told))]  # type: ignore[attr-defined]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert assemble(again, "forced") == once


@settings(max_examples=150, deadline=None)
@given(st.lists(observations, min_size=1, max_size=20))
def test_a_request_sent_again_changes_nothing(told: list[Observation]) -> None:
    later = [
        o if o.content is None else msgspec.structs.replace(o, content=ContentRef(9, o.content.record, o.content.part))
        for o in told
    ]
    assert assemble([*told, *later], "forced") == assemble(told, "forced")


@settings(max_examples=150, deadline=None)
@given(st.lists(observations, min_size=1, max_size=20), st.lists(st.integers(0, 19), max_size=4))
def test_the_requests_that_carried_the_observations_do_not_matter(told: list[Observation], cuts: list[int]) -> None:
    def close(batches: list[list[Observation]]) -> list[object]:
        windows = Windows(WindowSettings())
        for batch in batches:
            windows.add(batch, 0.0)
        return [decision.run for decision in windows.close(0.0)]

    edges = [0, *sorted(cuts), len(told)]
    pieces = [told[a:b] for a, b in itertools.pairwise(edges)]
    assert close(pieces) == close([told])


spans = st.lists(
    observations.map(
        lambda o: msgspec.structs.replace(
            o,
            source="span",
            kind="tool_call",
            executed=True,
            history=False,
            start=o.start + 1,
            status="ok",
            content=None,
        )
    ).filter(lambda o: o.span_id),
    min_size=1,
    max_size=12,
    unique_by=lambda o: (o.trace_id, o.span_id),
)


@settings(max_examples=200, deadline=None)
@given(spans)
def test_a_span_sent_first_without_what_was_known_later_is_the_same_event(told: list[Observation]) -> None:
    early = [
        msgspec.structs.replace(
            o, end=0, status="unknown", merge=None, usage=None, effects=(), digest=None, model=None, executed=False
        )
        for o in told
    ]
    assert assemble([*early, *told], "forced").events == assemble(told, "forced").events


@settings(max_examples=200, deadline=None)
@given(st.lists(observations, min_size=1, max_size=30))
def test_a_run_is_well_formed(told: list[Observation]) -> None:
    run = assemble(told, "idle")
    assert run.id
    assert len(run.events) <= sum(o.kind not in {"span", "end"} for o in told)
    assert [e.start for e in run.events] == sorted(e.start for e in run.events)
    assert all(e.end >= e.start for e in run.events)
    assert all(len(e.content) == len(set(e.content)) for e in run.events)
    witnessed = {o.content for o in told if o.content is not None}
    assert {ref for e in run.events for ref in e.content} <= witnessed
    refused = {o.merge for o in told if o.kind == "decision" and o.status == "denied" and o.merge}
    assert all(e.status == "denied" for e in run.events if e.kind == "tool_call" and e.call_id in refused)
