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
    """Yield what `_URL` matches: a scheme that no word runs into, and all up to what no URL has inside."""
    text = text.translate(_APART)
    mark = text.find("://")
    while mark >= 0:
        start, after = mark, mark + 3
        while start and mark - start <= _LONGEST and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        if text[start:mark].lower() in _SCHEMES and text[after : after + 1] not in {"", " "}:
            end = text.find(" ", after)
            yield text[start:end] if end >= 0 else text[start:]
            mark = text.find("://", end) if end >= 0 else -1
        else:
            mark = text.find("://", mark + 1)


def is_url(text: str) -> bool:
    """Tell whether a text is one URL with a scheme."""
    head, mark, rest = text.partition("://")
    return bool(mark and rest) and head.isalnum() and not any(character.isspace() for character in text)
