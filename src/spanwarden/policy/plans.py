"""Which rules judge the runs of which agent, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from spanwarden.model.finding import Mode
from spanwarden.policy.rules.base import Rule
from spanwarden.policy.tracegate_keys import CONTROLS, Control
from spanwarden.policy.tuning import UNTUNED, Tuning

MAX_PLANS = 256
"""Combinations of `agents` entries that are kept; beyond it they are put together anew."""
_CONTROL_IDS = tuple(control.rules[0] for control in CONTROLS)


class AgentEntry(msgspec.Struct, frozen=True):
    """What is different for runs of the agents whose name a glob fits. A control without a rule is switched off."""

    pattern: Any
    controls: Mapping[Control, Rule | None]
    mode: Mode | None
    tunings: Mapping[str, Tuning]


class Planned(NamedTuple):
    """A rule and all that is said of it."""

    rule: Rule
    tuning: Tuning


class Plans:
    """The rules of a policy as they stand for each agent."""

    def __init__(self, rules: Sequence[Rule], tunings: Mapping[str, Tuning], agents: Sequence[AgentEntry]) -> None:
        self._rules = tuple(rules)
        self._tunings = tunings
        self._agents = tuple(agents)
        self._kept: dict[tuple[int, ...], tuple[Planned, ...]] = {}

    def of(self, agent: str | None) -> tuple[Planned, ...]:
        """Return the rules for runs of an agent, in order; of entries that fit it, later ones go over earlier ones."""
        name = (agent or "")[:256]
        fitting = tuple(number for number, entry in enumerate(self._agents) if entry.pattern.fullmatch(name))
        found = self._kept.get(fitting)
        if found is None:
            if len(self._kept) >= MAX_PLANS:
                self._kept.clear()
            found = self._kept[fitting] = self._plan([self._agents[number] for number in fitting])
        return found

    def settled(self) -> tuple[Planned, ...]:
        """Return the rules that stand alike for every agent: one may be known by another name while its run goes on."""
        if any(entry.mode for entry in self._agents):
            return ()
        changed = {rule for entry in self._agents for rule in entry.tunings}
        changed.update(control.rules[0] for entry in self._agents for control in entry.controls)
        return tuple(planned for planned in self._plan([]) if planned.rule.id not in changed)

    def all_rules(self) -> tuple[Rule, ...]:
        """Return every rule that stands for any agent."""
        special = [rule for entry in self._agents for rule in entry.controls.values() if rule is not None]
        return (*self._rules, *special)

    def _plan(self, entries: Sequence[AgentEntry]) -> tuple[Planned, ...]:
        rules = {rule.id: rule for rule in self._rules}
        changed: dict[str, Rule | None] = {}
        for entry in entries:
            changed |= {control.rules[0]: rule for control, rule in entry.controls.items()}
        controls = [changed.get(name, rules.get(name)) for name in _CONTROL_IDS]
        native = [rule for rule in self._rules if rule.id not in _CONTROL_IDS]
        planned = []
        for rule in (*controls, *native):
            if rule is None:
                continue
            tuning = self._tunings.get(rule.id, UNTUNED)
            for entry in entries:
                tuning = Tuning(mode=entry.mode).over(tuning)
                tuning = entry.tunings.get(rule.id, UNTUNED).over(tuning)
            if tuning.enabled is not False:
                planned.append(Planned(rule, tuning))
        return tuple(planned)
