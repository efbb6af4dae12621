"""Findings as OTLP log records and evaluations as OTLP spans, over gRPC or HTTP."""

from __future__ import annotations

from spanwarden.exporters.base import Exporter, Factory
from spanwarden.exporters.otlp.settings import OtlpSettings


def _create(name: str, settings: OtlpSettings) -> Exporter:
    from spanwarden.exporters.otlp.exporter import OtlpExporter

    return OtlpExporter(name, settings)


FACTORY = Factory(
    name="otlp",
    settings=OtlpSettings,
    create=_create,
    description="Sends findings as gen_ai.evaluation.result log records and evaluated runs as spans.",
)
