"""A complete service for a look around: free ports, short settle time, verdicts handed to the caller."""

from __future__ import annotations

import asyncio
import pathlib
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from importlib import resources
from types import TracebackType

from spanwarden.exporters.base import ExporterSettings, Notice, NoticeKind
from spanwarden.service import replay
from spanwarden.service.app import Endpoints, Service
from spanwarden.service.loading import check

_SETTINGS = {
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "localhost:0"}, "http": {"endpoint": "localhost:0"}}}},
    "processors": {"runs": {"settle": "1s", "idle_timeout": "5s"}},
    "exporters": {},
    "extensions": {"health_check": {"endpoint": "localhost:0"}, "storage": {"directory": None}},
    "service": {"telemetry": {"metrics": {"endpoint": "localhost:0"}, "logs": {"level": "warning"}}},
}


def recordings(folder: pathlib.Path | None = None) -> list[pathlib.Path]:
    """Return the recordings in a folder, or the built-in ones, in order of name."""
    if folder is None:
        installed = pathlib.Path(str(resources.files("spanwarden"))) / "examples"
        folder = installed if installed.is_dir() else pathlib.Path(__file__).parents[3] / "examples" / "runs"
    return sorted(folder.glob("*.jsonl"))


class Demonstration:
    """A running service, as a context manager. Raises StartError on entry if it cannot start."""

    endpoints: Endpoints

    def __init__(self) -> None:
        self._verdicts: queue.Queue[Notice] = queue.Queue()
        self._service = Service(check(_SETTINGS))
        self._service.outlets.add("demo", _Verdicts(self._verdicts), ExporterSettings(content="full"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo", daemon=True)

    def __enter__(self) -> Demonstration:
        """Start the service in a thread of its own."""
        self._thread.start()
        self.endpoints = asyncio.run_coroutine_threadsafe(self._service.start(), self._loop).result()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop it in order."""
        asyncio.run_coroutine_threadsafe(self._service.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def replay(self, recorded: Sequence[replay.Recorded]) -> Iterator[int]:
        """Send a recording to the service; yield the records of each request. Raises ReplayError."""
        return replay.replay(recorded, f"localhost:{self.endpoints.grpc}", time.time_ns(), time.sleep)

    def verdict(self, timeout: float) -> Notice | None:
        """Return the next verdict on a run, None if there is none within `timeout` seconds."""
        try:
            return self._verdicts.get(timeout=timeout)
        except queue.Empty:
            return None


class _Verdicts:
    """An exporter that hands evaluations to this process."""

    wants: frozenset[NoticeKind] = frozenset({"evaluation"})
    max_batch = 1

    def __init__(self, verdicts: queue.Queue[Notice]) -> None:
        self._verdicts = verdicts

    def deliver(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            self._verdicts.put(notice)

    def close(self) -> None:
        pass
