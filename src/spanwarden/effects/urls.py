"""URLs inside text."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from spanwarden.effects.encodable import encodable
from spanwarden.effects.limits import MAX_TEXT

_SCHEMES = frozenset(
    ("http", "https", "ftp", "ftps", "ws", "wss", "s3", "gs", "ssh", "git", "file", "gopher", "dict", "ldap", "ldaps")
)
_LONGEST = max(map(len, _SCHEMES))
_NEVER_INSIDE = " \t\n\f\r\"'`<>|\\^{}"
_URL = re2.compile(rf"(?i)\b(?:{'|'.join(sorted(_SCHEMES))})://[^{re2.escape(_NEVER_INSIDE)}]+")
_APART = "".join(" " if character in _NEVER_INSIDE else character for character in map(chr, range(128)))
_TRAILING = ".,;:!?)]"


def urls_in(text: str, limit: int = 16) -> list[str]:
    """Return the URLs written in a text, in order, without the punctuation of the sentence around them."""
    if "://" not in text:
        return []
    text = encodable(text[:MAX_TEXT])
    found: list[str] = []
    # A match costs RE2 several microseconds, most of them for places in text that may not be ASCII.
    for written in _in_ascii(text) if text.isascii() else (match.group() for match in _URL.finditer(text)):
        url = written.rstrip(_TRAILING)
        if url not in found:
            found.append(url)
        if len(found) >= limit:
            break
    return found


def _in_ascii(text: str) -> Iterator[str]:
    """Yield what `_URL` matches: it goes on to the next character that no URL has inside, so one piece has one URL."""
    for piece in text.translate(_APART).split(" "):
        mark = piece.find("://")
        while 0 <= mark < len(piece) - 3:
            start = mark
            while start and mark - start <= _LONGEST and (piece[start - 1].isalnum() or piece[start - 1] == "_"):
                start -= 1
            if piece[start:mark].lower() in _SCHEMES:
                yield piece[start:]
                break
            mark = piece.find("://", mark + 1)


def is_url(text: str) -> bool:
    """Tell whether a text is one URL with a scheme."""
    head, mark, rest = text.partition("://")
    return bool(mark and rest) and head.isalnum() and not any(character.isspace() for character in text)
