"""What readers of the GenAI conventions look up in attributes, and what they know of an action before its details."""

from __future__ import annotations

from typing import Any

import msgspec

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.base import Attributes, Shared
from spanwarden.model.event import Status
from spanwarden.model.observation import Source
from spanwarden.otlp import values


class Act(msgspec.Struct, frozen=True, gc=False):
    """When an action was and how it ended, beside what its record's observations share. Times in ns."""

    shared: Shared
    start: int
    end: int
    status: Status
    error: str | None
    source: Source = "span"
    root: bool = False


def content(attributes: Attributes, names: tuple[str, ...]) -> Any:
    """Return the first of these attributes that holds something, JSON decoded."""
    for name in names:
        encoded = attributes.get(name)
        if encoded is not None:
            value = values.structure(encoded)
            if value is not None and (value != {} or name not in keys.EMPTY_IS_WITHHELD):
                return value
    return None
