"""Archives and compression."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each


def _tar(command: Command, context: Context) -> None:
    words = command.words[1:]
    if words and not words[0].startswith("-"):
        words = ["-" + words[0], *words[1:]]  # the old style: `tar xzf file`
    arguments = split(words, "fCTXbgHIKLNV", {"--file", "--directory", "--exclude", "--files-from"})
    archives = arguments.values("-f", "--file")
    folder = next(iter(arguments.values("-C", "--directory")), None)
    if arguments.has("-c", "-r", "-u", "--create", "--append", "--update"):
        on_each(context, "file_read", arguments.rest)
        on_each(context, "file_write", archives)
    else:
        on_each(context, "file_read", archives)
        if arguments.has("-x", "--extract", "--get"):
            context.add("file_write", folder)


def _zip(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "bnPtx", {"--password", "--exclude"})
    on_each(context, "file_write", arguments.rest[:1])
    on_each(context, "file_read", arguments.rest[1:])


def _unzip(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "dPx")
    on_each(context, "file_read", arguments.rest[:1])
    if not arguments.has("-l", "-t", "-p", "-Z"):
        context.add("file_write", next(iter(arguments.values("-d")), None))


def _seven(command: Command, context: Context) -> None:
    rest = split(command.words[1:]).rest
    if rest[:1] == ["a"]:
        on_each(context, "file_write", rest[1:2])
        on_each(context, "file_read", rest[2:])
    else:
        on_each(context, "file_read", rest[1:2])


def _compress(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "SbT")
    on_each(context, "file_read", arguments.rest)
    if not arguments.has("-c", "--stdout", "-l", "-t"):
        on_each(context, "file_write", arguments.rest)


PROGRAMS: dict[str, Program] = {
    "tar": _tar,
    "bsdtar": _tar,
    "zip": _zip,
    "unzip": _unzip,
    **dict.fromkeys(("7z", "7za", "7zz"), _seven),
    **dict.fromkeys(("gzip", "bzip2", "xz", "zstd", "gunzip", "bunzip2", "unxz"), _compress),
}
