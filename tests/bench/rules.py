"""What rules cost beside the tools that they come from, in one process and in turns.

usage: python tests/bench/rules.py [ROUNDS]

* simple conditions, fused: nanoseconds of CPU per rule and event; the budget is 60
* troy's own rules on a troy trace: microseconds per rule and step, ours and troy's; the aim is 10 times
* tracegate's keys on 8,000 events: seconds, ours and tracegate's; the aim is 100 times

The peers are installed from PyPI into a folder of their own that is gone afterwards; their rows are left out where that
cannot be done. Reading files is not counted for anybody.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from integration.peers import TRACEGATE, TROY, install, tracegate_checks, troy_judges, troy_rules
from spanwarden.model.event import Content, Event
from spanwarden.model.run import Run
from spanwarden.policy.document import Field, Node
from spanwarden.policy.expressions.condition import compile_condition
from spanwarden.policy.expressions.fusing import Fused
from spanwarden.policy.expressions.scopes import TROY as TROY_SCOPE
from spanwarden.policy.loading import load
from spanwarden.policy.rules.base import RunView
from spanwarden.transcripts.entries import HeldContents
from spanwarden.transcripts.reading import read_runs
from spanwarden.transcripts.troy import read_troy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))


EVENTS = 5_000
STEPS = 300
TRACEGATE_EVENTS = 8_000
SIMPLE = [
    *(f"tool == 'tool_{n}'" for n in range(8)),
    *(f"tool in ('tool_{n}', 'x') and status == 'ok'" for n in range(4)),
    *(f"matches(tool, '^(tool_{n}|x)$')" for n in range(4)),
    *(f"kind == 'tool_call' and args.amount > {n * 10_000_000}" for n in range(1, 5)),
]
"""None of them holds: what is measured is looking."""
TRACEGATE_POLICY = {
    "limits": {"max_cost_usd": 5, "max_runtime_minutes": 60},
    "forbidden_tools": ["nothing"],
    "forbidden_paths": ["*.never", "secrets/*"],
    "forbidden_flows": ["GitHub->Shell"],
}


def simple_conditions() -> float:
    """Return nanoseconds per rule and event."""
    fused = Fused([compile_condition(Field("bench", "when", Node(text, 1))) for text in SIMPLE])
    events = tuple(Event("tool_call", "ok", tool=("read", "bash", "send")[n % 3]) for n in range(EVENTS))
    contents = HeldContents(Content(arguments={"amount": n}) for n in range(EVENTS))
    view = RunView(Run("bench", events), contents)
    began = time.process_time()
    outcomes = fused.outcomes(view)
    seconds = time.process_time() - began
    assert not any(outcome.hits or outcome.failures for outcome in outcomes)
    return seconds / EVENTS / len(SIMPLE) * 1e9


def troy_trace() -> dict[str, Any]:
    """Return a trace with metadata on every step."""
    metadata = {"network_zone": "internal", "data_classification": "public", "trace_id": "t", "auth_method": "key"}
    tools = ("read_file", "search", "bash")
    steps = [
        {
            "step_id": f"s{n}",
            "type": "tool_call",
            "description": tools[n % 3],
            "input": {"query": f"what is {n}"},
            "output": {"text": f"it is {n}"},
            "metadata": metadata,
        }
        for n in range(STEPS)
    ]
    return {"trace_id": "t", "agent_name": "a", "steps": steps, "metadata": {}}


def troys_rules(rules: list[dict[str, Any]], trace: dict[str, Any]) -> float:
    """Return microseconds per rule and step for ours."""
    fused = Fused([compile_condition(Field("bench", "c", Node(r["condition"], 1)), TROY_SCOPE) for r in rules])
    view = RunView(*read_troy(trace, pathlib.Path("bench.json")))
    began = time.process_time()
    fused.outcomes(view)
    return (time.process_time() - began) / STEPS / len(rules) * 1e6


def tracegate_trace(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Write a trace and a policy that both tools read; return where."""
    kinds = [
        {"type": "file_read", "path": "src/a.py"},
        {"type": "shell", "tool": "bash", "command": "ls"},
        {"type": "assistant_message", "text": "on it"},
        {"type": "network_fetch", "url": "https://x.example"},
        {"type": "edit", "path": "src/b.py"},
    ]
    events = [kinds[n % len(kinds)] for n in range(TRACEGATE_EVENTS)]
    trace, policy = folder / "trace.json", folder / "policy.json"
    trace.write_text(json.dumps({"id": "t", "agent": "a", "cost_usd": 1, "runtime_seconds": 9, "events": events}))
    policy.write_text(json.dumps(TRACEGATE_POLICY))
    return trace, policy


def tracegates_keys(trace: pathlib.Path, policy: pathlib.Path) -> float:
    """Return seconds for ours."""
    loaded = load(str(policy))
    ((run, contents),) = read_runs(trace)
    began = time.process_time()
    verdict = loaded.evaluate(run, contents)
    seconds = time.process_time() - began
    assert not verdict.rule_errors
    return seconds


def main(rounds: int) -> None:
    """Print the table."""
    rows: dict[str, list[float]] = {}

    def measure(name: str, work: Callable[[], float]) -> None:
        rows.setdefault(name, []).append(work())

    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        missing = install(folder, TROY, TRACEGATE)
        rules = [] if missing else troy_rules(folder)
        trace, files = troy_trace(), tracegate_trace(folder)
        for turn in range(rounds):
            measure("simple conditions, ns", simple_conditions)
            measure("tracegate's keys, s", lambda: tracegates_keys(*files))
            if missing:
                continue
            measure("troy's rules, us", lambda: troys_rules(rules, trace))
            measure("  in troy, us", lambda: _in_troy(folder, rules, trace))
            if turn == 0:  # half a minute
                measure("  in tracegate, s", lambda: tracegate_checks(folder, *files)["seconds"])
    for name, figures in rows.items():
        print(f"{name:24} {statistics.median(figures):10.3f}")
    if missing:
        print(f"peers cannot be installed: {missing}")
        return
    for ours, theirs in (("troy's rules, us", "  in troy, us"), ("tracegate's keys, s", "  in tracegate, s")):
        ratio = statistics.median(rows[theirs]) / statistics.median(rows[ours])
        print(f"{theirs.strip().partition(',')[0].removeprefix('in '):24} {ratio:10.1f} times ours")


def _in_troy(folder: pathlib.Path, rules: list[dict[str, Any]], trace: dict[str, Any]) -> float:
    return float(troy_judges(folder, rules, [trace])[0]["seconds"]) / STEPS / len(rules) * 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
