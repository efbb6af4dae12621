"""About how many bytes of memory windows and what they hold take (measured by tests/bench/open_runs.py)."""

from __future__ import annotations

from spanwarden.model.observation import Observation

WINDOW = 4000
"""A window that holds nothing."""
KEY = 150
"""A key, beside its text."""
PACK = 60
"""A pack, beside its bytes."""
PACKED_HISTORY = 140
"""What is remembered of a piece of history that is packed."""


def weight(observation: Observation) -> int:
    """Return about how many bytes of memory an observation takes."""
    o = observation
    size = 650
    if o.merge is not None:
        size += len(o.merge)
    if o.agent is not None:
        size += len(o.agent)
    if o.tool is not None:
        size += len(o.tool)
    if o.conversation is not None:
        size += len(o.conversation)
    for key in o.keys:
        size += len(key)
    if o.leads_to or o.follows:
        for key in o.leads_to + o.follows:
            size += 120 + len(key)
    for effect in o.effects:
        size += 80 + len(effect.target or "")
    return size
