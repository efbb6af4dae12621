"""What can go wrong with a ledger."""

from __future__ import annotations


class LedgerError(ValueError):
    """The ledger cannot be used as it is; the text says why in one line."""


class LedgerUnavailableError(Exception):
    """The ledger did not take a change this time (disk full, locked); nothing was changed, trying again may help."""
