"""What a policy would have found in recorded runs, against labels and against another policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanwarden.exporters.plain_text import one_line
from spanwarden.model.finding import Severity, Verdict, severity_at_least
from spanwarden.reports.labels import Label

MAX_NAMED = 1_000
"""Runs that are named where two policies differ; beyond it they are only counted."""


@dataclass(slots=True)
class Measure:
    """How often something was said of runs that have a label."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def add(self, *, said: bool, is_so: bool) -> None:
        """Count one run."""
        self.true_positives += said and is_so
        self.false_positives += said and not is_so
        self.false_negatives += is_so and not said

    def as_json(self) -> dict[str, Any]:
        """Return the counts with precision and recall, null where there is nothing to divide by."""
        said = self.true_positives + self.false_positives
        are_so = self.true_positives + self.false_negatives
        return {
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
            "precision": round(self.true_positives / said, 4) if said else None,
            "recall": round(self.true_positives / are_so, 4) if are_so else None,
        }


@dataclass(slots=True)
class RuleTally:
    """What one rule came to on all runs."""

    hits: int = 0
    runs: int = 0
    not_evaluable: int = 0
    errors: int = 0
    seconds: float = 0.0
    measure: Measure = field(default_factory=Measure)


@dataclass(slots=True)
class Changes:
    """Runs on which a rule fires for one policy and not for the other."""

    count: int = 0
    named: list[dict[str, str]] = field(default_factory=list)

    def add(self, run: str, source: str, rule: str) -> None:
        """Count one run and rule."""
        self.count += 1
        if len(self.named) < MAX_NAMED:
            self.named.append({"run": run, "source": source, "rule": rule})


class Backtest:
    """Adds up verdicts, one run at a time; memory grows with the rules, not with the runs.

    rules: ids of the policy's rules, so that one that never fires is seen. fail_on: least severity that counts as a
    hit of the whole policy, for labels and the exit code; findings of
    rules that only monitor never do.
    """

    def __init__(
        self, policy: str, rules: Sequence[str], fail_on: Severity = "info", against: str | None = None
    ) -> None:
        self.policy = policy
        self.against = against
        self.runs = 0
        self.labelled = 0
        self.failed = 0
        self.rules: dict[str, RuleTally] = {rule: RuleTally() for rule in rules}
        self.whole = Measure()
        self.newly = Changes()
        self.no_longer = Changes()
        self._fail_on: Severity = fail_on

    def add(
        self, run: str, source: str, verdict: Verdict, label: Label | None = None, before: frozenset[str] | None = None
    ) -> None:
        """Count one run. `before` holds the rules that fire on it for the other policy."""
        self.runs += 1
        counts = Counter(finding.rule for finding in verdict.findings)
        for rule, count in counts.items():
            tally = self._rule(rule)
            tally.hits += count
            tally.runs += 1
        for lacking in verdict.not_evaluable:
            self._rule(lacking.rule).not_evaluable += 1
        for rule in {error.rule for error in verdict.rule_errors}:
            self._rule(rule).errors += 1
        for rule, seconds in verdict.seconds:
            self._rule(rule).seconds += seconds
        hit = any(
            finding.mode == "enforce" and severity_at_least(finding.severity, self._fail_on)
            for finding in verdict.findings
        )
        self.failed += hit
        if label is not None:
            self._label(label, counts, hit=hit)
        if before is not None:
            for rule in sorted(counts.keys() - before):
                self.newly.add(run, source, rule)
            for rule in sorted(before - counts.keys()):
                self.no_longer.add(run, source, rule)

    def _rule(self, rule: str) -> RuleTally:
        return self.rules.setdefault(rule, RuleTally())

    def _label(self, label: Label, counts: Mapping[str, int], *, hit: bool) -> None:
        self.labelled += 1
        self.whole.add(said=hit, is_so=label.bad)
        for rule, tally in self.rules.items():
            # A label that names rules says of each whether it should fire, another one only that something should.
            is_so = rule in label.rules if label.rules is not None else label.bad
            tally.measure.add(said=rule in counts, is_so=is_so)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `backtest --json` prints."""
        found: dict[str, Any] = {
            "policy": self.policy,
            "runs": self.runs,
            "runs_with_findings": self.failed,
            "rules": [{"rule": rule, **self._rule_json(tally)} for rule, tally in self.rules.items()],
        }
        if self.labelled:
            found["labels"] = {"runs": self.labelled, **self.whole.as_json()}
        if self.against is not None:
            found["against"] = self.against
            found["newly_firing"] = {"count": self.newly.count, "runs": self.newly.named}
            found["no_longer_firing"] = {"count": self.no_longer.count, "runs": self.no_longer.named}
        return found

    def _rule_json(self, tally: RuleTally) -> dict[str, Any]:
        found = {
            "hits": tally.hits,
            "runs": tally.runs,
            "runs_per_100": round(100 * tally.runs / self.runs, 2) if self.runs else 0.0,
            "not_evaluable": tally.not_evaluable,
            "errors": tally.errors,
            "milliseconds_per_run": round(1000 * tally.seconds / self.runs, 4) if self.runs else 0.0,
        }
        return {**found, **tally.measure.as_json()} if self.labelled else found

    def text(self) -> Iterator[str]:
        """Yield the lines that `backtest` prints."""
        yield f"{self.policy}: {self.runs} runs, {self.failed} with findings"
        head = ["rule", "hits", "runs", "per 100", "n/e", "err", "ms/run"] + ["P", "R"] * bool(self.labelled)
        rows = [head, *(self._row(rule, tally) for rule, tally in self.rules.items())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        for row in rows:
            cells = [
                cell.ljust(w) if not n else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
            ]
            yield "  " + "  ".join(cells)
        if self.labelled:
            shown = self.whole.as_json()
            precision, recall = _ratio(shown["precision"]), _ratio(shown["recall"])
            yield f"labelled runs {self.labelled}: precision {precision}, recall {recall}"
        if self.against is not None:
            yield from _changes(f"newly firing, against {self.against}", self.newly)
            yield from _changes(f"no longer firing, against {self.against}", self.no_longer)

    def _row(self, rule: str, tally: RuleTally) -> list[str]:
        shown = self._rule_json(tally)
        row = [one_line(rule, 60), str(tally.hits), str(tally.runs), f"{shown['runs_per_100']:.1f}"]
        row += [str(tally.not_evaluable), str(tally.errors), f"{shown['milliseconds_per_run']:.3f}"]
        return row + ([_ratio(shown["precision"]), _ratio(shown["recall"])] if self.labelled else [])


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _changes(title: str, changes: Changes) -> Iterator[str]:
    yield f"{one_line(title, 200)}: {changes.count}"
    for change in changes.named[:20]:
        yield f"  {one_line(change['rule'], 80)}  {one_line(change['run'], 80)}  ({one_line(change['source'], 200)})"
    if changes.count > 20:
        yield f"  and {changes.count - 20} more"
