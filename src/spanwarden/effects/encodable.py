"""Text that can be written out again."""

from __future__ import annotations


def encodable(text: str) -> str:
    """Return a text with lone surrogates, which no UTF-8 holds, replaced by question marks."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
