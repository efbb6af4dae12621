"""What one model costs per token, learnt from a price table that takes long to answer.

The library works out its units anew for every question, which took a third of the time that a span without content
costs. Within a tier its answer is linear in the tokens, so five questions tell all others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple

from spanwarden.model.event import Usage


class _Rates(NamedTuple):
    """US dollars for a call, and for each token beyond that; those for cached tokens come on top of input."""

    call: Decimal
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal


class Tariff:
    """Callable with the tokens of a call; returns US dollars, None for tokens that contradict each other.

    price: what the table says; may raise ValueError or ArithmeticError. tiers: the input tokens beyond which another
    price holds for the whole call.
    """

    def __init__(self, price: Callable[[Usage], Decimal], tiers: Collection[int]) -> None:
        self._price = price
        self._starts = sorted(tiers)
        self._rates: dict[int, _Rates | None] = {}

    def __call__(self, usage: Usage) -> float | None:
        """Return what a call costs."""
        tier = bisect_left(self._starts, usage.input)
        if tier not in self._rates:
            self._rates[tier] = self._learnt(tier)
        rates = self._rates[tier]
        if rates is None or not _consistent(usage):
            return self._asked(usage)
        cost = rates.call + usage.input * rates.input + usage.output * rates.output
        if usage.cache_read:
            cost += usage.cache_read * rates.cache_read
        if usage.cache_write:
            cost += usage.cache_write * rates.cache_write
        return float(cost)

    def _asked(self, usage: Usage) -> float | None:
        try:
            return float(self._price(usage))
        except (ValueError, ArithmeticError):
            return None

    def _learnt(self, tier: int) -> _Rates | None:
        """Return the rates within a tier; None where the table does not answer."""
        size = self._starts[tier - 1] + 1 if tier else 1
        try:
            plain = self._price(Usage(size, 0))
            call = self._price(Usage(0, 0))
            return _Rates(
                call,
                (plain - call) / size,
                self._price(Usage(size, 1)) - plain,
                self._price(Usage(size, 0, cache_read=1)) - plain,
                self._price(Usage(size, 0, cache_write=1)) - plain,
            )
        except (ValueError, ArithmeticError):
            return None


def _consistent(usage: Usage) -> bool:
    least = min(usage.output, usage.cache_read, usage.cache_write)
    return least >= 0 and usage.cache_read + usage.cache_write <= usage.input
