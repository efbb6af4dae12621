"""The bench of rules measures what it says."""

from __future__ import annotations

import pathlib

from bench import rules
from spanwarden.policy.loading import load
from spanwarden.transcripts.reading import read_runs


def test_conditions_cost_something_and_none_of_them_holds() -> None:
    assert 0 < rules.simple_conditions() < 100_000


def test_the_trace_for_tracegate_is_one_and_breaks_nothing(tmp_path: pathlib.Path) -> None:
    trace, policy = rules.tracegate_trace(tmp_path)
    ((run, contents),) = read_runs(trace)
    assert len(run.events) == rules.TRACEGATE_EVENTS
    assert not load(str(policy)).evaluate(run, contents).findings
    assert rules.tracegates_keys(trace, policy) > 0


def test_the_trace_for_troy_is_judged() -> None:
    told = [{"condition": "step['description'] == 'bash'"}, {"condition": "any_prev(lambda s: s['type'] == 'x')"}]
    assert rules.troys_rules(told, rules.troy_trace()) > 0
