"""Programs that look for files or inside many files."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each

_GREP_VALUES = {"--regexp", "--file", "--max-count", "--context", "--after-context", "--before-context"}
_FIND_LEADING = frozenset({"-H", "-L", "-P"})
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_FIND_WRITES = frozenset({"-fprint", "-fprintf", "-fls", "-fprint0"})


def _grep(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "efmABCdD", _GREP_VALUES)
    given = arguments.has("-e", "--regexp", "-f", "--file")
    files = arguments.rest if given else arguments.rest[1:]
    on_each(context, "file_read", arguments.values("-f", "--file"))
    if command.name == "rgrep" or arguments.has("-r", "-R", "--recursive", "--dereference-recursive"):
        on_each(context, "file_search", files)
        if not files:
            context.add("file_search")
        return
    on_each(context, "file_read", files)


def _ripgrep(command: Command, context: Context) -> None:
    words = command.words[1:]
    arguments = split(
        words, "efgtTmABCMjr", {*_GREP_VALUES, "--glob", "--type", "--type-not", "--max-depth", "--iglob"}
    )
    lists = arguments.has("--files", "-e", "--regexp", "-f", "--file")
    places = arguments.rest if lists else arguments.rest[1:]
    on_each(context, "file_search", places)
    if not places and not command.upstream:
        context.add("file_search")


def _find(command: Command, context: Context) -> None:
    words = command.words[1:]
    at = 0
    while at < len(words) and words[at] in _FIND_LEADING:
        at += 1
    places: list[str] = []
    while at < len(words) and not words[at].startswith(("-", "(", "!")):
        places.append(words[at])
        at += 1
    on_each(context, "file_search", places)
    if not places:
        context.add("file_search")
    deletes = False
    while at < len(words):
        word = words[at]
        at += 1
        if word == "-delete":
            deletes = True
        elif word in _FIND_WRITES:
            on_each(context, "file_write", words[at : at + 1])
        elif word in _FIND_RUNS:
            end = next((index for index in range(at, len(words)) if words[index] in {";", "+"}), len(words))
            context.inner(words[at:end], command)
            at = end
    if deletes:
        on_each(context, "file_write", places, "delete")
        if not places:
            context.add("file_write", None, "delete")


def _list(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "ILPwTo", {"--ignore", "--hide", "--sort", "--time", "--level"})
    on_each(context, "file_search", arguments.rest)
    if not arguments.rest:
        context.add("file_search")


def _fd(command: Command, context: Context) -> None:
    words = command.words[1:]
    for mark in ("-x", "-X", "--exec", "--exec-batch"):
        if mark in words:
            context.inner(words[words.index(mark) + 1 :], command)
            words = words[: words.index(mark)]
    arguments = split(words, "eEtdSocj", {"--extension", "--exclude", "--type", "--max-depth", "--size"})
    on_each(context, "file_search", arguments.rest[1:])
    if not arguments.rest[1:]:
        context.add("file_search")


def _locate(_command: Command, context: Context) -> None:
    context.add("file_search")


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(("grep", "egrep", "fgrep", "zgrep", "rgrep", "ggrep"), _grep),
    **dict.fromkeys(("rg", "ag", "ack", "ugrep"), _ripgrep),
    **dict.fromkeys(("ls", "tree", "dir", "exa", "eza", "lsd", "vdir", "du", "ll"), _list),
    **dict.fromkeys(("fd", "fdfind"), _fd),
    **dict.fromkeys(("locate", "mlocate", "plocate", "mdfind"), _locate),
    "find": _find,
    "gfind": _find,
}
