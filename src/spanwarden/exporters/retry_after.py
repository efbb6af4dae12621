"""How long a receiver asked us to wait (RFC 9110 §10.2.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""Seconds; a receiver cannot hold a queue up for longer than this at a time."""


def seconds_to_wait(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, from `now` (seconds since the epoch).

    The header is a number of seconds or an HTTP date. None where it is missing or unreadable; never negative, never
    above LONGEST_WAIT.
    """
    if value is None or len(value) > 64:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return bounded(float(value))
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return bounded(moment.timestamp() - now)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def bounded(seconds: float) -> float:
    """Return a requested wait that is neither negative nor above LONGEST_WAIT."""
    return min(max(0.0, seconds), LONGEST_WAIT)
