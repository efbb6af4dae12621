"""What the operating system says of this process, under the Collector's metric names."""

from __future__ import annotations

import pathlib
import resource
import sys

from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry


def watch_process(telemetry: Telemetry, clock: Clock) -> None:
    """Register the otelcol_process_* gauges."""
    started = clock.monotonic()
    telemetry.gauge("otelcol_process_uptime", lambda: clock.monotonic() - started)
    telemetry.gauge("otelcol_process_cpu_seconds", _cpu_seconds)
    telemetry.gauge("otelcol_process_memory_rss", _resident_bytes)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_bytes() -> float:
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)
    return float(pages * resource.getpagesize())
