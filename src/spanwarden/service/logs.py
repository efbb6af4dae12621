"""The service's own log: one line a record on stderr, for people or for machines."""

from __future__ import annotations

import logging
import sys
import time

import msgspec

_FORMAT = "%(asctime)s %(levelname)s {}%(name)s: %(message)s"


class _Line(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class _Json(_Line):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            **self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields).decode()


def configure(level: str, encoding: str = "console", process: str = "") -> None:
    """Send log records of this level and above to stderr, as text ("console") or one JSON object a line ("json").

    process: named in every line, where the service is several.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Json(process) if encoding == "json" else _Line(_FORMAT.format(f"{process} " if process else ""))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("urllib3", "asyncio", "grpc"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
