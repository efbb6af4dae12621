"""Take the texts out of arguments and results: bounded, without recursion, each with the name of its place."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

import msgspec

MAX_TEXT = 64 * 1024
"""Characters of one text that are looked at; of a longer one, its head and its tail."""
MAX_LEAVES = 2_000
"""Texts taken out of one value."""
_TAIL = 16 * 1024
_MAX_OPENED = 1024 * 1024
_BRACKETS = ("{", "[")
_OPENING = frozenset("{[ \t\r\n")
"""What JSON text of an object or array can begin with."""
_ARRAYS, _NUMBERS = (list, tuple), (int, float)


class Leaf(NamedTuple):
    """One text inside a value. `field` names its place ("result", "arguments.to[0]")."""

    field: str
    text: str


def leaves(value: Any, field: str) -> list[Leaf]:
    """Return the texts and numbers inside a JSON value, in document order, at most MAX_LEAVES of them.

    Text that is itself a JSON object or array is opened. Mapping keys are not texts; True, False and None are left out.
    """
    found: list[Leaf] = []
    pending: list[tuple[str, Any]] = [(field, value)]
    while pending and len(found) < MAX_LEAVES:
        place, item = pending.pop()
        if isinstance(item, str):
            if not item:
                continue
            opened = _opened(item) if item[0] in _OPENING else None
            if opened is None:
                found.append(Leaf(place, item))
                continue
            item = opened
        if isinstance(item, dict):
            pairs = item.items() if len(item) <= MAX_LEAVES else islice(item.items(), MAX_LEAVES)
            pending += [(f"{place}.{str(key)[:64]}", child) for key, child in pairs if child is not None][::-1]
        elif isinstance(item, _ARRAYS):
            pending += [(f"{place}[{index}]", child) for index, child in enumerate(item[:MAX_LEAVES])][::-1]
        elif isinstance(item, _NUMBERS) and item is not True and item is not False:
            found.append(Leaf(place, _number(item)))
    return found


def pieces(text: str, limit: int = MAX_TEXT) -> tuple[tuple[int, str], ...]:
    """Return the parts of a text to look at, each with its offset: all of it, or head and tail of a long one."""
    if len(text) <= limit:
        return ((0, text),)
    tail = min(_TAIL, limit // 4)
    return ((0, text[: limit - tail]), (len(text) - tail, text[-tail:]))


def excerpt(text: str, limit: int = 160) -> str:
    """Return the text on one line, cut to `limit` characters."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _opened(text: str) -> Any:
    if text.lstrip()[:1] not in _BRACKETS or len(text) > _MAX_OPENED:
        return None
    try:
        value = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of more digits than Python prints
        return ""
