"""What an exporter is: a factory that names its settings, and an object that makes one attempt to deliver.

An exporter tells findings; one that can also forward takes received telemetry on, unchanged. The outbox, retries,
backoff, severity floors and counters are the service's business (service/delivery.py, service/forwarding); an exporter
only knows its protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
from pydantic import ConfigDict, Field

from spanwarden.configuration.section import Duration, Section
from spanwarden.model.event import CostSource
from spanwarden.model.finding import Finding, NotEvaluable, RuleError, Severity
from spanwarden.model.run import Completeness

NoticeKind = Literal["finding", "evaluation"]
Signal = Literal["traces", "logs", "metrics"]


class RunSummary(msgspec.Struct, frozen=True):
    """What receivers of a finding are told about its run. Times are ns since the epoch, ids lower-case hex."""

    id: str
    agent: str | None = None
    conversation: str | None = None
    service: str | None = None
    start: int = 0
    end: int = 0
    completeness: Completeness = "forced"
    cost_usd: float | None = None
    cost_source: CostSource | None = None
    runtime_seconds: float | None = None
    event_count: int = 0
    trace_ids: tuple[str, ...] = ()
    root_trace_id: str = ""
    root_span_id: str = ""
    dialects: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """The event that a piece of evidence points at, for receivers that correlate.

    `end` is in ns since the epoch.
    """

    event: int
    trace_id: str = ""
    span_id: str = ""
    end: int = 0
    tool: str | None = None
    call_id: str | None = None
    model: str | None = None
    agent: str | None = None
    operation: str | None = None


class Notice(msgspec.Struct, frozen=True):
    """Something to tell: one finding (kind "finding"), or that a run was evaluated (kind "evaluation").

    A finding notice has exactly one finding; an evaluation notice has all findings of the run, possibly none.
    `shadow`: of a policy that is only tried. `revision` counts the decisions of the run from 1, `finding_revision`
    those that said something new of the finding (0 in an evaluation). `observed` is when the verdict was reached (ns
    since the epoch). `subjects` has one entry for every event that the findings' evidence names. `redacted`: the words
    of the evidence have been taken out already.
    """

    kind: NoticeKind
    run: RunSummary
    findings: tuple[Finding, ...]
    policy: str
    policy_version: str
    observed: int
    revision: int = 1
    finding_revision: int = 0
    risk_score: int = 0
    status: Literal["new", "updated"] = "new"
    subjects: tuple[Subject, ...] = ()
    not_evaluable: tuple[NotEvaluable, ...] = ()
    rule_errors: tuple[RuleError, ...] = ()
    redacted: bool = False
    shadow: bool = False


class RetryableError(Exception):
    """The attempt failed but may succeed later. `after` is the wait the receiver asked for, in seconds."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RefusedError(Exception):
    """The receiver will never accept this; it is not tried again.

    `rejected` is the number of records where the receiver took the rest of the request, None where it took nothing.
    """

    def __init__(self, message: str, rejected: int | None = None) -> None:
        super().__init__(message)
        self.rejected = rejected


class Exporter(Protocol):
    """Delivers notices. Called from one thread of its own; never called again after `close`."""

    wants: frozenset[NoticeKind]
    """The kinds of notice it is given."""
    max_batch: int
    """The most notices it takes in one call."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Make one attempt. Raises RetryableError or RefusedError; anything else counts as refused and is logged."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Forwarder(Protocol):
    """Sends received requests on. Each is called from one thread of its own; never called again after `close`."""

    def forward(self, signal: Signal, body: bytes) -> None:
        """Make one attempt to send an encoded export request exactly as it is.

        Raises RetryableError or RefusedError; anything else counts as refused and is logged.
        """
        ...

    def close(self) -> None:
        """Let go of connections; may be called from another thread to break off an attempt."""
        ...


class RetrySettings(Section):
    """How often and how long a delivery is tried again."""

    initial_interval: Duration = Field(1.0, description="Wait before the second attempt.")
    max_interval: Duration = Field(30.0, description="Longest wait between two attempts.")
    max_elapsed_time: Duration | None = Field(
        None,
        description="Give up after this long; 0 never does. Left out: 24h for findings, 5m for forwarded telemetry.",
    )

    def pause(self, failures: int, asked: float | None, jitter: float) -> float:
        """Return the wait before the next attempt, in seconds.

        It grows by half with each of `failures` and is spread by `jitter` (0 to 1); what the receiver `asked` for is
        waited for at least, and not spread.
        """
        wait = min(self.max_interval, self.initial_interval * 1.5 ** min(failures - 1, 60))
        return wait * (0.5 + jitter) if asked is None else max(asked, wait)


class QueueSettings(Section):
    """How much may wait for a slow or dead receiver."""

    queue_size: int = Field(
        10_000, gt=0, description="Notices that may wait; what comes beyond is a dead letter at once, and counted."
    )


class RateSettings(Section):
    """How fast an exporter may be told."""

    notices: int = Field(gt=0, description="Notices in each interval; what is beyond waits.")
    interval: Duration = Field(60.0, gt=0, description="The interval.")


class DedupSettings(Section):
    """When a finding says nothing new to a receiver."""

    by: tuple[Literal["policy", "rule", "severity", "subject", "agent", "service", "conversation", "run"], ...] = Field(
        ("rule", "agent", "subject"),
        min_length=1,
        description="Findings that agree in these are alike; the subject is what a rule tells its findings apart by.",
    )
    window: Duration = Field(3600.0, gt=0, description="Only the first of them within this time is sent.")


class ExporterSettings(Section):
    """Settings that every exporter of findings has."""

    model_config = ConfigDict(hide_input_in_errors=True)  # URLs and headers hold credentials

    min_severity: Severity = Field("info", description="Findings below this severity are not sent.")
    monitored: bool = Field(True, description="Whether findings of rules that are only monitored are sent, too.")
    shadow: bool = Field(False, description="Whether what policies that are only tried come to is sent, too.")
    content: Literal["redacted", "full"] = Field(
        "redacted", description="Whether evidence carries the matched words or only their length and a digest."
    )
    timeout: Duration = Field(10.0, description="Longest time for one attempt.")
    retry_on_failure: RetrySettings = Field(RetrySettings(), description="Retries of a failed delivery.")
    sending_queue: QueueSettings = Field(QueueSettings(), description="The queue in front of this exporter.")
    rate_limit: RateSettings | None = Field(None, description="Findings wait rather than go faster than this.")
    dedup: DedupSettings | None = Field(None, description="Leaves out findings like those that were just sent.")


class Factory(NamedTuple):
    """How the service builds an exporter; the entry point group is `spanwarden.exporters`.

    create: called with the component's full name ("webhook/ops") and its settings; connects lazily, raises ValueError
        for settings that cannot work.
    create_forwarder: the same for an exporter that can forward telemetry; its settings are a ForwardingSettings.
    """

    name: str
    settings: type[ExporterSettings]
    create: Callable[[str, Any], Exporter]
    description: str
    stability: Literal["development", "alpha", "beta", "stable"] = "alpha"
    create_forwarder: Callable[[str, Any], Forwarder] | None = None
