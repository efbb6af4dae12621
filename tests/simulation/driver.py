"""A seeded telling of captures: which records are sent, when they arrive, how often, and when the process restarts.

Everything follows from the seed. What comes out is compared with an oracle that is given all records at once.
"""

from __future__ import annotations

import functools
import pathlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from runs.captures import POLICY, EventContents, Sent, captures, observed, reader, records, requests_of
from spanwarden.model.event import Event
from spanwarden.model.finding import Finding
from spanwarden.model.observation import Observation
from spanwarden.policy.loading import load
from spanwarden.policy.policy import Policy
from spanwarden.runs.decision import Decision
from spanwarden.runs.windows import Windows, WindowSettings

MOST_RECORDS = 60
"""Captures with more records are left to other tests: a seed is to take a fraction of a second."""


class Arrival(NamedTuple):
    """A record that arrives at a time, in seconds."""

    at: float
    number: int
    sent: Sent


class Plan(NamedTuple):
    """What a seed comes to. in_order: every capture's records arrive as they were sent, only later."""

    names: tuple[str, ...]
    arrivals: tuple[Arrival, ...]
    restarts: tuple[float, ...]
    settings: WindowSettings
    in_order: bool


class Outcome(NamedTuple):
    """What was decided in the end, by run, and what was told on the way."""

    verdicts: list[Any]
    early: dict[str, Finding]
    final: dict[str, Finding]


@functools.cache
def policy() -> Policy:
    """Return the policy that runs are held against."""
    return load(str(POLICY))


@functools.cache
def sources() -> tuple[tuple[pathlib.Path, tuple[Sent, ...]], ...]:
    """Return the captures in use, each with its records."""
    found = []
    for folder in captures():
        parts = tuple(part for request in requests_of(folder) for part in records(request))
        if 0 < len(parts) <= MOST_RECORDS:
            found.append((folder, parts))
    return tuple(found)


def plan(seed: int) -> Plan:
    """Return what to send and when, by the seed alone."""
    chance = random.Random(seed)
    chosen = chance.sample(sources(), chance.choice((1, 2, 3)))
    slow = chance.choice((0.0, 0.0, 0.2, 2.0, 5.0, 60.0))
    shuffled = bool(slow) and chance.random() < _SHUFFLED
    arrivals: list[Arrival] = []
    for _, parts in chosen:
        begin = chance.uniform(0, 30)
        kept = [part for part in parts if not (chance.random() < _LOSS and _is_root(part))] or list(parts)
        if shuffled:
            chance.shuffle(kept)
        pace = chance.choice((0.01, 0.05, 1.0))
        for place, part in enumerate(kept):
            at = begin + place * pace + (min(chance.expovariate(1 / slow), _LATEST) if slow else 0.0)
            arrivals.append(Arrival(at, 0, part))
            while chance.random() < _REPEATED:
                at += chance.expovariate(1 / 20)
                arrivals.append(Arrival(at, 0, part))
    arrivals = [a._replace(number=n) for n, a in enumerate(sorted(arrivals, key=lambda a: a.at))]
    restarts = sorted(chance.uniform(0, 60) for _ in range(chance.choice((0, 0, 1, 3))))
    settings = WindowSettings(
        max_size=chance.choice((1 << 30, 400_000)), early_debounce=chance.choice((0.0, 0.25)), grace=3600
    )
    return Plan(tuple(folder.name for folder, _ in chosen), tuple(arrivals), tuple(restarts), settings, not slow)


_LOSS, _SHUFFLED, _REPEATED, _LATEST = 0.3, 0.3, 0.1, 300.0


@functools.lru_cache(4096)
def _is_root(sent: Sent) -> bool:
    return any(o.root or o.kind == "end" for o in observed(sent, 0))


def told_at_once(what: Plan) -> list[Any]:
    """Return the verdicts of an oracle to which every record comes once, all at the same time, without limits."""
    once = list(dict.fromkeys(arrival.sent for arrival in what.arrivals))
    windows = Windows(WindowSettings(max_run_size=1 << 30, max_size=1 << 32))
    for position, sent in enumerate(once):
        windows.add(observed(sent, position), 0.0, position)
    contents = reader(once.__getitem__)
    return sorted((verdict(d, list(_findings(d, contents))) for d in windows.close(0.0)), key=repr)


