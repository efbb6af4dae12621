"""By which tables what is read is understood: what tools do, what tokens cost, which systems are one's own."""

from __future__ import annotations

from typing import NamedTuple

from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable
from spanwarden.runs.costs import Prices


class Tables(NamedTuple):
    """What one reading goes by.

    tools: what each tool does. prices: what to estimate costs with that nothing reported, None for no estimates.
    metadata: what metadata is derived by, for those who ask for it.
    """

    tools: ToolTable = DEFAULT_TABLE
    prices: Prices | None = None
    metadata: MetadataTable = DEFAULT


DEFAULT_TABLES = Tables()
