"""Attribute values that hold JSON text whatever they mean: objects, but also plain words in quotes."""

from __future__ import annotations

from typing import Any

import msgspec

_STARTS = frozenset('{["')


def decoded(value: Any) -> Any:
    """Return what JSON text holds, a string in quotes included; any other value as it is. Never raises."""
    if not isinstance(value, str) or value.lstrip()[:1] not in _STARTS:
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return value


def structured(value: Any) -> Any:
    """Return what JSON text holds, also where it was encoded twice: a JSON string whose words are an object."""
    once = decoded(value)
    return decoded(once) if isinstance(once, str) and once is not value and once.lstrip()[:1] in {"{", "["} else once


def text_in(value: Any) -> str | None:
    """Return the words that a value holds after decoding, None where it holds none."""
    inner = decoded(value)
    return inner if isinstance(inner, str) and inner else None