class Process:
    """The middle of the corridor with a journal that outlives it."""

    def __init__(self, what: Plan) -> None:
        self.plan = what
        self.requests: dict[int, Sent] = {}
        self.journal: dict[int, float] = {}
        self.closed: dict[int, set[str]] = {}
        self.contents = reader(self.requests.__getitem__)
        self.last: dict[str, Decision] = {}
        self.early: dict[str, tuple[str, Finding]] = {}
        self.told: dict[str, tuple[bytes, ...]] = {}
        self.windows = self._windows()

    def _windows(self) -> Windows:
        return Windows(self.plan.settings, alerts=policy().alerts)

    def run(self) -> Outcome:
        """Go through the plan, then until nothing is left to decide."""
        restarts = list(self.plan.restarts)
        for arrival in self.plan.arrivals:
            self._until(arrival.at)
            if restarts and restarts[0] <= arrival.at:
                restarts.pop(0)
                self._restart(arrival.at)
            self.requests[arrival.number] = arrival.sent
            self.journal[arrival.number] = arrival.at
            self._add(arrival.number, arrival.at)
        end = self.plan.arrivals[-1].at + 600
        self._until(end)
        assert len(self.windows) == 0, "something is never decided"
        contents = self.contents
        verdicts, final = [], {}
        for decision in self.last.values():
            found = list(_findings(decision, contents))
            final |= {finding.finding_id: finding for finding in found}
            verdicts.append(verdict(decision, found))
        early = {name: finding for name, (run, finding) in self.early.items() if run in self.last}
        return Outcome(sorted(verdicts, key=repr), early, final)

    def _add(self, position: int, at: float) -> None:
        closed = self.closed.get(position, set())
        seen: list[Observation] = [o for o in observed(self.requests[position], position) if closed.isdisjoint(o.keys)]
        self.windows.add(seen, at, position)
        self._settle(at)

    def _until(self, time: float) -> None:
        while (deadline := self.windows.next_deadline()) is not None and deadline <= time:
            self._settle(deadline)

    def _settle(self, now: float) -> None:
        for decision in self.windows.due(now):
            self.told[decision.run.id] = decision.run.trace_ids
            for gone in decision.absorbed:
                self.told.pop(gone, None)
            if decision.early:
                for finding in policy().evaluate_early(decision.run, EventContents(decision.run.events, self.contents)):
                    self.early.setdefault(finding.finding_id, (decision.run.id, finding))
                continue
            self.last[decision.run.id] = decision
            for gone in decision.absorbed:
                self.last.pop(gone, None)
        for position in self.windows.released():
            self.journal.pop(position, None)
        for keys, positions in self.windows.forgotten():
            for position in positions:
                self.closed.setdefault(position, set()).update(keys)

    def _restart(self, now: float) -> None:
        """Lose everything but the journal, and what was told."""
        self.windows = self._windows()
        self.windows.recall(self.told.items())
        for position, at in sorted(self.journal.items()):
            self._add(position, at)
        self.windows.resume(now)


def _findings(decision: Decision, contents: Any) -> Iterator[Finding]:
    yield from policy().evaluate(decision.run, EventContents(decision.run.events, contents)).findings


def verdict(decision: Decision, findings: list[Finding]) -> Any:
    """Return what a decision comes to, whatever its run and its events were called when they were first told of."""
    run = decision.run
    found = sorted(
        (f.rule, f.severity, f.subject, *(_facts(run.events[e.event]) for e in f.evidence if e.event < len(run.events)))
        for f in findings
    )
    ended = run.completeness == "root_ended"
    return sorted(run.trace_ids), ended, [_facts(event) for event in run.events], found


def _facts(event: Event) -> str:
    return repr(msgspec.structs.replace(event, trace_id=b"", span_id=b"", parent_id=b"", content=(), told_as=None))


def simulated(seed: int) -> tuple[Plan, Outcome, list[Any]]:
    """Return the plan of a seed, what the process made of it, and what the oracle did."""
    what = plan(seed)
    return what, Process(what).run(), told_at_once(what)


__all__ = ["Outcome", "Plan", "simulated"]
