"""A command as a tool was given it: text, or a list of words."""

from __future__ import annotations

import shlex
from functools import lru_cache
from typing import Any

from spanwarden.effects.encodable import encodable
from spanwarden.effects.limits import MAX_TEXT
from spanwarden.effects.shell.command import Command, program_name
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.programs.wrappers import runs_text
from spanwarden.effects.shell.reading import read_text, run
from spanwarden.model.event import Effect

_MAX_WORDS = 512
_MAX_REMEMBERED = 256


def shell_effects(command: Any) -> list[Effect]:
    """Return the effects of a command: `shell` first, once for each detail it has, then what the command does.

    command: text in any shell's language; or a list of words, whose `shell` target is the text that a shell in it was
    given (`["bash", "-lc", TEXT]`) or the words joined; None or anything else where telemetry has no command.
    """
    if isinstance(command, str) and len(command) <= _MAX_REMEMBERED:
        return list(_of_short_text(command))
    return _read(command)


@lru_cache(maxsize=2048)
def _of_short_text(command: str) -> tuple[Effect, ...]:
    """Remember what short commands do: agents run the same few again and again."""
    return tuple(_read(command))


def _read(command: Any) -> list[Effect]:
    context = Context(read_text, run)
    if isinstance(command, (list, tuple)):
        words = [word for word in command[:_MAX_WORDS] if isinstance(word, str)]
        text = _text_of(words)
    else:
        words, text = [], command if isinstance(command, str) else ""
    if not text.strip():
        return [Effect("shell", text or None)]
    cut = encodable(text[:MAX_TEXT])
    if len(text) > MAX_TEXT:
        context.mark("truncated")
    if words:
        run(Command([encodable(word[:MAX_TEXT]) for word in words]), context)
    else:
        read_text(cut, context)
    return [*(Effect("shell", cut, mark) for mark in context.marks or (None,)), *context.effects]


def _text_of(words: list[str]) -> str:
    """Return the command that a list of words stands for."""
    if len(words) >= 3 and runs_text(words[0]) and words[-2].startswith("-") and "c" in words[-2]:
        return words[-1]
    if len(words) >= 3 and program_name(words[0]).lower() in {"powershell", "pwsh", "cmd"}:
        return words[-1]
    return words[0] if len(words) == 1 else shlex.join(words)
