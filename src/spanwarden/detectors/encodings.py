"""The spellings under which a value may travel: as it is, base64, hex, URL-escaped, reversed."""

from __future__ import annotations

import base64
from urllib.parse import quote


def spellings(value: str) -> list[tuple[str, str]]:
    """Return (name of the encoding, the value in it), each once, the plain value first.

    Base64 inside a longer text depends on where it starts; the three alignments are given without their uncertain
    first and last characters, so that each may be looked for as a part.
    """
    data = value.encode("utf-8", "replace")
    found = {value: "plain"}
    for shift in range(3):
        encoded = base64.b64encode(b"\x00" * shift + data).decode("ascii")
        core = encoded[(0, 2, 3)[shift] :].rstrip("=")
        core = core[: len(core) - ((len(data) + shift) % 3 != 0)]
        if len(core) >= 8:
            found.setdefault(core, "base64")
            found.setdefault(core.replace("+", "-").replace("/", "_"), "base64")
    found.setdefault(data.hex(), "hex")
    found.setdefault(data.hex().upper(), "hex")
    found.setdefault(quote(value, safe=""), "url")
    if len(value) >= 8:
        found.setdefault(value[::-1], "reversed")
    return [(name, spelling) for spelling, name in found.items()]


def spelled_in(value: str, text: str) -> str | None:
    """Return the name of the encoding in which `text` contains `value`, None where it does in none of them."""
    return next((name for name, spelling in spellings(value) if spelling in text), None)
