"""Costs: reported ones first, estimates only where nothing reported, each once."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.model.event import Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.assemble import assemble

TRACE = bytes(range(16))


class TenPerToken:
    """A table of one model: a dollar for ten tokens."""

    version = "ten 1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, int]] = []

    def cost(self, usage: Usage, model: str, provider: str | None, at: int) -> float | None:
        self.asked.append((model, provider, at))
        return (usage.input + usage.output) / 10 if model == "known" else None


def seen(kind: Any, name: str, parent: str = "", **facts: Any) -> Observation:
    above = parent.encode().ljust(8, b".") if parent else b""
    told = {"start": 5, "end": 9, "status": "ok", "trace_id": TRACE, "span_id": name.encode().ljust(8, b".")}
    return Observation(kind=kind, keys=("trace:" + TRACE.hex(),), parent_id=above, **{**told, **facts})


def call(name: str, **facts: Any) -> Observation:
    return seen("llm_call", name, "agent", **{"model": "known", "usage": Usage(7, 3), **facts})


def agent(**facts: Any) -> Observation:
    return seen("agent", "agent", start=1, end=100, root=True, **facts)


def test_a_call_without_a_cost_is_estimated_and_the_run_says_by_which_table() -> None:
    prices = TenPerToken()
    run = assemble([agent(), call("a", provider="openai"), call("b", start=6)], "forced", prices)
    assert [(e.cost_usd, e.cost_source) for e in run.events] == [(None, None), (1.0, "estimated"), (1.0, "estimated")]
    assert (run.cost_usd, run.cost_source, run.price_table) == (2.0, "estimated", "ten 1")
    assert prices.asked == [("known", "openai", 5), ("known", None, 6)]


def test_without_prices_nothing_is_estimated() -> None:
    run = assemble([agent(), call("a")], "forced")
    assert (run.cost_usd, run.cost_source, run.price_table) == (None, None, None)


def test_a_reported_cost_stands_and_what_is_missing_beside_it_makes_the_total_an_estimate() -> None:
    reported = call("a", cost_usd=0.25, cost_source="reported")
    alone = assemble([agent(), reported], "forced", TenPerToken())
    assert (alone.cost_usd, alone.cost_source, alone.price_table) == (0.25, "reported", None)
    both = assemble([agent(), reported, call("b", start=6)], "forced", TenPerToken())
    assert [e.cost_usd for e in both.events if e.kind == "llm_call"] == [0.25, 1.0]
    assert (both.cost_usd, both.cost_source) == (1.25, "estimated")


def test_the_cost_that_an_agent_reports_for_its_calls_is_not_estimated_again() -> None:
    costly = agent(cost_usd=0.5, cost_source="reported", usage=Usage(7, 3))
    run = assemble([costly, call("a")], "forced", TenPerToken())
    assert [(e.kind, e.usage, e.cost_usd) for e in run.events] == [
        ("agent", None, 0.5), ("llm_call", Usage(7, 3), None)
    ]  # fmt: skip
    assert (run.cost_usd, run.cost_source, run.price_table) == (0.5, "reported", None)


def test_where_calls_report_their_cost_the_agents_sum_is_left_out() -> None:
    run = assemble([agent(cost_usd=9.0, cost_source="reported"), call("a", cost_usd=1.0)], "forced")
    assert run.cost_usd == 1.0


def test_only_the_topmost_of_nested_agents_counts() -> None:
    inner = seen("agent", "inner", "agent", cost_usd=0.2, cost_source="reported")
    run = assemble([agent(cost_usd=0.5, cost_source="reported"), inner], "forced")
    assert [e.cost_usd for e in run.events] == [0.5, None]


@pytest.mark.parametrize("facts", [{"model": "unknown"}, {"model": None}, {"usage": None}, {"usage": Usage()}], ids=str)
def test_what_cannot_be_priced_stays_unknown(facts: dict[str, Any]) -> None:
    run = assemble([agent(), call("a", **facts)], "forced", TenPerToken())
    assert (run.cost_usd, run.cost_source, run.price_table) == (None, None, None)


def test_an_agent_that_alone_tells_tokens_is_priced() -> None:
    run = assemble([agent(usage=Usage(7, 3), model="known")], "forced", TenPerToken())
    assert (run.cost_usd, run.cost_source) == (1.0, "estimated")
