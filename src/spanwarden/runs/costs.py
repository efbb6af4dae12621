"""What a run cost: as reported where something says so, else estimated from tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from spanwarden.model.event import CostSource, Event, Usage

_PRICED = frozenset({"llm_call", "embedding", "agent"})


class Prices(Protocol):
    """What tokens cost. An implementation answers alike for equal questions."""

    @property
    def version(self) -> str:
        """Return the name and version of the table that the prices are from."""
        ...

    def cost(self, usage: Usage, model: str, provider: str | None, at: int) -> float | None:
        """Return US dollars, or None for a model without a known price. Never raises.

        provider: who serves the model, as the sender spells it. at: the time of the call, ns since the epoch, 0 where
        it is unknown; prices change.
        """
        ...


def with_estimates(events: Sequence[Event], prices: Prices | None) -> list[Event]:
    """Return the events, each model call that has tokens but no cost with its estimated cost.

    Nothing is estimated beside an agent that reported its cost, which holds that of its calls.
    """
    if prices is None or any(e.kind == "agent" and e.cost_usd is not None for e in events):
        return list(events)
    return [_estimated(event, prices) for event in events]


def _estimated(event: Event, prices: Prices) -> Event:
    usage = event.usage
    if event.cost_usd is not None or usage is None or event.model is None or event.kind not in _PRICED:
        return event
    if not usage.input and not usage.output:
        return event
    cost = prices.cost(usage, event.model, event.provider, event.start or event.end)
    return event if cost is None else msgspec.structs.replace(event, cost_usd=cost, cost_source="estimated")


def total(events: Iterable[Event]) -> tuple[float | None, CostSource | None]:
    """Return the sum of the costs and where it is from: "estimated" if any part of it is. None, None without any."""
    told = [(e.cost_usd, e.cost_source) for e in events if e.cost_usd is not None]
    if not told:
        return None, None
    estimated = any(source == "estimated" for _, source in told)
    return sum(cost for cost, _ in told), "estimated" if estimated else "reported"
