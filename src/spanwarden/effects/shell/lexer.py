"""Simple commands from text that no grammar takes: PowerShell, cmd.exe, and bash with a mistake in it."""

from __future__ import annotations

from collections.abc import Iterator

from spanwarden.effects.limits import MAX_TEXT
from spanwarden.effects.shell.command import Command, Redirect

_SEPARATORS = frozenset(";\n&(){}`")
_MAX_WORDS = 4096


def commands_of(text: str, *, escape: str) -> Iterator[Command]:
    """Yield simple commands, split at separators outside quotes. `escape` is the character that quotes the next one.

    Substitutions are not nested but cut: `$(a b)` becomes a command of its own.
    """
    separators = _SEPARATORS - {escape}
    stages: list[Command] = []
    words: list[str] = []
    redirects: list[Redirect] = []
    for piece, quoted in _pieces(text[:MAX_TEXT], escape, separators):
        if not quoted and (piece == "|" or piece in separators):
            if words or redirects:
                command = _command(words, redirects, stages)
                stages = [*stages[-7:], command] if piece == "|" else []
                yield command
            elif piece != "|":
                stages = []
            words, redirects = [], []
        elif not quoted and piece and piece.strip("<>") == "":
            redirects.append(Redirect(piece[:2] if piece[:1] == ">" else piece[:1], ""))
        elif redirects and not redirects[-1].target:
            redirects[-1] = Redirect(redirects[-1].operator, piece)
        elif len(words) < _MAX_WORDS:
            words.append(piece)
    if words or redirects:
        yield _command(words, redirects, stages)


def _command(words: list[str], redirects: list[Redirect], stages: list[Command]) -> Command:
    while words and words[0] in {"!", "if", "then", "else", "do", "while", "until", "elif", "fi", "done", "esac"}:
        words = words[1:]
    return Command(words, tuple(r for r in redirects if r.target and not r.target.isdigit()), None, tuple(stages))


def _pieces(text: str, escape: str, separators: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Yield words and operators; the flag tells that quotes were part of the word."""
    word: list[str] = []
    quoted = False
    at, end = 0, len(text)
    while at < end:
        character = text[at]
        if character == escape and at + 1 < end:
            if text[at + 1] != "\n":
                word.append(text[at + 1])
            at += 2
        elif character in "\"'":
            close = _closing(text, at, escape)
            word.append(text[at + 1 : close].replace(escape + '"', '"'))
            quoted = True
            at = close + 1
        elif character.isspace() or character in separators or character in "|<>":
            text_so_far = "".join(word)
            if character == "(":
                text_so_far = text_so_far.removesuffix("$")
            descriptor = character in "<>" and not quoted and len(word) <= 2 and text_so_far.isdigit()
            if quoted or (text_so_far and not descriptor):
                yield text_so_far, quoted
            word, quoted = [], False
            if character in "<>" and text[at + 1 : at + 2] == character:
                yield character * 2, False
                at += 2
                continue
            if not character.isspace() or character == "\n":
                yield character, False
            at += 1
        else:
            word.append(character)
            at += 1
    if word or quoted:
        yield "".join(word), quoted


def _closing(text: str, at: int, escape: str) -> int:
    """Return where the quote opened at `at` ends; the end of the text where it never does."""
    quote = text[at]
    place = at + 1
    while place < len(text):
        if quote == '"' and text[place] == escape:
            place += 2
            continue
        if text[place] == quote:
            return place
        place += 1
    return len(text)
