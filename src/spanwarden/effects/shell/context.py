"""What is gathered while a command text is read."""

from __future__ import annotations

from typing import Protocol

from spanwarden.effects.limits import MAX_EFFECTS
from spanwarden.effects.shell.command import Command
from spanwarden.model.event import Effect, EffectKind

_NO_FILE = frozenset(
    ("-", "", "/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/tty", "/dev/zero", "/dev/urandom")
)
MAX_DEPTH = 6
"""Command texts inside command texts (`bash -c "bash -c …"`)."""


class ReadText(Protocol):
    """Reads one more command text into a context."""

    def __call__(self, text: str, context: Context, /) -> None:
        """Read `text`."""
        ...


class Context:
    """Effects found, and the marks that the `shell` effect will carry. Full means that further effects are dropped."""

    __slots__ = ("_read_text", "commands", "depth", "downloaded", "effects", "marks", "run")

    def __init__(self, read_text: ReadText, run: RunCommand) -> None:
        self.effects: dict[Effect, None] = {}
        self.marks: dict[str, None] = {}
        self.downloaded: set[str] = set()
        self.depth = 0
        self.commands = 0
        self._read_text = read_text
        self.run = run

    def add(self, kind: EffectKind, target: str | None = None, detail: str | None = None) -> None:
        """Add an effect; a file that is no file (`-`, `/dev/null`) is left out, `/dev/tcp` is a connection."""
        if target == "{}":  # find and xargs put a name here that the text does not tell
            target = None
        if target is not None and kind in {"file_read", "file_write"}:
            if target in _NO_FILE or target.startswith(("/dev/fd/", "<(", ">(")):
                return
            if target.startswith(("/dev/tcp/", "/dev/udp/")):
                kind, target, detail = "network_send", target[9:].replace("/", ":", 1), None
        if len(self.effects) < MAX_EFFECTS:
            self.effects[Effect(kind, target or None, detail)] = None

    def mark(self, detail: str) -> None:
        """Give the `shell` effect a detail."""
        self.marks[detail] = None

    def read(self, text: str) -> None:
        """Read the text of a command inside this one; deeper than MAX_DEPTH it is marked "unparsed"."""
        if self.depth >= MAX_DEPTH:
            self.mark("unparsed")
            return
        self.depth += 1
        self._read_text(text, self)
        self.depth -= 1

    def inner(self, words: list[str], outer: Command) -> None:
        """Run the command that a wrapper (`sudo`, `env`) was given, in the wrapper's place."""
        if not words:
            return
        if self.depth >= MAX_DEPTH * 4:
            self.mark("unparsed")
            return
        self.depth += 1
        self.run(Command(words, (), outer.stdin, outer.upstream, outer.runs), self)
        self.depth -= 1


class RunCommand(Protocol):
    """Reads one simple command into a context."""

    def __call__(self, command: Command, context: Context, /) -> None:
        """Read `command`."""
        ...
