"""Prints notices."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from spanwarden.exporters.base import Notice, NoticeKind, RefusedError, RetryableError
from spanwarden.exporters.console.lines import finding_line, run_line
from spanwarden.exporters.console.settings import ConsoleSettings
from spanwarden.exporters.redaction import presentable


class ConsoleExporter:
    """Writes to `stream`, standard output unless another is given, in colour where it is a terminal.

    Once the reader of the stream has gone away every delivery is refused; nothing else happens.
    """

    max_batch = 100

    def __init__(self, name: str, settings: ConsoleSettings, stream: TextIO | None = None) -> None:
        self._name = name
        self._settings = settings
        self._stream = stream if stream is not None else sys.stdout
        self._gone = False
        # rich only renders: its own writing ends the process when the pipe is broken.
        self._console = Console(file=io.StringIO(), force_terminal=self._stream.isatty(), highlight=False, markup=False)
        kinds: frozenset[NoticeKind] = frozenset({"finding", "evaluation"})
        self.wants: frozenset[NoticeKind] = kinds if settings.verbosity == "runs" else frozenset({"finding"})

    def __repr__(self) -> str:
        return f"ConsoleExporter({self._name!r})"

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Print one line a finding, and one a run where asked for. Raises RefusedError if nobody reads any more."""
        if self._gone:
            raise RefusedError("standard output is closed")
        lines: list[Text] = []
        for notice in notices:
            shown = presentable(notice, self._settings.content)
            if shown.kind == "evaluation":
                lines.append(run_line(shown))
            else:
                lines.extend(finding_line(shown, finding) for finding in shown.findings)
        self._write("".join(self._rendered(line) for line in lines))

    def close(self) -> None:
        """Do nothing: the stream belongs to the process."""

    def _rendered(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, soft_wrap=True)
        return capture.get()

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (BrokenPipeError, ValueError):  # ValueError: the file object was closed
            self._gone = True
            self._discard()
            raise RefusedError("standard output is closed") from None
        except OSError as error:
            raise RetryableError(f"standard output: {error.strerror or error}") from None

    def _discard(self) -> None:
        """Point the broken descriptor at nothing, or the interpreter fails to flush it when it ends."""
        try:
            descriptor = self._stream.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
        except (OSError, ValueError):
            return
        os.dup2(nothing, descriptor)
        os.close(nothing)
