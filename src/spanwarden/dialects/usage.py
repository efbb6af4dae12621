"""Token counts, brought to one meaning: input includes cached tokens, output includes reasoning tokens."""

from __future__ import annotations

from collections.abc import Mapping

from spanwarden.model.event import Usage
from spanwarden.otlp import values


def read_usage(attributes: Mapping[str, bytes], keys: Mapping[str, tuple[str, ...]]) -> Usage | None:
    """Return the usage told by attributes, None where they tell none. `keys` lists the names of each `Usage` field."""
    told = {field: _count(attributes, names) for field, names in keys.items()}
    if all(count is None for count in told.values()):
        return None
    return normalised(**{field: count or 0 for field, count in told.items()})


def normalised(
    input: int = 0,  # noqa: A002 - the field's own name
    output: int = 0,
    cache_read: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
) -> Usage:
    """Return a usage whose totals include their parts.

    Senders differ in whether the input holds the cached tokens. More cached tokens than input proves that it does
    not, and then they are added; the same goes for reasoning tokens and the output.
    """
    if cache_read + cache_write > input:
        input += cache_read + cache_write  # noqa: A001 - as above
    if reasoning > output:
        output += reasoning
    return Usage(input, output, cache_read, cache_write, reasoning)


def _count(attributes: Mapping[str, bytes], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in attributes:
            count = values.integer(attributes[name])
            if count is not None and 0 <= count < 1 << 53:
                return count
    return None
