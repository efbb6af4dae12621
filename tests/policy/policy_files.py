"""Policies and runs for tests: text to a policy, calls to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spanwarden.effects.classify import effects_of
from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Verdict
from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.policy.policy import Policy
from spanwarden.policy.state import CrossRunState
from spanwarden.transcripts.entries import HeldContents

SECOND = 10**9
Pair = tuple[Event, Content]


def policy_of(folder: Path, text: str, name: str = "p.yaml") -> Policy:
    (folder / name).write_text(text, encoding="utf-8")
    return load(name, folder=folder)


def call(tool: str, result: Any = "ok", at: float = 0, agent: str | None = None, **arguments: Any) -> Pair:
    time = int(at * SECOND)
    effects = effects_of(tool, arguments)
    event = Event("tool_call", tool=tool, status="ok", start=time, end=time, agent=agent, effects=effects)
    return event, Content(arguments=arguments, result=result)


def said(text: str, role: str = "user") -> Pair:
    return Event("message", role=role), Content(text=text)


def run_of(*pairs: Pair, name: str = "run", **facts: Any) -> tuple[Run, HeldContents]:
    return Run(name, tuple(event for event, _ in pairs), **facts), HeldContents(content for _, content in pairs)


def judged(policy: Policy, *pairs: Pair, state: CrossRunState | None = None, **facts: Any) -> Verdict:
    run, contents = run_of(*pairs, **facts)
    return policy.evaluate(run, contents, state=state)


def places(verdict: Verdict) -> list[list[int]]:
    """Return the events of every finding."""
    assert verdict.rule_errors == ()
    return [[item.event for item in finding.evidence] for finding in verdict.findings]
