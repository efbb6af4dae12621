"""From a decided run to what exporters are told."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from spanwarden.exporters.base import Notice, RunSummary, Subject
from spanwarden.model.event import Event
from spanwarden.model.finding import Finding, Verdict
from spanwarden.model.run import Contents, Run
from spanwarden.policy.policy import Policy
from spanwarden.runs.windows import Decision
from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry

logger = logging.getLogger(__name__)

_OPERATIONS = {"tool_call": "execute_tool", "llm_call": "chat", "agent": "invoke_agent", "retrieval": "retrieval"}


class Judge:
    """Evaluates policies on decided runs and says only what has not been said before.

    A finding is told when it is new, and again (status "updated") when a later decision of the same run changed its
    evidence. What was told is remembered for the last `memory` findings.
    """

    def __init__(self, policies: Sequence[Policy], telemetry: Telemetry, clock: Clock, memory: int = 200_000) -> None:
        self._policies = tuple(policies)
        self._telemetry = telemetry
        self._clock = clock
        self._memory = memory
        self._told: OrderedDict[str, str] = OrderedDict()

    def replace(self, policies: Sequence[Policy]) -> None:
        """Judge by these policies from now on; open runs are judged by what is in force when they are decided."""
        self._policies = tuple(policies)

    def judge(self, decision: Decision, contents: Contents) -> Iterator[Notice]:
        """Yield one finding notice for everything new, and one evaluation notice for every policy."""
        self._telemetry.count("spanwarden_runs_decided", completeness=decision.run.completeness)
        self._telemetry.observe("spanwarden_decision_seconds", decision.waited)
        for policy in self._policies:
            started = self._clock.monotonic()
            verdict = policy.evaluate(decision.run, contents, self._clock.monotonic)
            self._telemetry.observe("spanwarden_evaluation_seconds", self._clock.monotonic() - started)
            yield from self._notices(decision, verdict)

    def _notices(self, decision: Decision, verdict: Verdict) -> Iterator[Notice]:
        run = decision.run
        evaluation = Notice(
            kind="evaluation",
            run=summary(run),
            findings=verdict.findings,
            policy=verdict.policy,
            policy_version=verdict.policy_version,
            observed=self._clock.wall_ns(),
            revision=decision.revision,
            risk_score=verdict.risk_score,
            status="new" if decision.revision == 1 else "updated",
            subjects=subjects(run, verdict.findings),
            not_evaluable=verdict.not_evaluable,
            rule_errors=verdict.rule_errors,
        )
        for rule, seconds in verdict.seconds:
            self._telemetry.count("spanwarden_rule_seconds", seconds, policy=verdict.policy, rule=rule)
        for error in verdict.rule_errors:
            self._telemetry.count("spanwarden_rule_errors", policy=verdict.policy, rule=error.rule)
            logger.warning("policy %s: rule %s failed: %s", verdict.policy, error.rule, error.error)
        for missing in verdict.not_evaluable:
            self._telemetry.count("spanwarden_not_evaluable", policy=verdict.policy, rule=missing.rule)
        for finding in verdict.findings:
            told = self._told.get(finding.finding_id)
            if told == finding.delivery_id:
                continue
            self._remember(finding)
            self._telemetry.count(
                "spanwarden_findings", policy=verdict.policy, rule=finding.rule, severity=finding.severity
            )
            yield Notice(
                kind="finding",
                run=evaluation.run,
                findings=(finding,),
                policy=verdict.policy,
                policy_version=verdict.policy_version,
                observed=evaluation.observed,
                revision=decision.revision,
                risk_score=verdict.risk_score,
                status="new" if told is None else "updated",
                subjects=subjects(run, (finding,)),
            )
        yield evaluation

    def _remember(self, finding: Finding) -> None:
        self._told[finding.finding_id] = finding.delivery_id
        self._told.move_to_end(finding.finding_id)
        if len(self._told) > self._memory:
            self._told.popitem(last=False)


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


Tell = Callable[[Notice], None]
"""Takes a notice to every exporter that wants it."""
