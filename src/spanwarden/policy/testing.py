"""Runs the tests of a policy: small runs written step by step, and recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from spanwarden.model.finding import Evidence, Finding, Verdict
from spanwarden.model.run import Contents, Run
from spanwarden.policy.inline_tests import Expected, InlineTest
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable
from spanwarden.policy.policy import Policy
from spanwarden.policy.state import MemoryState
from spanwarden.policy.written_runs import runs_of

Recorded = Callable[[Path], Iterable[tuple[Run, Contents]]]
"""Reads a recorded run; a file may hold several."""


class Outcome(msgspec.Struct, frozen=True):
    """How a test ended. `failure` is what was wrong, None where it passed; `place` is file and line."""

    place: str
    rule: str | None
    name: str | None
    failure: str | None = None

    @property
    def passed(self) -> bool:
        """Tell whether it passed."""
        return self.failure is None


def run_tests(policy: Policy, read: Recorded, table: MetadataTable = DEFAULT) -> Iterator[Outcome]:
    """Run every test of a policy, in the order of the file.

    `read` gives the recorded runs; what it raises goes on. `table` is what metadata is derived by.
    """
    for test in policy.tests:
        if test.trace is not None:
            verdicts = list(_recorded(policy, test.trace, read, table))
        else:
            verdicts = [_written(policy, test, table)]
        yield Outcome(test.place, test.rule, test.name, _failure(test, verdicts))


def _failure(test: InlineTest, verdicts: Sequence[Verdict]) -> str | None:
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    wrong = [error for verdict in verdicts for error in verdict.rule_errors if test.rule in (None, error.rule)]
    if wrong:
        return f"{wrong[0].rule} failed: {wrong[0].error}"
    if isinstance(test.expect, tuple):
        return _other_rules(test.expect, {finding.rule for finding in findings})
    if test.rule is not None:
        findings = [finding for finding in findings if finding.rule == test.rule]
    if isinstance(test.expect, Expected):
        return _mismatch(test.expect, findings)
    if test.expect == "none":
        return f"expected no finding, got {_listed(findings)}" if findings else None
    if test.expect == "finding":
        return None if findings else "expected a finding, got none"
    lacking = {item.rule for verdict in verdicts for item in verdict.not_evaluable}
    return None if test.rule in lacking else "expected the rule not to be evaluable, but it was"


def _written(policy: Policy, test: InlineTest, table: MetadataTable) -> Verdict:
    """Judge runs one after the other, as the service would, and return the verdict on the last."""
    state = MemoryState()
    earlier: list[Run] = []
    verdict = Verdict(policy.name, policy.version)
    for run, contents in runs_of(test.runs):
        before = [other for other in earlier if run.conversation and other.conversation == run.conversation]
        verdict = policy.evaluate(run, contents, earlier=before, state=state, table=table)
        earlier.append(run)
    return verdict


def _recorded(policy: Policy, trace: Path, read: Recorded, table: MetadataTable) -> Iterator[Verdict]:
    state = MemoryState()
    for run, contents in read(trace):
        yield policy.evaluate(run, contents, state=state, table=table)


def _other_rules(expected: Sequence[str], found: set[str]) -> str | None:
    missing, more = sorted(set(expected) - found), sorted(found - set(expected))
    parts = [f"expected a finding of {', '.join(missing)}"] if missing else []
    parts += [f"expected no finding of {', '.join(more)}"] if more else []
    return "; ".join(parts) or None


def _mismatch(expected: Expected, findings: Sequence[Finding]) -> str | None:
    """Return what is wrong: there must be `times` findings (one where nothing is said), and one that fits."""
    times = expected.times or 1
    if len(findings) != times:
        return f"expected {times} finding{'s' if times > 1 else ''}, got {_listed(findings) if findings else 'none'}"
    if any(_fits(expected, finding) for finding in findings):
        return None
    facts = msgspec.structs.asdict(expected)
    wanted = ", ".join(f"{name} {value!r}" for name, value in facts.items() if value is not None and name != "times")
    return f"expected {wanted}; got {_listed(findings)}"


def _fits(expected: Expected, finding: Finding) -> bool:
    evidence = finding.evidence
    sinks = [item.event for item in evidence if item.role == "sink"] or [item.event for item in evidence]
    if expected.at is not None and expected.at not in sinks:
        return False
    if expected.source is not None and expected.source not in [e.event for e in evidence if e.role == "source"]:
        return False
    if expected.value is not None and not any(_holds(item, expected.value) for item in evidence):
        return False
    if expected.severity is not None and expected.severity != finding.severity:
        return False
    return expected.mode is None or expected.mode == finding.mode


def _holds(item: Evidence, value: str) -> bool:
    return value.casefold() in (item.text or "").casefold()


def _listed(findings: Sequence[Finding]) -> str:
    """Name findings by rule, event and severity; never by their text."""
    shown = [f"{f.rule} at {_where(f)} ({f.severity}, {f.mode})" for f in findings[:5]]
    return ", ".join(shown) + (f" and {len(findings) - 5} more" if len(findings) > 5 else "")


def _where(finding: Finding) -> str:
    events = [f"{item.role} {item.event}" for item in finding.evidence[:3]]
    return ", ".join(events) or "the run"
