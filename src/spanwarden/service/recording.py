"""Writing judged runs into the ledger: what is new is kept, revised, and put into the outbox, all in one transaction.

A decision that repeats the one before changes nothing and is told to nobody, so that a replay after a restart is
silent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from spanwarden.effects.encodable import encodable
from spanwarden.exporters.base import Notice, RunSummary, Subject
from spanwarden.exporters.redaction import redacted
from spanwarden.model.finding import Finding, Verdict
from spanwarden.model.finding_json import as_json
from spanwarden.service.routing import Mailing
from spanwarden.storage.ledger.decisions import Decisions, EvaluationRow, FindingRow, RunRow
from spanwarden.storage.ledger.history import Learned, Place

Content = Literal["none", "redacted", "full"]


_OF_OTHERS = frozenset({"history", "state"})
"""What a rule may lack that is not of the run."""


class Judged(NamedTuple):
    """A run and the verdicts on it, ready to be written down.

    hashes: of the policies, in the order of the verdicts. subjects: by event. observed: ns since the epoch.
    early: the run goes on; only its findings count. absorbed: runs that turned out to be parts of this one. shadow:
    policies that are only tried. learned: what rules of other runs may ask of this one.
    """

    run: RunSummary
    verdicts: tuple[Verdict, ...]
    hashes: tuple[str, ...]
    subjects: dict[int, Subject]
    observed: int
    early: bool = False
    absorbed: tuple[str, ...] = ()
    shadow: frozenset[str] = frozenset()
    learned: Learned = Learned()

    @property
    def risk(self) -> int:
        """The highest risk score of all policies that are not only tried."""
        return max((each.risk_score for each in self.verdicts if each.policy not in self.shadow), default=0)

    @property
    def sure(self) -> bool:
        """Whether no rule failed or lacked something of the run itself."""
        return not any(
            verdict.rule_errors or any(not _OF_OTHERS.issuperset(item.needs) for item in verdict.not_evaluable)
            for verdict in self.verdicts
        )

    def digest(self) -> str:
        """Return a name for all facts of the decision, which a replay repeats."""
        facts = [
            (
                *(verdict.policy, verdict.policy_version, digest, verdict.risk_score),
                *([finding.delivery_id for finding in verdict.findings], verdict.not_evaluable, verdict.rule_errors),
            )
            for verdict, digest in zip(self.verdicts, self.hashes, strict=True)
        ]
        return hashlib.blake2b(packed((self.run, facts, self.absorbed)), digest_size=16).hexdigest()


class Recorder:
    """Writes judged runs within one transaction. content: what is kept of the words of evidence."""

    def __init__(self, decisions: Decisions, mailing: Mailing, content: Content) -> None:
        self._decisions = decisions
        self._mailing = mailing
        self._content = content
        self.stale: set[Place] = set()
        """Places of the history of which the ledger now knows more than the runs that were recorded told."""

    def record(self, judged: Judged) -> list[Notice]:
        """Write down one run; return the notices of findings that say something new."""
        known = self._decisions.run(judged.run.id)
        digest = "" if judged.early else judged.digest()
        # What is judged anew from fewer records (the rest has left the journal) adds findings to what was known. It
        # takes none back and says nothing else of them, as their evidence may be among the rest. What is judged early
        # does not, either.
        fuller = known is None or (not judged.early and judged.run.event_count >= known.events)
        if not judged.early:
            run, whole = encodable(judged.run.id), fuller and judged.sure
            self.stale |= self._decisions.learn(run, judged.learned, whole=whole, fuller=fuller)
        if known is not None and known.digest == digest and not judged.early:
            return []
        revision = known.revision if known else 0
        if not judged.early:
            revision += 1
        if known is None or fuller:
            number = self._decisions.put_run(self._row(judged, revision, digest))
        else:
            number = known.number
            self._decisions.touch_run(
                number,
                revision=revision,
                risk=max(known.risk, judged.risk),
                decided=judged.observed,
                digest=known.digest if judged.early else digest,
            )
        told = [
            notice
            for index in range(len(judged.verdicts))
            for notice in self._verdict(judged, index, number, revision, fuller=fuller)
        ]
        for run_id in judged.absorbed:
            self._decisions.absorb(encodable(run_id), encodable(judged.run.id), judged.observed)
        if known is not None and fuller and not judged.early:
            self._decisions.withdraw(number, _ids(judged), _unsure(judged), judged.observed)
        return told

    def _verdict(self, judged: Judged, index: int, number: int, revision: int, *, fuller: bool) -> Iterator[Notice]:
        verdict = judged.verdicts[index]
        kept = tuple(map(self._kept, verdict.findings))
        whole = Notice(
            kind="evaluation",
            run=judged.run,
            findings=kept,
            policy=verdict.policy,
            policy_version=verdict.policy_version,
            observed=judged.observed,
            revision=max(1, revision),
            risk_score=verdict.risk_score,
            status="new" if revision <= 1 else "updated",
            subjects=_of(judged, kept),
            not_evaluable=verdict.not_evaluable,
            rule_errors=verdict.rule_errors,
            redacted=self._content != "full",
            shadow=verdict.policy in judged.shadow,
        )
        for finding in kept:
            told = self._decisions.put_finding(number, _finding_row(finding, judged.observed), revise=fuller)
            if told.news:
                notice = msgspec.structs.replace(
                    whole,
                    kind="finding",
                    findings=(finding,),
                    finding_revision=told.revision,
                    status="new" if told.revision == 1 else "updated",
                    subjects=_of(judged, (finding,)),
                    not_evaluable=(),
                    rule_errors=(),
                )
                self._mailing.post(notice, packed)
                yield notice
        if not judged.early:
            self._decisions.put_evaluation(number, self._evaluation(judged, index, revision))
            self._mailing.post(whole, packed)

    def _evaluation(self, judged: Judged, index: int, revision: int) -> EvaluationRow:
        verdict = judged.verdicts[index]
        return EvaluationRow(
            encodable(verdict.policy),
            encodable(verdict.policy_version),
            judged.hashes[index],
            revision,
            judged.observed,
            verdict.risk_score,
            as_text([{"rule": item.rule, "needs": list(item.needs)} for item in verdict.not_evaluable]),
            as_text([{"rule": item.rule, "error": item.error} for item in verdict.rule_errors]),
        )

    def _row(self, judged: Judged, revision: int, digest: str) -> RunRow:
        run = judged.run
        return RunRow(
            id=encodable(run.id),
            agent=_name(run.agent),
            service=_name(run.service),
            conversation=_name(run.conversation),
            completeness=run.completeness,
            started=_time(run.start),
            ended=_time(run.end),
            events=run.event_count,
            risk=judged.risk,
            revision=revision,
            decided=judged.observed,
            digest=digest,
            summary=as_text(run),
        )

    def _kept(self, finding: Finding) -> Finding:
        if self._content == "full":
            return finding
        if self._content == "redacted":
            return redacted(finding)
        bare = tuple(msgspec.structs.replace(item, text=None) for item in finding.evidence)
        return msgspec.structs.replace(finding, evidence=bare)


def packed(value: Any) -> bytes:
    """Return a value as MessagePack; lone surrogates, which no text at rest can hold, become question marks."""
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(_clean(msgspec.to_builtins(value)))


def as_text(value: Any) -> bytes:
    """Return a value as JSON; lone surrogates become question marks."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(msgspec.to_builtins(value)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _finding_row(finding: Finding, seen: int) -> FindingRow:
    return FindingRow(
        id=finding.finding_id,
        policy=encodable(finding.policy),
        policy_version=encodable(finding.policy_version),
        rule=encodable(finding.rule),
        severity=finding.severity,
        delivery_id=finding.delivery_id,
        seen=seen,
        body=as_text(as_json(finding)),
    )


def _of(judged: Judged, findings: Sequence[Finding]) -> tuple[Subject, ...]:
    indexes = sorted({item.event for finding in findings for item in finding.evidence})
    return tuple(judged.subjects[index] for index in indexes if index in judged.subjects)


def _ids(judged: Judged) -> set[str]:
    return {finding.finding_id for verdict in judged.verdicts for finding in verdict.findings}


def _unsure(judged: Judged) -> set[tuple[str, str]]:
    lacking = {(v.policy, item.rule) for v in judged.verdicts for item in v.not_evaluable}
    return lacking | {(v.policy, item.rule) for v in judged.verdicts for item in v.rule_errors}


def _name(text: str | None) -> str | None:
    return None if text is None else encodable(text)


def _time(nanoseconds: int) -> int:
    """Return a time that SQLite's 64 bits hold, whatever the sender wrote."""
    return max(0, min(nanoseconds, 2**63 - 1))
