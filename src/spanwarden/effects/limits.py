"""How much of a hostile tool call is looked at. Work and memory are linear in these numbers."""

from __future__ import annotations

MAX_TEXT = 64 * 1024
"""Characters of a command, a query or a patch that are read; the rest is cut and the effect says "truncated"."""

MAX_TARGET = 8 * 1024
"""Characters of any other target: a path, a URL, an address."""

MAX_JSON = 4 * 1024 * 1024
"""Characters of arguments that are decoded as JSON; longer text stays text."""

MAX_REPR = 32 * 1024
"""Characters of arguments that are read as a Python literal."""

MAX_NESTING = 40
"""Brackets inside brackets of a Python literal, and wrappers inside wrappers."""

MAX_EFFECTS = 64
"""Effects of one call."""

MAX_VALUES = 32
"""Values taken from one list argument (recipients, paths)."""

MAX_NAME = 200
"""Characters of a tool's or server's name that are classified."""
