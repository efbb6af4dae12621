"""Which components this build has; exporters are found by their entry points."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points

from spanwarden.exporters.base import Factory

GROUP = "spanwarden.exporters"

RECEIVERS: Mapping[str, str] = {"otlp": "OTLP over gRPC and HTTP"}
PROCESSORS: Mapping[str, str] = {
    "runs": "Gathers the records of one agent run and knows when it is complete",
    "policy": "Holds complete runs against policies",
    "effects": "Tells what tool calls did to the world",
    "metadata": "Derives what conditions read: zones, classifications, approvals",
    "cost": "Estimates costs that nothing reported",
}
EXTENSIONS: Mapping[str, str] = {
    "health_check": "Liveness and readiness over HTTP",
    "bearertokenauth": "Checks bearer tokens for receivers",
    "basicauth": "Checks user names and passwords for receivers",
    "storage": "Keeps requests until every run in them is decided",
}


@functools.cache
def exporter_factories() -> Mapping[str, Factory]:
    """Return every installed exporter factory by type name, in order of name."""
    found: dict[str, Factory] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        factory = entry.load()
        if not isinstance(factory, Factory):
            raise TypeError(f"entry point {entry.name} of {GROUP} is not a Factory")
        found[entry.name] = factory
    return found
