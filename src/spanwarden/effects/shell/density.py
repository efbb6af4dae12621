"""A guard before the parser: its error recovery grows with the square of rows of operators."""

from __future__ import annotations

from spanwarden.effects.limits import MAX_TEXT

MAX_OPERATORS = 400
"""Operators of one sort outside quotes and here-documents that the parser is given."""

_OPERATORS = "|<([{"


def too_dense(text: str) -> bool:
    """Tell whether a text has so many operators of one sort that parsing it could take long.

    Quoted text and here-documents do not count: programs and tables written there are no risk.
    """
    if all(text.count(operator) <= MAX_OPERATORS for operator in _OPERATORS):
        return False
    counts = dict.fromkeys(_OPERATORS, 0)
    for character in _outside_quotes(text[:MAX_TEXT]):
        counts[character] += 1
    return max(counts.values()) > MAX_OPERATORS


def _outside_quotes(text: str) -> list[str]:
    found: list[str] = []
    at, end = 0, len(text)
    while at < end:
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "'":
            at = _after(text, "'", at + 1)
            continue
        elif character == '"':
            at = _after_double_quote(text, at + 1)
            continue
        elif text.startswith("<<", at) and text[at + 2 : at + 3] not in {"<", ""}:
            found.append("<")
            at = _after_heredoc(text, at + 2)
            continue
        elif character in _OPERATORS:
            found.append(character)
        at += 1
    return found


def _after(text: str, mark: str, at: int) -> int:
    place = text.find(mark, at)
    return len(text) if place < 0 else place + 1


def _after_double_quote(text: str, at: int) -> int:
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _after_heredoc(text: str, at: int) -> int:
    """Return where the here-document whose word begins at `at` ends; `at` itself where it never does."""
    line_end = text.find("\n", at)
    if line_end < 0:
        return at
    words = text[at:line_end].lstrip("- \t").split(maxsplit=1)
    mark = words[0].strip("'\";|&)") if words else ""
    if not mark:
        return at
    place = text.find("\n" + mark, line_end)
    return at if place < 0 else place + 1 + len(mark)
