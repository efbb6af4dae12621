"""From a decided run to what is written down and told of it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from spanwarden.exporters.base import Notice, RunSummary, Subject
from spanwarden.model.event import Event
from spanwarden.model.finding import Finding, Verdict
from spanwarden.model.run import Contents, Run
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable
from spanwarden.policy.policy import Policy
from spanwarden.runs.decision import Decision
from spanwarden.service.clock import Clock
from spanwarden.service.history import History
from spanwarden.service.metrics import Telemetry
from spanwarden.service.outlets import Outlets
from spanwarden.service.recording import Content, Judged, Recorder
from spanwarden.storage.ledger.decisions import Decisions
from spanwarden.storage.ledger.history import Learned
from spanwarden.storage.ledger.ledger import Ledger

logger = logging.getLogger(__name__)

SHADOW = "shadow/"
"""What the names of policies begin with that are only tried."""
_OPERATIONS = {"tool_call": "execute_tool", "llm_call": "chat", "agent": "invoke_agent", "retrieval": "retrieval"}


class Judge:
    """Evaluates policies on decided runs, and writes down and tells what has not been said before.

    A finding is told when it is new, and again (status "updated") when a later decision of the same run changed its
    evidence; the ledger remembers what was told. content: what is kept of the words of evidence. table: what metadata
    is derived by. shadows: policies that are only tried, as `shadow` returns them.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        ledger: Ledger,
        outlets: Outlets,
        telemetry: Telemetry,
        clock: Clock,
        content: Content = "redacted",
        table: MetadataTable = DEFAULT,
        shadows: Sequence[Policy] = (),
    ) -> None:
        self._policies = tuple(policies)
        self._shadows = tuple(shadows)
        self._ledger = ledger
        self._outlets = outlets
        self._telemetry = telemetry
        self._clock = clock
        self._content: Content = content
        self._table = table
        self._history = History(ledger, telemetry)
        self._tallies: defaultdict[tuple[str, str, str], float] = defaultdict(float)
        """What is to be counted: by metric, policy and rule. Every run adds to most, and counting takes a lock."""

    def replace(self, policies: Sequence[Policy], shadows: Sequence[Policy], table: MetadataTable) -> None:
        """Judge by these policies from now on; open runs are judged by what is in force when they are decided."""
        self._policies = tuple(policies)
        self._shadows = tuple(shadows)
        self._table = table

    def alerts(self, event: Event) -> bool:
        """Tell whether a rule of any policy may be broken for good by an event, whatever its run still holds."""
        return any(policy.alerts(event) for policy in self._policies)

    def judge(self, decision: Decision, contents: Contents) -> Judged:
        """Hold a run against every policy. Writes nothing down; see `decide`."""
        run = decision.run
        if not decision.early:
            self._telemetry.count("spanwarden_runs_decided", completeness=run.completeness)
            self._telemetry.observe("spanwarden_decision_seconds", decision.waited)
        policies, tried = self._policies, () if decision.early else self._shadows
        if not decision.early:
            self._history.begin(run.id, decision.absorbed)
        verdicts = (
            *(self._verdict(policy, decision, contents) for policy in policies),
            *(_marked(self._verdict(policy, decision, contents)) for policy in tried),
        )
        findings = [finding for verdict in verdicts for finding in verdict.findings]
        return Judged(
            summary(run),
            verdicts,
            tuple(policy.hash for policy in (*policies, *tried)),
            {subject.event: subject for subject in subjects(run, findings)},
            self._clock.wall_ns(),
            decision.early,
            decision.absorbed,
            frozenset(policy.name for policy in tried),
            Learned() if decision.early else self._history.learned(),
        )

    def decide(self, batch: Sequence[Judged]) -> None:
        """Write down what the judged runs came to, and let exporters tell it, in one transaction.

        It is on disk when this returns. Raises LedgerUnavailableError, with nothing written; call it again later.
        """
        self._count_tallies()
        started = self._clock.monotonic()
        with self._ledger.writing() as connection:
            decisions = Decisions(connection)
            mailing = self._outlets.mailing(decisions)
            recorder = Recorder(decisions, mailing, self._content)
            told = [notice for judged in batch for notice in recorder.record(judged)]
        self._telemetry.observe("spanwarden_ledger_commit_seconds", self._clock.monotonic() - started)
        self._history.written([judged.learned for judged in batch], recorder.stale)
        self._outlets.posted(mailing)
        for notice in told:
            self._count(notice)

    def give_up(self, judged: Judged) -> None:
        """Forget a judged run that cannot be written down: nothing of it is to be known that a restart forgets."""
        self._history.written([judged.learned], [place for place, _ in judged.learned.samples])

    def _verdict(self, policy: Policy, decision: Decision, contents: Contents) -> Verdict:
        started = self._clock.monotonic()
        if decision.early:
            found = policy.evaluate_early(decision.run, contents, self._table)
            verdict = Verdict(policy.name, policy.version, found)
        else:
            verdict = policy.evaluate(
                decision.run,
                contents,
                self._clock.monotonic,
                table=self._table,
                earlier=_earlier(decision),
                state=self._history,
            )
        self._telemetry.observe("spanwarden_evaluation_seconds", self._clock.monotonic() - started)
        for rule, seconds in verdict.seconds:
            self._tallies["spanwarden_rule_seconds", verdict.policy, rule] += seconds
        for error in verdict.rule_errors:
            self._telemetry.count("spanwarden_rule_errors", policy=verdict.policy, rule=error.rule)
            logger.warning("policy %s: rule %s failed: %s", verdict.policy, error.rule, error.error)
        for missing in verdict.not_evaluable:
            self._tallies["spanwarden_not_evaluable", verdict.policy, missing.rule] += 1
        return verdict

    def _count_tallies(self) -> None:
        for (metric, policy, rule), amount in self._tallies.items():
            self._telemetry.count(metric, amount, policy=policy, rule=rule)
        self._tallies.clear()

    def _count(self, notice: Notice) -> None:
        finding = notice.findings[0]
        metric = "spanwarden_shadow_findings" if notice.shadow else "spanwarden_findings"
        policy = notice.policy.removeprefix(SHADOW)
        self._telemetry.count(metric, policy=policy, rule=finding.rule, severity=finding.severity)


