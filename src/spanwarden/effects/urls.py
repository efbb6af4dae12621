"""URLs inside text."""

from __future__ import annotations

import re2

from spanwarden.effects.encodable import encodable
from spanwarden.effects.limits import MAX_TEXT

_URL = re2.compile(r"""(?i)\b(?:https?|ftps?|wss?|s3|gs|ssh|git|file|gopher|dict|ldaps?)://[^\s"'`<>|\\^{}]+""")
_TRAILING = ".,;:!?)]"


def urls_in(text: str, limit: int = 16) -> list[str]:
    """Return the URLs written in a text, in order, without the punctuation of the sentence around them."""
    if "://" not in text:
        return []
    found: list[str] = []
    for match in _URL.finditer(encodable(text[:MAX_TEXT])):
        url = match.group().rstrip(_TRAILING)
        if url not in found:
            found.append(url)
        if len(found) >= limit:
            break
    return found


def is_url(text: str) -> bool:
    """Tell whether a text is one URL with a scheme."""
    head, mark, rest = text.partition("://")
    return bool(mark and rest) and head.isalnum() and not any(character.isspace() for character in text)
