"""Numbers and times as transcripts write them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from spanwarden.model.event import Usage
from spanwarden.transcripts.json_text import TranscriptError


def number(value: Any, where: str, key: str) -> float | None:
    """Return a number, also one written as text; None for null. Raises TranscriptError for anything else."""
    if value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TranscriptError(where, f"{key}: expected a number, got {repr(value)[:60]}") from None
    if not math.isfinite(found):
        raise TranscriptError(where, f"{key}: expected a finite number, got {repr(value)[:60]}")
    return found


def whole(value: Any) -> int | None:
    """Return a value as a whole number, cut towards zero; None where it is not one."""
    if isinstance(value, str) and len(value) > 30:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def nanoseconds(value: Any) -> int:
    """Return an RFC 3339 time as nanoseconds since the epoch; one without a zone is UTC; 0 where it is no time."""
    if not isinstance(value, str) or len(value) > 64:
        return 0
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    try:
        delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    except OverflowError:
        return 0
    return max(0, (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000)


def seconds_between(times: list[int]) -> float | None:
    """Return the seconds from the first to the last of some times in nanoseconds; None for fewer than two."""
    return (max(times) - min(times)) / 1e9 if len(times) >= 2 else None


def usage_of(value: Any) -> Usage | None:
    """Return the token counts of an object, None for anything else; a count that is no number is 0."""
    if not isinstance(value, dict):
        return None
    counts = {key: max(0, whole(value.get(key)) or 0) for key in Usage.__struct_fields__}
    return Usage(**counts)
