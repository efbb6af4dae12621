"""Transcripts are read by the user's tables too: what tools do, what tokens cost."""

from __future__ import annotations

import json
import pathlib

from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.model.event import Effect, Usage
from spanwarden.transcripts.reading import read_runs
from spanwarden.transcripts.tables import Tables

WIPE = DEFAULT_TABLE.extended(tools={"acme_wipe": ("file_delete",)})


class Dollar:
    """Every token costs a dollar."""

    version = "dollar 1"

    def cost(self, usage: Usage, model: str, provider: str | None, at: int) -> float | None:
        return float(usage.input + usage.output)


def written(tmp_path: pathlib.Path, value: object) -> pathlib.Path:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_tool_of_the_table_has_its_effects_in_a_native_trace(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, {"events": [{"type": "tool_call", "tool": "acme_wipe", "input": {"path": "a.txt"}}]})
    ((plain, _),) = read_runs(path)
    ((told, _),) = read_runs(path, None, Tables(WIPE))
    assert Effect("file_write", "a.txt", "delete") not in plain.events[0].effects
    assert Effect("file_write", "a.txt", "delete") in told.events[0].effects


def test_tokens_are_priced_and_the_sum_is_the_runs_where_the_file_tells_no_cost(tmp_path: pathlib.Path) -> None:
    events = [
        {"type": "llm_call", "model": "m", "usage": {"input": 2, "output": 1}},
        {"type": "llm_call", "model": "m", "usage": {"input": 2, "output": 1}, "cost_usd": 0.5},
    ]
    ((run, _),) = read_runs(written(tmp_path, {"events": events}), None, Tables(prices=Dollar()))
    assert [(e.cost_usd, e.cost_source) for e in run.events] == [(3.0, "estimated"), (0.5, "reported")]
    assert (run.cost_usd, run.cost_source, run.price_table) == (3.5, "estimated", "dollar 1")


def test_the_cost_that_the_file_tells_stands(tmp_path: pathlib.Path) -> None:
    events = [{"type": "llm_call", "model": "m", "usage": {"input": 2, "output": 1}}]
    path = written(tmp_path, {"cost_usd": 0.1, "events": events})
    ((run, _),) = read_runs(path, None, Tables(prices=Dollar()))
    assert (run.cost_usd, run.cost_source, run.price_table) == (0.1, "reported", None)
    assert run.events[0].cost_usd is None