def shadow(policy: Policy) -> Policy:
    """Return a policy under the name by which it is tried: it may be a version of one that is in force."""
    return policy.renamed(SHADOW + policy.name)


def _marked(verdict: Verdict) -> Verdict:
    findings = tuple(msgspec.structs.replace(finding, mode="shadow") for finding in verdict.findings)
    return msgspec.structs.replace(verdict, findings=findings)


def _earlier(decision: Decision) -> tuple[Run, ...] | None:
    """Return the runs of the same conversation that came before, None where one of them is no longer held."""
    held = [(earlier.id, earlier.events) for earlier in decision.earlier]
    known = [Run(name, events, conversation=decision.run.conversation) for name, events in held if events is not None]
    return tuple(known) if len(known) == len(held) else None


def summary(run: Run) -> RunSummary:
    """Return what receivers are told about a run."""
    return RunSummary(
        id=run.id,
        agent=run.agent,
        conversation=run.conversation,
        service=run.service,
        start=run.start,
        end=run.end,
        completeness=run.completeness,
        cost_usd=run.cost_usd,
        cost_source=run.cost_source,
        runtime_seconds=run.runtime_seconds,
        event_count=len(run.events),
        trace_ids=tuple(trace_id.hex() for trace_id in run.trace_ids),
        root_trace_id=run.root_trace_id.hex(),
        root_span_id=run.root_span_id.hex(),
        dialects=run.dialects,
    )


def subjects(run: Run, findings: Sequence[Finding]) -> tuple[Subject, ...]:
    """Return one entry for every event that the findings' evidence names."""
    indexes = sorted({item.event for finding in findings for item in finding.evidence})
    return tuple(_subject(index, run.events[index]) for index in indexes if 0 <= index < len(run.events))


def _subject(index: int, event: Event) -> Subject:
    return Subject(
        event=index,
        trace_id=event.trace_id.hex(),
        span_id=event.span_id.hex(),
        end=event.end,
        tool=event.tool,
        call_id=event.call_id,
        model=event.model,
        agent=event.agent,
        operation=_OPERATIONS.get(event.kind),
    )
