"""Reading a command's options without its manual: which letters and long names take a value."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple


class Arguments(NamedTuple):
    """A command's words, taken apart: options in order with their values, and what is left."""

    options: list[tuple[str, str | None]]
    rest: list[str]

    def values(self, *names: str) -> list[str]:
        """Return the values of these options, in order."""
        return [value for name, value in self.options if name in names and value is not None]

    def has(self, *names: str) -> bool:
        """Tell whether any of these options is given."""
        return any(name in names for name, _ in self.options)


def listed(names: str) -> frozenset[str]:
    """Return the set of names written in a text with blanks between them."""
    return frozenset(names.split())


def split(
    words: Sequence[str],
    letters: str = "",
    long: Container[str] = (),
    *,
    posix: bool = False,
    single_dash: bool = False,
) -> Arguments:
    """Take arguments apart.

    letters: short options that take a value (`-ofile`, `-o file`, also at the end of a cluster). long: long options
    that take a value (`--output file`; `--output=file` is always understood). posix: options end at the first
    argument that is none (as for `env`, `sudo`). single_dash: long options have one dash (`-exec`, `-Uri`).
    """
    options: list[tuple[str, str | None]] = []
    rest: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            rest.extend(words[index:])
            break
        if len(word) < 2 or word[0] != "-":
            rest.append(word)
            if posix:
                rest.extend(words[index:])
                break
            continue
        if word.startswith("--") or single_dash:
            name, mark, value = word.partition("=")
            if mark:
                options.append((name, value))
            elif name in long and index < len(words):
                options.append((name, words[index]))
                index += 1
            else:
                options.append((name, None))
            continue
        for at, letter in enumerate(word[1:], start=2):
            if letter in letters:
                attached = word[at:]
                if attached:
                    options.append(("-" + letter, attached))
                elif index < len(words):
                    options.append(("-" + letter, words[index]))
                    index += 1
                break
            options.append(("-" + letter, None))
    return Arguments(options, rest)
