"""A compiled policy and how it judges a run."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable, RuleError, Verdict, identified
from spanwarden.model.run import Contents, Run
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable
from spanwarden.policy.plans import AgentEntry, Planned, Plans
from spanwarden.policy.rules.base import EarlyRule, Rule, RunView
from spanwarden.policy.rules.conditions import troubles
from spanwarden.policy.rules.excuses import Unmet, unmet
from spanwarden.policy.rules.spec import WEIGHTS
from spanwarden.policy.tuning import Tuning

if TYPE_CHECKING:
    from spanwarden.policy.inline_tests import InlineTest
    from spanwarden.policy.rule_list import NativeRule
    from spanwarden.policy.state import CrossRunState
    from spanwarden.policy.telling import Dedup

MAX_FINDINGS = 10_000
"""Findings that one rule may have on one run; a rule that has more says so as a rule error."""
MAX_SCORE = 100
_UNKNOWN = {"cost-unknown": "cost", "runtime-unknown": "runtime"}
"""Findings of the limits that say that something is missing, and what: tracegate makes them findings."""


class ConditionsFailedError(Exception):
    """Conditions of a rule failed on some events: `texts` has a line for each that did."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.texts = [f"{what} (on {count} events)" if count > 1 else what for what, count in counts.items()]
        super().__init__("; ".join(self.texts))


class Refused(msgspec.Struct, frozen=True):
    """An exception that did not count for a finding: its reason, where it is written, and why it did not."""

    reason: str
    source: str
    line: int
    why: str


class Explanation(msgspec.Struct, frozen=True):
    """Why there is a finding: the `unless` and exceptions that did not count.

    `excepted_by` is the reason of the exception that lets it pass, None where none does.
    """

    finding: Finding
    refused: tuple[Refused, ...]
    unless: tuple[Unmet, ...] = ()
    excepted_by: str | None = None


