"""What judging a run with `pack:agent-baseline` costs, beside a floor: one RE2 set over the same bytes; and each pack.

usage: python tests/bench/judge.py [ROUNDS] [LABELLED.jsonl.gz...]

The runs are those of `workload.py`, read from their requests and put together beforehand. `judge` reads content back
from the decoded requests as the service does, `in memory` has it at hand; `floor` passes the texts of all calls once
through the patterns for instructions. All are measured in one process, in turns; what detectors remember of texts is
forgotten before each turn. CPU time; the ratio is what to compare between machines. Files of labelled runs
(one JSON object a line with `events`) are measured in ms a run.
"""

from __future__ import annotations

import functools
import gc
import gzip
import importlib.resources
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench.workload import Workload
from spanwarden.detectors import instructions
from spanwarden.detectors.cues import CUES
from spanwarden.detectors.scanning import PatternSet
from spanwarden.detectors.texts import leaves
from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.model.run import Contents, Run
from spanwarden.otlp.requests import decode_traces
from spanwarden.otlp.splitting import split
from spanwarden.policy.loading import load
from spanwarden.policy.policy import Policy
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.transcripts.entries import HeldContents
from spanwarden.transcripts.native import read_value

SPANS = 5_120
BATCH = 512


class Runs(NamedTuple):
    """Runs that are ready to be judged, each with its contents at hand; how to read these back; spans in all."""

    held: Sequence[tuple[Run, Contents]]
    reader: Callable[[], ContentReader] | None
    spans: int


def from_requests(content: bool, spans: int = SPANS) -> Runs:
    """Return the runs of the workload."""
    bodies = list(Workload(content).requests(spans, BATCH))
    windows = Windows(WindowSettings())
    count = 0
    for position, request in enumerate(map(decode_traces, bodies)):
        windows.add(observe(request, position), 0.0)
        count += sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)

    def reader() -> ContentReader:
        return ContentReader(lambda position: split("traces", bodies[position]))

    runs = [decision.run for decision in windows.close(1.0)]
    return Runs([(run, HeldContents(EventContents(run.events, reader()))) for run in runs], reader, count)


def from_labelled(paths: Iterable[pathlib.Path]) -> Runs:
    """Return labelled runs, without their labels."""
    held = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            held += [read_value(_native(json.loads(line)), path) for line in lines]
    return Runs(held, None, sum(len(run.events) for run, _ in held))


def _native(labelled: dict[str, Any]) -> dict[str, Any]:
    renamed = {"args": "input", "result": "output"}
    events = [{renamed.get(key, key): value for key, value in event.items()} for event in labelled["events"]]
    return {"id": labelled["id"], "agent": "agent", "events": events}


def judge(policy: Policy, runs: Runs, *, read: bool) -> int:
    """Judge every run and return how many findings there are. read: read content back from the requests."""
    instructions.forget()
    reader = runs.reader() if read and runs.reader is not None else None
    found = 0
    for run, contents in runs.held:
        at_hand = contents if reader is None else EventContents(run.events, reader)
        found += len(policy.evaluate(run, at_hand).findings)
    return found


def texts(runs: Runs) -> list[bytes]:
    """Return the texts of every call's arguments and result."""
    found = []
    for run, contents in runs.held:
        for event, content in zip(run.events, contents, strict=True):
            if event.kind in ("tool_call", "retrieval"):
                parts = (*leaves(content.arguments, "arguments"), *leaves(content.result, "result"))
                found += [part.text.encode("utf-8", "replace") for part in parts]
    return found


def measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return seconds of CPU for each way, the median of interleaved rounds."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if number:  # the first round warms up
                taken[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def table(runs: Runs, policy: Policy, rounds: int) -> dict[str, float]:
    """Return seconds of CPU to judge all runs: `floor`, `judge` and `in memory`."""
    cues = PatternSet([cue.pattern for cue in CUES], case_sensitive=False)
    read = texts(runs)
    return measure(
        {
            "floor": lambda: [cues.occurring(text) for text in read],
            "judge": lambda: judge(policy, runs, read=True),
            "in memory": lambda: judge(policy, runs, read=False),
        },
        rounds,
    )


def by_pack(runs: Runs, rounds: int) -> dict[str, float]:
    """Return seconds of CPU to judge all runs, content in memory, with each pack that there is."""
    packs = importlib.resources.files("spanwarden.policy.packs")
    names = sorted(place.name.removesuffix(".yaml") for place in packs.iterdir() if place.name.endswith(".yaml"))
    policies = {name: load(f"pack:{name}") for name in names}
    return measure(
        {name: functools.partial(judge, policy, runs, read=False) for name, policy in policies.items()}, rounds
    )


def main() -> int:
    """Run the command line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    policy = load("pack:agent-baseline")
    print(f"CPU to judge a run, pack:agent-baseline, median of {rounds} interleaved rounds")
    print(f"{'runs':<12}{'count':>8}{'unit':>9}{'floor':>10}{'judge':>10}{'in memory':>11}{'ratio':>8}")
    packs: dict[str, list[float]] = {}
    for name, content in (("no content", False), ("content", True)):
        runs = from_requests(content)
        gc.freeze()
        _row(name, runs, table(runs, policy, rounds), "µs/span", 1e6 / runs.spans)
        for pack, seconds in by_pack(runs, min(rounds, 3)).items():
            packs.setdefault(pack, []).append(seconds * 1e6 / runs.spans)
    labelled = [pathlib.Path(path) for path in sys.argv[2:]]
    if labelled:
        runs = from_labelled(labelled)
        gc.freeze()
        _row("labelled", runs, table(runs, policy, rounds), "ms/run", 1e3 / len(runs.held))
    print("floor:     one RE2 set of the instruction patterns over the texts of all calls")
    print("judge:     Policy.evaluate, content read back from decoded requests (labelled runs: in memory)")
    print("ratio:     in memory / floor")
    print(f"\n{'in memory, µs/span':<22}{'no content':>12}{'content':>10}")
    for pack, (bare, full) in packs.items():
        print(f"{pack:<22}{bare:>12.2f}{full:>10.2f}")
    return 0


def _row(name: str, runs: Runs, took: dict[str, float], unit: str, scale: float) -> None:
    floor, judged, held = (took[way] * scale for way in ("floor", "judge", "in memory"))
    ratio = f"{held / floor:.1f}" if floor > 0.005 else "-"
    print(f"{name:<12}{len(runs.held):>8}{unit:>9}{floor:>10.2f}{judged:>10.2f}{held:>11.2f}{ratio:>8}")


if __name__ == "__main__":
    raise SystemExit(main())
