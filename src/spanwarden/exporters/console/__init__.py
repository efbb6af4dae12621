"""Findings as readable lines on standard output."""

from __future__ import annotations

from spanwarden.exporters.base import Exporter, Factory
from spanwarden.exporters.console.settings import ConsoleSettings


def _create(name: str, settings: ConsoleSettings) -> Exporter:
    from spanwarden.exporters.console.exporter import ConsoleExporter

    return ConsoleExporter(name, settings)


FACTORY = Factory(
    name="console",
    settings=ConsoleSettings,
    create=_create,
    description="Prints one line a finding, in colour on a terminal.",
)