class Policy:
    """Rules under a name and a version; compiled once, used on any number of runs.

    `version` is the file's own or, where it has none, the first 12 digits of `hash`, the digest of its text.
    `rules` are all that it has, `rule_list` those of them that are written out, with what their keys say; `files` are
    those it was read from, `warnings` what may be wrong with it.
    """

    def __init__(
        self,
        name: str,
        version: str,
        digest: str,
        rules: Sequence[Rule],
        *,
        tunings: Mapping[str, Tuning] | None = None,
        agents: Sequence[AgentEntry] = (),
        dedups: Mapping[str, Dedup] | None = None,
        rule_list: Sequence[NativeRule] = (),
        tests: Sequence[InlineTest] = (),
        files: Sequence[Path] = (),
        warnings: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.hash = digest
        self.rules = tuple(rules)
        self.rule_list = tuple(rule_list)
        self.tests = tuple(tests)
        self.files = tuple(files)
        self.warnings = tuple(warnings)
        self._plans = Plans(rules, tunings or {}, agents)
        self._dedups = dict(dedups or {})
        # Which of several alike is the first, and so the one that is told, shows only at the end.
        self._early = tuple(p for p in self._plans.settled() if _is_early(p.rule) and p.rule.id not in self._dedups)

    def renamed(self, name: str) -> Policy:
        """Return the same policy under another name, which its findings and what it knows of other runs carry."""
        twin = copy.copy(self)
        twin.name = name
        return twin

    def alerts(self, event: Event) -> bool:
        """Tell whether a rule that need not wait for the end of the run may be broken by what happened."""
        return any(each.rule.watches(event) for each in self._early)  # type: ignore[attr-defined]

    def evaluate_early(self, run: Run, contents: Contents, table: MetadataTable = DEFAULT) -> tuple[Finding, ...]:
        """Return what is certain although the run goes on. Rules that fail find nothing here.

        run: of its events only those that nothing can undo, its cost only as far as it is.
        """
        view = RunView(run, contents, policy=self.name, table=table)
        findings: list[Finding] = []
        for planned in self._early:
            with contextlib.suppress(Exception):  # reported when the run is judged as a whole
                # A rule's other ids ("cost-unknown") speak of what may still come, and so does an exception.
                findings.extend(
                    self._completed(outcome, planned, view)
                    for outcome in islice(planned.rule.evaluate(view), MAX_FINDINGS)
                    if isinstance(outcome, Finding)
                    and outcome.rule == planned.rule.id
                    and not planned.tuning.exemptions
                )
        view.forget()
        return tuple(findings)

    def evaluate(
        self,
        run: Run,
        contents: Contents,
        clock: Callable[[], float] | None = None,
        *,
        earlier: Sequence[Run] | None = (),
        state: CrossRunState | None = None,
        table: MetadataTable = DEFAULT,
        totals: bool = False,
    ) -> Verdict:
        """Judge one run. Findings come in the order of the rules and, within a rule, of the events.

        earlier: the runs of the same conversation that came before, oldest first; None where they are not known. state:
        what is known of other runs; rules that ask for it are not evaluable without. clock: seconds, to measure what
        each rule takes. table: what metadata is derived by. totals: only the totals of the run are left, not
        its events; rules that need those are not evaluable.

        Never raises because of a rule: a rule that fails is reported in `rule_errors` together with what it had
        found until then. `risk_score` is the sum of the weights of the distinct rules violated, at most 100, those
        that are only monitored left out.
        """
        view = RunView(run, contents, earlier=earlier, state=state, policy=self.name, table=table)
        findings: list[Finding] = []
        lacking: list[NotEvaluable] = []
        errors: list[RuleError] = []
        seconds: list[tuple[str, float]] = []
        for planned in self._plans.of(run.agent):
            rule = planned.rule
            count = 0
            started = clock() if clock else 0.0
            try:
                for outcome in self._without_events(planned, view) if totals else self._outcomes(planned, view):
                    if isinstance(outcome, NotEvaluable):
                        lacking.append(outcome)
                        continue
                    count += 1
                    if count > MAX_FINDINGS:
                        errors.append(RuleError(rule.id, f"more than {MAX_FINDINGS} findings, the rest is left out"))
                        break
                    findings.append(outcome)
            except ConditionsFailedError as error:
                errors.extend(RuleError(rule.id, text) for text in error.texts)
            except Exception as error:  # noqa: BLE001 - one broken rule must not silence the others
                errors.append(RuleError(rule.id, f"{type(error).__name__}: {error}"[:500]))
            if clock:
                seconds.append((rule.id, clock() - started))
        view.forget()
        return Verdict(
            self.name,
            self.version,
            findings=tuple(findings),
            not_evaluable=tuple(lacking),
            rule_errors=tuple(errors),
            risk_score=_score(findings),
            seconds=tuple(seconds),
        )

    def explain(
        self,
        run: Run,
        contents: Contents,
        finding_id: str,
        *,
        earlier: Sequence[Run] | None = (),
        state: CrossRunState | None = None,
        table: MetadataTable = DEFAULT,
    ) -> Explanation | None:
        """Return why a run has, or would have, a finding, and what did not take it back; None if it has not.

        The run is judged anew, so it must be the same run, with its content.
        """
        view = RunView(run, contents, earlier=earlier, state=state, policy=self.name, table=table)
        for planned in self._plans.of(run.agent):
            with contextlib.suppress(Exception):  # as in `evaluate`, where it is reported
                for outcome in islice(planned.rule.evaluate(view), MAX_FINDINGS):
                    unless = unmet(view)
                    settled = _settled(outcome, planned)
                    if not isinstance(settled, Finding):
                        continue
                    finding = self._completed(settled, planned, view)
                    if finding.finding_id == finding_id:
                        return _explained(finding, planned, view, unless)
            unmet(view)  # of a candidate that did not become a finding
        return None

    def _outcomes(self, planned: Planned, view: RunView) -> Iterator[Finding | NotEvaluable]:
        """Yield what a rule comes to once all is taken in that was said of it."""
        told: set[str] = set()
        found = False
        for outcome in planned.rule.evaluate(view):
            found = True
            settled = _settled(outcome, planned)
            if settled is None:
                continue
            if isinstance(settled, NotEvaluable):
                yield settled
                continue
            if any(exemption.refusal(view, settled) is None for exemption in planned.tuning.exemptions):
                continue
            finding = self._completed(settled, planned, view)
            if finding.dedup_key:
                if finding.dedup_key in told:
                    continue
                told.add(finding.dedup_key)
            yield finding
        noted = troubles(view)
        if not noted.errors and not noted.needs:
            return
        failed, needs = noted.take()
        if needs and not found:
            missing = _settled(NotEvaluable(planned.rule.id, tuple(sorted(needs))), planned)
            if missing is not None:
                yield missing
        if failed:
            raise ConditionsFailedError(failed)

    def _without_events(self, planned: Planned, view: RunView) -> Iterator[Finding | NotEvaluable]:
        if getattr(planned.rule, "totals", False):
            yield from self._outcomes(planned, view)
        else:
            yield NotEvaluable(planned.rule.id, ("events",))

    def _completed(self, finding: Finding, planned: Planned, view: RunView) -> Finding:
        tuning = planned.tuning
        dedup = self._dedups.get(planned.rule.id)
        severity = tuning.severity or finding.severity
        weight = finding.weight if finding.weight and tuning.severity is None else WEIGHTS[severity]
        return identified(
            msgspec.structs.replace(
                finding,
                policy=self.name,
                policy_version=self.version,
                severity=severity,
                weight=weight if tuning.weight is None else tuning.weight,
                mode=tuning.mode or "enforce",
                evidence=_located(finding.evidence, view.run.events),
                dedup_key=dedup.key(view, finding) if dedup is not None else "",
                dedup_for=dedup.seconds if dedup is not None else 0.0,
            ),
            view.run.id,
        )


def _is_early(rule: Rule) -> bool:
    return isinstance(rule, EarlyRule) and rule.early


def _settled(outcome: Finding | NotEvaluable, planned: Planned) -> Finding | NotEvaluable | None:
    """Turn what says that something is missing into what the policy wants of it; leave all else as it is."""
    wish = planned.tuning.on_missing
    if isinstance(outcome, Finding):
        if outcome.rule not in _UNKNOWN or wish in (None, "finding"):
            return outcome
        return None if wish == "pass" else NotEvaluable(planned.rule.id, (_UNKNOWN[outcome.rule],))
    if wish == "pass":
        return None
    if wish != "finding":
        return outcome
    needs = " and ".join(outcome.needs)
    message = f"The rule could not be judged: the telemetry carries no {needs}."
    return Finding(outcome.rule, "medium", "Not evaluable", message, "", subject="not-evaluable")


def _explained(finding: Finding, planned: Planned, view: RunView, unless: tuple[Unmet, ...]) -> Explanation:
    refused: list[Refused] = []
    for exemption in planned.tuning.exemptions:
        why = exemption.refusal(view, finding)
        if why is None:
            return Explanation(finding, tuple(refused), unless, exemption.reason)
        refused.append(Refused(exemption.reason, exemption.where.source, exemption.where.line, why))
    return Explanation(finding, tuple(refused), unless)


def _located(evidence: Iterable[Evidence], events: Sequence[Event]) -> tuple[Evidence, ...]:
    """Name the span of every event that is pointed at, or the call where it has none, if the rule has not done so."""
    located = []
    for item in evidence:
        event = events[item.event] if 0 <= item.event < len(events) else None
        if event is None or item.span_id is not None:
            located.append(item)
        elif event.span_id:
            span_id, trace_id = event.span_id.hex(), event.trace_id.hex() or None
            located.append(
                msgspec.structs.replace(item, span_id=span_id, trace_id=trace_id, call_id=item.call_id or event.told_as)
            )
        else:
            located.append(msgspec.structs.replace(item, call_id=item.call_id or event.call_id))
    return tuple(located)


def _score(findings: Iterable[Finding]) -> int:
    weights: dict[str, int] = {}
    for finding in findings:
        if finding.mode == "enforce":
            weights[finding.rule] = max(weights.get(finding.rule, 0), finding.weight)
    return min(MAX_SCORE, sum(weights.values()))
