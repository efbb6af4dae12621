"""Show that a secret was there without showing the secret."""

from __future__ import annotations


def masked(value: str) -> str:
    """Return a form that may be stored: at most the first four and last two characters, and the length."""
    line = "".join(value.split())
    if len(line) < 12:
        return f"{line[:1]}… ({len(line)} characters)"
    shown = 4 if len(line) >= 20 else 2
    tail = line[-2:] if len(line) >= 20 else ""
    return f"{line[:shown]}…{tail} ({len(line)} characters)"
