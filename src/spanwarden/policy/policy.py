"""A compiled policy and how it judges a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable, RuleError, Verdict, identified
from spanwarden.model.run import Contents, Run
from spanwarden.policy.rules.base import EarlyRule, Rule, RunView
from spanwarden.policy.rules.spec import WEIGHTS

MAX_FINDINGS = 10_000
"""Findings that one rule may have on one run; a rule that has more says so as a rule error."""
MAX_SCORE = 100


class Policy:
    """Rules under a name and a version; compiled once, used on any number of runs.

    `version` is the file's own or, where it has none, the first 12 digits of `hash`, the digest of its text.
    `weights` holds rules that add something else to the risk score than their finding's severity does by default.
    """

    def __init__(
        self, name: str, version: str, digest: str, rules: Sequence[Rule], weights: Mapping[str, int] | None = None
    ) -> None:
        self.name = name
        self.version = version
        self.hash = digest
        self.rules = tuple(rules)
        self._weights = dict(weights or {})
        self._early = tuple(rule for rule in rules if isinstance(rule, EarlyRule) and rule.early)

    def alerts(self, event: Event) -> bool:
        """Tell whether a rule that need not wait for the end of the run may be broken by what happened."""
        return any(rule.watches(event) for rule in self._early)

    def evaluate_early(self, run: Run, contents: Contents) -> tuple[Finding, ...]:
        """Return what is certain although the run goes on. Rules that fail find nothing here.

        run: of its events only those that nothing can undo, its cost only as far as it is.
        """
        view = RunView(run, contents)
        findings: list[Finding] = []
        for rule in self._early:
            with contextlib.suppress(Exception):  # reported when the run is judged as a whole
                # A rule's other ids ("cost-unknown") speak of what may still come.
                findings.extend(
                    self._completed(outcome, run)
                    for outcome in islice(rule.evaluate(view), MAX_FINDINGS)
                    if isinstance(outcome, Finding) and outcome.rule == rule.id
                )
        return tuple(findings)

    def evaluate(self, run: Run, contents: Contents, clock: Callable[[], float] | None = None) -> Verdict:
        """Judge one run. Findings come in the order of the rules and, within a rule, of the events.

        Never raises because of a rule: a rule that fails is reported in `rule_errors` together with what it had
        found until then. `risk_score` is the sum of the weights of the distinct rules violated, at most 100.
        """
        view = RunView(run, contents)
        findings: list[Finding] = []
        lacking: list[NotEvaluable] = []
        errors: list[RuleError] = []
        seconds: list[tuple[str, float]] = []
        for rule in self.rules:
            count = 0
            started = clock() if clock else 0.0
            try:
                for outcome in rule.evaluate(view):
                    if isinstance(outcome, NotEvaluable):
                        lacking.append(outcome)
                        continue
                    count += 1
                    if count > MAX_FINDINGS:
                        errors.append(RuleError(rule.id, f"more than {MAX_FINDINGS} findings, the rest is left out"))
                        break
                    findings.append(self._completed(outcome, run))
            except Exception as error:  # noqa: BLE001 - one broken rule must not silence the others
                errors.append(RuleError(rule.id, f"{type(error).__name__}: {error}"[:500]))
            if clock:
                seconds.append((rule.id, clock() - started))
        return Verdict(
            self.name,
            self.version,
            findings=tuple(findings),
            not_evaluable=tuple(lacking),
            rule_errors=tuple(errors),
            risk_score=_score(findings),
            seconds=tuple(seconds),
        )

    def _completed(self, finding: Finding, run: Run) -> Finding:
        weight = self._weights.get(finding.rule, finding.weight or WEIGHTS[finding.severity])
        return identified(
            msgspec.structs.replace(
                finding,
                policy=self.name,
                policy_version=self.version,
                weight=weight,
                evidence=_located(finding.evidence, run.events),
            ),
            run.id,
        )


def _located(evidence: Iterable[Evidence], events: Sequence[Event]) -> tuple[Evidence, ...]:
    """Name the span of every event that is pointed at, where the rule has not done so and the event has one."""
    located = []
    for item in evidence:
        event = events[item.event] if 0 <= item.event < len(events) else None
        if event is not None and item.span_id is None and event.span_id:
            item = msgspec.structs.replace(  # noqa: PLW2901 - the same evidence, completed
                item, span_id=event.span_id.hex(), trace_id=event.trace_id.hex() or None
            )
        located.append(item)
    return tuple(located)


def _score(findings: Iterable[Finding]) -> int:
    weights: dict[str, int] = {}
    for finding in findings:
        weights[finding.rule] = max(weights.get(finding.rule, 0), finding.weight)
    return min(MAX_SCORE, sum(weights.values()))
