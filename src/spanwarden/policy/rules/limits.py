"""tracegate's `limits` and `max_shell_commands`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding
from spanwarden.model.run import Run
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import SHELL, categories
from spanwarden.policy.rules.counting import counted


@dataclass(frozen=True, slots=True)
class MaxCost:
    """A run may not cost more than `limit` US dollars; a run whose cost is unknown is reported as such."""

    limit: float
    id = "max-cost-exceeded"
    totals = True
    early = True

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event cost something."""
        return event.cost_usd is not None

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        cost = view.run.cost_usd
        if cost is None or math.isnan(cost):
            yield Finding(
                "cost-unknown",
                "medium",
                "Cost unknown",
                f"The policy allows ${self.limit:.2f}, but nothing in the run says what it cost.",
                "",
                code="COST_UNKNOWN",
            )
        elif cost > self.limit:
            yield Finding(
                self.id,
                "high",
                "Cost limit exceeded",
                f"{_told(view.run, _places(cost, self.limit))}, the policy allows ${_places(self.limit, cost)}.",
                "",
                code="MAX_COST_EXCEEDED",
            )


@dataclass(frozen=True, slots=True)
class MaxRuntime:
    """A run may not take longer than `limit` minutes; a run whose duration is unknown is reported as such."""

    limit: float
    id = "max-runtime-exceeded"
    totals = True

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        seconds = view.run.runtime_seconds
        if seconds is None or math.isnan(seconds):
            yield Finding(
                "runtime-unknown",
                "medium",
                "Duration unknown",
                f"The policy allows {self.limit:g} minutes, but nothing in the run says how long it took.",
                "",
                code="RUNTIME_UNKNOWN",
            )
        elif seconds / 60 > self.limit:
            took, allowed = _places(seconds / 60, self.limit), _places(self.limit, seconds / 60)
            yield Finding(
                self.id,
                "high",
                "Time limit exceeded",
                f"The run took {took} minutes, the policy allows {allowed}.",
                "",
                code="MAX_RUNTIME_EXCEEDED",
            )


@dataclass(frozen=True, slots=True)
class MaxShellCommands:
    """A run may not run more than `limit` shell commands."""

    limit: int
    id = "max-shell-commands-exceeded"
    early = True

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event counts."""
        return SHELL in categories(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        count, evidence = counted(view, self.watches)
        if count > self.limit:
            yield Finding(
                self.id,
                "high",
                "Too many shell commands",
                f"The run used the shell {count} times, the policy allows {self.limit}.",
                "",
                evidence=evidence or (Evidence(0),),
                code="MAX_SHELL_COMMANDS_EXCEEDED",
            )


def _told(run: Run, amount: str) -> str:
    """Return what the run cost, in words that tell an estimate from what was reported, and whose prices it rests on."""
    if run.cost_source != "estimated":
        return f"The run cost ${amount}"
    return f"The run cost an estimated ${amount}" + (f" ({run.price_table})" if run.price_table else "")


def _places(number: float, other: float) -> str:
    """Write a number with two decimals, or with as many as it takes to tell it from the other."""
    for places in range(2, 12):
        if f"{number:.{places}f}" != f"{other:.{places}f}":
            return f"{number:.{places}f}"
    return repr(number)
