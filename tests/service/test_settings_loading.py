from __future__ import annotations

import pathlib

import pytest

from spanwarden.exporters.base import ExporterSettings
from spanwarden.service.loading import SettingsError, load
from spanwarden.service.settings import Settings

CONTRACT = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: localhost:4317}
      http: {endpoint: localhost:4318}
processors:
  runs: {settle: 2s, idle_timeout: 60s, max_age: 1h, grace: 10m}
  policy: {policies: ["pack:agent-baseline", ./policy.yaml]}
exporters:
  console: {}
  webhook/ops: {url: "https://ops.example.com/hook", min_severity: high}
  otlp/findings: {endpoint: "localhost:14317", tls: {insecure: true}}
extensions:
  health_check: {endpoint: localhost:13133}
service:
  telemetry: {metrics: {endpoint: localhost:8888}}
  pipelines:
    findings: {exporters: [console, webhook/ops, otlp/findings]}
"""


def yaml(text: str, **environ: str) -> Settings:
    return load([f"yaml:{text}"], environ=environ)


def test_nothing_at_all_is_a_running_service() -> None:
    settings = load([])
    assert settings.receivers.otlp.protocols.grpc is not None
    assert settings.receivers.otlp.protocols.grpc.endpoint == "localhost:4317"
    assert settings.receivers.otlp.protocols.http is not None
    assert settings.processors.policy.policies == ("pack:agent-baseline",)
    assert list(settings.exporters) == ["console"]


def test_the_contract_sample_loads() -> None:
    settings = yaml(CONTRACT)
    assert settings.processors.runs.max_age == 3600
    webhook = settings.exporters["webhook/ops"]
    assert isinstance(webhook, ExporterSettings)
    assert webhook.min_severity == "high"


def test_only_named_protocols_are_served() -> None:
    protocols = yaml("receivers: {otlp: {protocols: {http: }}}").receivers.otlp.protocols
    assert protocols.grpc is None
    assert protocols.http is not None
    assert protocols.http.endpoint == "localhost:4318"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("receiver: {}", "top level: unknown key 'receiver', did you mean 'receivers'?"),
        ("processors: {runs: {setle: 2s}}", "processors.runs: unknown key 'setle', did you mean 'settle'?"),
        ("processors: {runs: {settle: soon}}", "processors.runs.settle: expected a duration"),
        ("exporters: {webhok: {}}", "exporters: unknown exporter type 'webhok', did you mean 'webhook'?"),
        ("exporters: {console/x: {verbosit: runs}}", "exporters.console/x: unknown key 'verbosit', did you mean"),
        ("service: {pipelines: {findings: {exporters: [consol]}}}", "no exporter 'consol', did you mean 'console'?"),
        ("a: [1", "line 1"),
        ("- 1", "expected a mapping"),
        ("a: &x 1\nb: *x", "line 2: YAML aliases are not supported"),
        ("exporters: {console: {min_severity: bad}}", "exporters.console.min_severity: input should be"),
        ("x: " + "[" * 5000, "nested too deeply"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        yaml(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_variables_are_filled_in() -> None:
    settings = yaml(
        "receivers: {otlp: {protocols: {grpc: {endpoint: '${env:HOST}:${env:PORT:-4317}'}}}}\n"
        "processors: {policy: {policies: ['a$$b', '${PLAIN}']}}\n"
        "service: {max_pending: '${env:ROOM}'}",
        HOST="127.0.0.1",
        PLAIN="plain.yaml",
        ROOM="1048576",
    )
    assert settings.receivers.otlp.protocols.grpc is not None
    assert settings.receivers.otlp.protocols.grpc.endpoint == "127.0.0.1:4317"
    assert settings.processors.policy.policies == ("a$b", "plain.yaml")
    assert settings.service.max_pending == 1 << 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service: {max_pending: '${env:NOPE}'}", "service.max_pending: the environment variable NOPE is not set"),
        ("service: {max_pending: '${env:}'}", "is no reference"),
    ],
)
def test_a_missing_variable_is_an_error(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        yaml(text)


def test_sources_are_merged_and_overrides_win(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("processors: {runs: {settle: 1s, grace: 1m}}\n")
    settings = load(
        [str(file), "env:MORE"],
        ["processors.runs.grace=3m", "exporters.console.min_severity=high"],
        {"MORE": "processors: {runs: {settle: 5s}}"},
    )
    assert settings.processors.runs.settle == 5
    assert settings.processors.runs.grace == 180
    assert settings.exporters["console"].min_severity == "high"


@pytest.mark.parametrize("source", ["missing.yaml", "env:NOPE"])
def test_a_missing_source_is_named(source: str) -> None:
    with pytest.raises(SettingsError, match=source):
        load([source], environ={})


@pytest.mark.parametrize("override", ["novalue", "=1", "a=[1"])
def test_a_bad_override_is_an_error(override: str) -> None:
    with pytest.raises(SettingsError):
        load([], [override])
