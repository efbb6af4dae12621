"""Settings of the console exporter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spanwarden.exporters.base import ExporterSettings


class ConsoleSettings(ExporterSettings):
    """What to print."""

    verbosity: Literal["findings", "runs"] = Field(
        "findings", description="Print only findings, or also one line for every run that was evaluated."
    )
