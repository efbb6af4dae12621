"""By which tables what is read is understood: what tools do, what tokens cost."""

from __future__ import annotations

from typing import NamedTuple

from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.runs.costs import Prices


class Tables(NamedTuple):
    """tools: what each tool does. prices: what to estimate costs with that nothing reported, None for no estimates."""

    tools: ToolTable = DEFAULT_TABLE
    prices: Prices | None = None


DEFAULT_TABLES = Tables()
