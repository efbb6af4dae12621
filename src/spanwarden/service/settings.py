"""The settings of the service, shaped as the Collector's: receivers, processors, exporters, extensions, service.

Everything has a default; `Settings()` is a running service on localhost:4317 and 4318 with the built-in policy.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from spanwarden.configuration.section import Duration, Section, Size
from spanwarden.receivers.auth import BasicAuthSettings, BearerTokenAuthSettings
from spanwarden.receivers.otlp.settings import OtlpReceiverSettings
from spanwarden.service.understanding import CostSettings, EffectsSettings, MetadataSettings
from spanwarden.storage.journal import Sync

MIB = 1 << 20


class Receivers(Section):
    """The ways in."""

    otlp: OtlpReceiverSettings = Field(OtlpReceiverSettings(), description="OTLP over gRPC and HTTP.")


class RunsSettings(Section):
    """When a run is complete."""

    settle: Duration = Field(2.0, description="Quiet time after the root of a run has ended.")
    idle_timeout: Duration = Field(60.0, description="Quiet time after which a run without a known end is over.")
    max_age: Duration = Field(3600.0, description="A run still open at this age gets a provisional verdict.")
    grace: Duration = Field(600.0, description="How long a decided run takes in late records and is judged again.")
    max_run_size: Size = Field(64 * MIB, description="Memory of one run's records; what is beyond is counted.")
    max_size: Size = Field(
        512 * MIB, description="Memory of all runs' records; the biggest idle run of who sends most makes room."
    )
    max_open: int = Field(200_000, gt=0, description="Most runs open at a time; beyond it runs make room as above.")
    early_debounce: Duration = Field(
        0.25, description="How soon an open run is looked at when something came that may break a rule for good."
    )
    conversation_memory: Size = Field(
        32 * MIB, description="Memory of decided runs for rules that look at a whole conversation; 0 turns it off."
    )


class HistorySettings(Section):
    """What is kept of runs for rules that look at other runs: counts and digests, no content."""

    max_age: Duration = Field(
        90 * 86400.0, gt=0, description="What runs did longer ago is forgotten; rules that look further back say so."
    )
    max_size: Size = Field(64 * MIB, gt=0, description="Beyond this size the oldest of what takes most is forgotten.")


class PolicySettings(Section):
    """What runs are held against."""

    policies: tuple[str, ...] = Field(
        ("pack:agent-baseline",), description="Policies to evaluate: files, or pack:NAME for a built-in one."
    )
    shadow: tuple[str, ...] = Field(
        (), description="Policies that are tried beside them: what they find is marked, and sent only where asked for."
    )
    history: HistorySettings = Field(HistorySettings(), description="What is known of other runs.")


class Processors(Section):
    """What happens between the ways in and the ways out."""

    runs: RunsSettings = Field(RunsSettings(), description="Run windows.")
    policy: PolicySettings = Field(PolicySettings(), description="Policies.")
    effects: EffectsSettings = Field(EffectsSettings(), description="What tools do.")
    metadata: MetadataSettings = Field(MetadataSettings(), description="What metadata is derived by.")
    cost: CostSettings = Field(CostSettings(), description="Estimates of costs that nothing reported.")


class HealthCheckSettings(Section):
    """The health endpoint."""

    endpoint: str = Field("localhost:13133", description="Address of the path below, /livez and /readyz, host:port.")
    path: str = Field("/", description="Path that answers as /readyz does, for probes made for the Collector.")


class JournalSettings(Section):
    """How the journal keeps requests."""

    sync: Sync = Field(
        "group",
        description="When a request counts as stored: on disk (group), with the kernel (os), or in its cache (off).",
    )


class RetentionSettings(Section):
    """How long decided runs and undeliverable notices are kept."""

    max_age: Duration = Field(30 * 86400.0, gt=0, description="Runs decided longer ago go, with all that is theirs.")
    max_size: Size = Field(1024 * MIB, gt=0, description="Beyond this size of the ledger the oldest runs go.")
    dead_letters: Duration = Field(
        30 * 86400.0, gt=0, description="How long notices are kept that could not be delivered or were suppressed."
    )


class StorageSettings(Section):
    """Where undecided requests are kept."""

    directory: str | None = Field(
        "./data", description="Where it is kept, from the working directory; null keeps everything in memory."
    )
    max_size: Size = Field(512 * MIB, description="Most bytes of requests kept; beyond it senders are asked to wait.")
    content: Literal["none", "redacted", "full"] = Field(
        "redacted",
        description="What decided runs keep of the words of evidence: nothing, their length and a digest, or all.",
    )
    retention: RetentionSettings = Field(RetentionSettings(), description="How long decided runs are kept.")
    journal: JournalSettings = Field(JournalSettings(), description="How requests are kept.")


class Extensions(Section):
    """What is neither receiver, processor nor exporter."""

    health_check: HealthCheckSettings | None = Field(
        HealthCheckSettings(), description="Liveness and readiness over HTTP; null turns it off."
    )
    storage: StorageSettings = Field(StorageSettings(), description="The journal.")
    bearertokenauth: BearerTokenAuthSettings | None = Field(
        None, description="Checks bearer tokens for the receivers that name it."
    )
    basicauth: BasicAuthSettings | None = Field(None, description="Checks passwords for the receivers that name it.")


class MetricsPushSettings(Section):
    """Own metrics over OTLP."""

    exporter: str = Field(description="Name of the otlp exporter that takes them.")
    interval: Duration = Field(60.0, gt=0, description="How often they are sent.")


class MetricsSettings(Section):
    """Metrics of the service itself.

    Where `endpoint` is left out, the Collector's `address`, `readers` (one that Prometheus pulls from) and
    `level: none` are understood in its place: the OpenTelemetry Operator writes them.
    """

    endpoint: str | None = Field("localhost:8888", description="Address of /metrics for Prometheus; null turns it off.")
    push: MetricsPushSettings | None = Field(None, description="Send own metrics over OTLP as well.")

    @model_validator(mode="before")
    @classmethod
    def _from_the_collectors_keys(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        rest = {key: item for key, item in value.items() if key not in {"address", "readers", "level"}}
        if "endpoint" in rest:
            return rest
        if value.get("level") == "none":
            return {**rest, "endpoint": None}
        if value.get("readers"):
            return {**rest, "endpoint": _pulled_at(value["readers"])}
        return {**rest, "endpoint": value["address"]} if value.get("address") else rest


def _pulled_at(readers: object) -> str:
    """Return the address of the Prometheus reader among a Collector's metric readers. Raises ValueError."""
    for reader in readers if isinstance(readers, list) else ():
        found = reader
        for key in ("pull", "exporter", "prometheus"):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return f"{found.get('host', 'localhost')}:{found.get('port', 8888)}"
    raise ValueError("readers: only pull.exporter.prometheus is supported")


