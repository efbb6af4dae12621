"""Journal positions of several journals as one number: the journal's slot is in the lowest digits."""

from __future__ import annotations

SLOTS = 64
"""Slot 0 is the owner's own journal; most workers, therefore, are 63."""


def joined(position: int, slot: int) -> int:
    """Return the number of a position within the journal of a slot."""
    return position * SLOTS + slot


def parted(number: int) -> tuple[int, int]:
    """Return position and slot."""
    return divmod(number, SLOTS)
