"""Command text to effects."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.density import too_dense
from spanwarden.effects.shell.lexer import commands_of
from spanwarden.effects.shell.programs import (
    archives,
    databases,
    files,
    packages,
    remote,
    searching,
    transfers,
    versions,
    windows,
    wrappers,
)
from spanwarden.effects.shell.programs.program import Program
from spanwarden.effects.shell.syntax import Syntax

MAX_COMMANDS = 2000
"""Simple commands read in one call, those inside other texts included."""

_PROGRAMS: dict[str, Program] = {
    **files.PROGRAMS,
    **archives.PROGRAMS,
    **searching.PROGRAMS,
    **transfers.PROGRAMS,
    **remote.PROGRAMS,
    **packages.PROGRAMS,
    **versions.PROGRAMS,
    **databases.PROGRAMS,
    **wrappers.PROGRAMS,
}


def read_text(text: str, context: Context) -> None:
    """Read a command text, whichever shell it is for, into a context."""
    if windows.looks_like_powershell(text):
        _read_powershell(text, context)
        return
    if too_dense(text):
        context.mark("unparsed")
        _read_plainly(text, context)
        return
    syntax = Syntax(text)
    for command in syntax.commands():
        run(command, context)
    if syntax.obfuscated:
        context.mark("obfuscated")
    if syntax.unparsed:
        context.mark("unparsed")
        _read_plainly(text, context)


def _read_powershell(text: str, context: Context) -> None:
    before = ""
    for command in commands_of(text, escape="`"):
        name = command.name.lower()
        if before in {"iex", "invoke-expression"} and name in windows.FETCHERS:
            context.mark("remote_code")
        if name:
            before = name if len(command.words) == 1 else ""
        run(command, context)
    windows.read_web_client(text, context)


def _read_plainly(text: str, context: Context) -> None:
    """Read text that is not quite bash: word by word, so that a stray bracket hides nothing."""
    for command in commands_of(text, escape="\\"):
        run(command, context)


def run(command: Command, context: Context) -> None:
    """Read one simple command into a context."""
    context.commands += 1
    if context.commands > MAX_COMMANDS:
        context.mark("unparsed")
        return
    for operator, target in command.redirects:
        _redirect(operator, target, context)
    if not command.words:
        return
    if context.downloaded and _runs_download(command, context):
        context.mark("remote_code")
    program = _PROGRAMS.get(command.name) or windows.PROGRAMS.get(command.name.lower())
    if program is not None:
        program(command, context)


def _runs_download(command: Command, context: Context) -> bool:
    """Tell whether a command is a file that an earlier one fetched, or an interpreter or loader given one."""
    words = command.words if wrappers.runs_file(command.words[0]) else command.words[:1]
    return any(word.removeprefix("./") in context.downloaded for word in words)


def _redirect(operator: str, target: str, context: Context) -> None:
    if operator in {"<", "<&"}:
        context.add("file_read", target)
    elif operator == "<>":
        context.add("file_read", target)
        context.add("file_write", target)
    else:
        context.add("file_write", target, "append" if operator.endswith(">>") else None)
