"""Findings as OTLP log records, evaluations as OTLP spans, telemetry as it came, over gRPC or HTTP."""

from __future__ import annotations

from spanwarden.exporters.base import Exporter, Factory, Forwarder
from spanwarden.exporters.otlp.settings import OtlpSettings


def _create(name: str, settings: OtlpSettings) -> Exporter:
    from spanwarden.exporters.otlp.exporter import OtlpExporter

    return OtlpExporter(name, settings)


def _create_forwarder(name: str, settings: OtlpSettings) -> Forwarder:
    from spanwarden.exporters.otlp.forwarder import OtlpForwarder

    return OtlpForwarder(name, settings)


FACTORY = Factory(
    name="otlp",
    settings=OtlpSettings,
    create=_create,
    description="Sends findings as gen_ai.evaluation.result log records and evaluated runs as spans; "
    "forwards received telemetry unchanged.",
    create_forwarder=_create_forwarder,
)
