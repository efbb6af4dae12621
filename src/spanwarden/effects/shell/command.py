"""A simple command after quoting and expansion, whatever language it was written in."""

from __future__ import annotations

from typing import NamedTuple


class Redirect(NamedTuple):
    """A redirection: its operator without the descriptor (`>`, `>>`, `<`, `<>`, `&>`, `>|`), and where it goes."""

    operator: str
    target: str


class Command:
    """One simple command.

    words: name and arguments, quotes removed, known variables put in; what is not known stays as written.
    stdin: the text of its here-document or here-string, None without one. upstream: the earlier stages of its
    pipeline. runs: names of the programs that substitutions inside its words run (`"$(curl …)"`).
    """

    __slots__ = ("redirects", "runs", "stdin", "upstream", "words")

    def __init__(
        self,
        words: list[str],
        redirects: tuple[Redirect, ...] = (),
        stdin: str | None = None,
        upstream: tuple[Command, ...] = (),
        runs: frozenset[str] = frozenset(),
    ) -> None:
        self.words = words
        self.redirects = redirects
        self.stdin = stdin
        self.upstream = upstream
        self.runs = runs

    @property
    def name(self) -> str:
        """The program's name without its folder, in the case it was written; "" for a bare redirection."""
        return program_name(self.words[0]) if self.words else ""


def program_name(word: str) -> str:
    """Return the last part of a program's path, without `.exe`."""
    name = word.replace("\\", "/").rpartition("/")[2]
    return name[:-4] if name.lower().endswith(".exe") else name
