"""An event of one observation is the event of the same observation told twice: two ways to one end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanwarden.model.event import ContentRef, Effect, Event, Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.merging import event_of

WORDS = st.none() | st.sampled_from(["a", "b"])
OBSERVATIONS = st.builds(
    Observation,
    kind=st.sampled_from(["llm_call", "tool_call", "agent", "handoff", "message", "decision", "retrieval", "error"]),
    keys=st.just(("k",)),
    source=st.sampled_from(["span", "log", "message"]),
    dialect=st.sampled_from(["genai", "codex"]),
    trace_id=st.sampled_from([b"", b"t"]),
    span_id=st.sampled_from([b"", b"s"]),
    parent_id=st.sampled_from([b"", b"p"]),
    start=st.integers(0, 3),
    end=st.integers(0, 3),
    status=st.sampled_from(["ok", "error", "denied", "unknown"]),
    agent=WORDS,
    tool=WORDS,
    model=WORDS,
    provider=WORDS,
    role=WORDS,
    merge=WORDS,
    effects=st.sampled_from([(), (Effect("shell", "ls"),)]),
    usage=st.none() | st.just(Usage(1, 2)),
    cost_usd=st.none() | st.just(0.5),
    cost_source=st.sampled_from(["reported", "estimated"]),
    executed=st.booleans(),
    rank=st.integers(-1, 1),
    history=st.booleans(),
    digest=WORDS,
    content=st.none() | st.just(ContentRef(1, 2, 3)),
)


@given(OBSERVATIONS, WORDS)
def test_told_once_is_told_twice(o: Observation, agent: str | None) -> None:
    assert event_of((o,), agent) == event_of((o, o), agent)


def test_every_fact_has_its_place() -> None:
    ref, effects, usage = ContentRef(1, 2, 3), (Effect("shell", "ls"),), Usage(1, 2)
    o = Observation(
        "tool_call",
        ("k",),
        dialect="d",
        trace_id=b"t",
        span_id=b"s",
        parent_id=b"p",
        start=1,
        end=2,
        status="ok",
        agent="a",
        tool="ls",
        model="m",
        provider="pr",
        role="r",
        merge="c",
        effects=effects,
        usage=usage,
        cost_usd=0.5,
        cost_source="reported",
        content=ref,
    )
    assert event_of((o,), None) == Event(
        kind="tool_call",
        status="ok",
        start=1,
        end=2,
        agent="a",
        tool="ls",
        model="m",
        call_id="c",
        effects=effects,
        usage=usage,
        cost_usd=0.5,
        cost_source="reported",
        trace_id=b"t",
        span_id=b"s",
        parent_id=b"p",
        dialect="d",
        provider="pr",
        content=(ref,),
    )
