"""OTLP files read as runs."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator

from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.model.run import Contents, Run
from spanwarden.otlp import files
from spanwarden.otlp.requests import decode
from spanwarden.otlp.splitting import Split, split
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.transcripts.tables import DEFAULT_TABLES, Tables

_UNHURRIED = WindowSettings(max_run_size=1 << 30, max_size=1 << 31)


def read_otlp(paths: Iterable[pathlib.Path], tables: Tables = DEFAULT_TABLES) -> Iterator[tuple[Run, Contents]]:
    """Yield the runs in OTLP files and folders, read as one stream, in order of their first event.

    Every run is closed at the end of the stream. Raises FileError for a file that is no OTLP, OSError if one cannot
    be read.
    """
    requests: list[files.FileRequest] = []
    windows = Windows(_UNHURRIED, tables.prices)
    for path in paths:
        for request in files.read(path):
            windows.add(observe(decode(request.signal, request.body), len(requests), tables.tools), 0.0)
            requests.append(request)

    def fetch(position: int) -> Split:
        request = requests[position]
        return split(request.signal, request.body)

    reader = ContentReader(fetch)
    for run in sorted((decision.run for decision in windows.close(0.0)), key=_first_event):
        yield run, EventContents(run.events, reader)


def _first_event(run: Run) -> tuple[bool, int, str]:
    first = next((event.start for event in run.events if event.start), 0)
    return not first, first, run.id