class LogsSettings(Section):
    """Logs of the service itself; they go to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    encoding: Literal["console", "json"] = Field("console", description="Text for people, or one JSON object a line.")


class TelemetrySettings(Section):
    """What the service says of itself."""

    metrics: MetricsSettings = Field(MetricsSettings(), description="Metrics.")
    logs: LogsSettings = Field(LogsSettings(), description="Logs.")


class Pipeline(Section):
    """Which components a kind of data passes; a list left out means all of them."""

    receivers: tuple[str, ...] | None = Field(None, description="Receivers that feed it.")
    processors: tuple[str, ...] | None = Field(None, description="Processors it passes.")
    exporters: tuple[str, ...] | None = Field(None, description="Exporters that get it.")


class Pipelines(Section):
    """The pipelines. Without them every exporter gets the findings and nothing is forwarded."""

    traces: Pipeline = Field(Pipeline(), description="Received spans; its exporters get them unchanged.")
    logs: Pipeline = Field(Pipeline(), description="Received log records; its exporters get them unchanged.")
    metrics: Pipeline = Field(Pipeline(), description="Received metrics; its exporters get them unchanged.")
    findings: Pipeline = Field(Pipeline(), description="What the policies found.")

    def upstreams(self) -> dict[str, frozenset[str]]:
        """Return the exporters that telemetry is forwarded to, each with the signals it gets."""
        names: dict[str, set[str]] = {}
        for signal, pipeline in (("traces", self.traces), ("logs", self.logs), ("metrics", self.metrics)):
            for name in pipeline.exporters or ():
                names.setdefault(name, set()).add(signal)
        return {name: frozenset(signals) for name, signals in names.items()}


class ServiceSettings(Section):
    """The process."""

    extensions: tuple[str, ...] | None = Field(None, description="Extensions in use; left out, all of them.")
    telemetry: TelemetrySettings = Field(TelemetrySettings(), description="What the service says of itself.")
    pipelines: Pipelines = Field(Pipelines(), description="Which component feeds which.")
    reload_interval: Duration = Field(
        5.0, description="How often settings and policy files are looked at for changes; 0 reloads on SIGHUP only."
    )
    shutdown_timeout: Duration = Field(20.0, description="Longest time from the first SIGTERM to the exit.")
    workers: int = Field(
        1, ge=1, le=63, description="Processes that receive and read, on the same ports; docs/scaling.md says when."
    )
    max_pending: Size = Field(
        256 * MIB, description="Most bytes of requests received but not yet read; beyond it senders are asked to wait."
    )


class Settings(Section):
    """Everything. `exporters` maps "type" or "type/name" to the settings of that type of exporter."""

    receivers: Receivers = Field(Receivers(), description="The ways in.")
    processors: Processors = Field(Processors(), description="Run windows and policies.")
    exporters: dict[str, Any] = Field({"console": {}}, description="The ways out, by type or type/name.")
    extensions: Extensions = Field(Extensions(), description="Health endpoint and storage.")
    service: ServiceSettings = Field(ServiceSettings(), description="The process.")

    @property
    def health_check(self) -> HealthCheckSettings | None:
        """The health endpoint, if it is not turned off and `service.extensions` does not leave it out."""
        used = self.service.extensions is None or "health_check" in self.service.extensions
        return self.extensions.health_check if used else None

    @property
    def findings_exporters(self) -> dict[str, Any]:
        """The exporters of the findings pipeline, by name; those that only carry telemetry are left out."""
        pipelines = self.service.pipelines
        names = pipelines.findings.exporters
        if names is None:
            push = self.service.telemetry.metrics.push
            others = {*pipelines.upstreams(), *([push.exporter] if push else [])}
            names = tuple(name for name in self.exporters if name not in others)
        return {name: self.exporters[name] for name in names}
