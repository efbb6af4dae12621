"""Text from traces made safe to show: one line, no control characters, of bounded length."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that steer a terminal or a log viewer, reorder text, or do not print at all."""


def one_line(text: str, limit: int = 300) -> str:
    r"""Return `text` on one line of at most `limit` characters, ending in "…" where cut.

    Characters that could steer a terminal are spelled out (ESC becomes `\x1b`), white space becomes a single blank.
    """
    shown: list[str] = []
    length = 0
    for word in text[: 4 * limit].split():
        piece = "".join(map(_visible, word))
        shown.append(piece)
        length += len(piece) + 1
        if length > limit + 1:
            break
    line = " ".join(shown)
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def _visible(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else f"\\x{ord(character):02x}"
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"
