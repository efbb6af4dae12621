"""The base of every settings class, and the value types that settings share.

Every field carries a description; a test refuses one without. Durations are written as in the Collector ("2s",
"1m30s", "200ms") or in days ("30d"), sizes as "64MiB" or a number of bytes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|d|h|m|s)")
_DAY = 86400.0
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|KB|MB|GB)?")
_BYTES = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, arbitrary_types_allowed=False)


def parse_duration(value: Any) -> float:
    """Return seconds from "1m30s", "200ms", 0 or a number of seconds. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError('expected a duration such as "2s" or "1m30s"')
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        text = str(value).strip()
        parts = _DURATION_PART.findall(text)
        if text in {"0", ""}:
            parts = [("0", "s")]
        elif "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f'expected a duration such as "2s" or "1m30s", not {text!r}')
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 <= seconds < 1e9:
        raise ValueError("a duration must not be negative")
    return seconds


def format_duration(seconds: float) -> str:
    """Return seconds in the Collector's spelling, whole days beyond one as days."""
    if seconds and seconds < 1:
        return f"{seconds * 1000:g}ms"
    if seconds > _DAY and seconds % _DAY == 0:
        return f"{seconds / _DAY:g}d"
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = (f"{hours:g}h" if hours else "") + (f"{minutes:g}m" if minutes else "") + (f"{left:g}s" if left else "")
    return text or "0s"


def parse_size(value: Any) -> int:
    """Return bytes from "64MiB" or a number. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f'expected a size such as "64MiB", not {value!r}')
    return int(float(match[1]) * _BYTES[match[2]])


def format_size(size: int) -> str:
    """Return a number of bytes in its largest exact binary unit."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
"""Seconds, written with units."""

Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size, return_type=str)]
"""Bytes, written with units."""


class Client(Section):
    """TLS of an outgoing connection."""

    insecure: bool = Field(False, description="Speak plain text instead of TLS.")
    insecure_skip_verify: bool = Field(False, description="Do not check the server's certificate.")
    ca_file: str | None = Field(None, description="File of CA certificates to trust instead of the system's.")
    cert_file: str | None = Field(None, description="Client certificate for mutual TLS.")
    key_file: str | None = Field(None, description="Key of the client certificate.")


Secret = SecretStr
"""Text that is never printed; write it as ${env:NAME}."""
