"""Names and ids as windows keep them: short, and told apart by a hash where they were cut."""

from __future__ import annotations

import hashlib

from spanwarden.otlp import values

_MAX_LABEL = 200


def digest(*parts: object) -> str:
    """Return a short hash of the parts, equal for equal parts."""
    joined = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def short(told: str) -> str:
    """Return a name of at most a few hundred characters, equal for equal names."""
    return told if len(told) <= _MAX_LABEL else f"{told[:_MAX_LABEL]}…{digest(told)}"


def label(encoded: bytes | None) -> str | None:
    """Return a name or an id, `short`; None where it is missing, empty or withheld."""
    told = values.text(encoded)
    return None if told is None else short(told)


def mcp_name(server: str, tool: str) -> str:
    """Return the name under which coding agents offer a tool of an MCP server to their model."""
    return f"mcp__{_offered(server[:_MAX_LABEL])}__{_offered(tool[:_MAX_LABEL])}"


def _offered(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
