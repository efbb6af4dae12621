"""What tokens cost: one's own price file first, then the table of the genai-prices library, where it is installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

from spanwarden.model.event import Usage
from spanwarden.service.tariff import Tariff

if TYPE_CHECKING:
    from spanwarden.service.price_file import PriceFile

LIBRARY = "genai-prices"
_MAX_NAME = 200
_MAX_MODELS = 1024
_MAX_TARIFFS = 4096
_HOUR = 3_600_000_000_000
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Stands for a call of unknown time: the price that was valid last."""
_LOCAL = (
    "ollama",
    "lmstudio",
    "lm_studio",
    "lm-studio",
    "vllm",
    "llamacpp",
    "llama.cpp",
    "llama_cpp",
    "localai",
    "mlx",
)
"""Providers that run the model on one's own machine; what others take for the same model is not what it costs."""
_AWS_PUBLISHERS = ("amazon.", "anthropic.", "cohere.", "deepseek.", "meta.", "mistral.", "openai.", "qwen.")
_AWS_REGIONS = ("us.", "us-gov.", "eu.", "apac.", "au.", "ca.", "jp.", "global.")
_ALIASES = {"az.ai.inference": "azure", "azure.ai.inference": "azure", "azure_ai": "azure"}

Cost = Callable[[Usage], float | None]
Table = Callable[[str, str | None, datetime], Cost]


class Pricing:
    """Implements `runs.costs.Prices`. Give it one's own prices, the library's, or both; it answers None without."""

    def __init__(self, own: PriceFile | None = None, *, library: bool = True) -> None:
        self._own = own
        self._library = library and installed()
        self._table: Table | None = None
        self._tariffs = lru_cache(maxsize=_MAX_TARIFFS)(self._tariff)

    def __bool__(self) -> bool:
        """Tell whether there is anything to price with."""
        return self._own is not None or self._library

    @cached_property
    def version(self) -> str:
        """Return the versions of the price file and of the library's table."""
        names = [self._own.version] if self._own is not None else []
        if self._library:
            names.append(f"{LIBRARY} {importlib.metadata.version(LIBRARY)}")
        return ", ".join(names)

    def cost(self, usage: Usage, model: str, provider: str | None, at: int) -> float | None:
        """Return US dollars, or None for a model without a known price; see `Prices`."""
        if not model or len(model) > _MAX_NAME or (provider is not None and len(provider) > _MAX_NAME):
            return None
        # By the hour: some prices change with the time of day, none within it.
        cost = self._tariffs(model, provider, at // _HOUR if at > 0 else None)(usage)
        return cost if cost is not None and math.isfinite(cost) else None

    def _tariff(self, model: str, provider: str | None, hour: int | None) -> Cost:
        own = self._own.rates(model, provider) if self._own is not None else None
        if own is not None:
            return own.cost
        if not self._library:
            return _unknown
        # Loading the table takes 0.2 s, so it is done for the first call that needs it.
        self._table = self._table or _library_table()
        return self._table(model, provider, _time(hour))


def _unknown(_usage: Usage) -> float | None:
    return None


def installed() -> bool:
    """Tell whether the extra `cost` is installed."""
    return importlib.util.find_spec("genai_prices") is not None


def _time(hour: int | None) -> datetime:
    try:
        return _LATEST if hour is None else datetime.fromtimestamp(hour * 3600, UTC)
    except (OverflowError, ValueError, OSError):
        return _LATEST


def _library_table() -> Table:
    module: Any = importlib.import_module("genai_prices")
    snapshots: Any = importlib.import_module("genai_prices.data_snapshot")
    providers = importlib.import_module("genai_prices.data").providers

    @lru_cache(maxsize=_MAX_MODELS)
    def find(model: str, provider: str | None) -> Any:
        # A snapshot remembers every name it was asked for; one for each question keeps hostile names from piling up.
        snapshot = snapshots.DataSnapshot(providers=providers, from_auto_update=False)
        for name, served_by in candidates(model, provider):
            try:
                return snapshot.find_provider_model(name, None, served_by, None)
            except LookupError:
                continue
        return None

    def table(model: str, provider: str | None, at: datetime) -> Cost:
        found = find(model, provider)
        if found is None:
            return _unknown

        def price(usage: Usage) -> Decimal:
            tokens: dict[str, int] = {"input_tokens": usage.input, "output_tokens": usage.output}
            if usage.cache_read:
                tokens["cache_read_tokens"] = usage.cache_read
            if usage.cache_write:
                tokens["cache_write_tokens"] = usage.cache_write
            counted = module.Usage(**tokens)
            return cast("Decimal", found[1].calc_price(counted, found[0], genai_request_timestamp=at).total_price)

        prices = vars(found[1].get_prices(at)).values()
        return Tariff(price, {tier.start for each in prices for tier in getattr(each, "tiers", ())})

    return table


def candidates(model: str, provider: str | None) -> list[tuple[str, str | None]]:
    """Return the names to look a model up by, in order: with its provider, then by the model's name alone.

    None at all for a provider that runs models on one's own machine.
    """
    served_by = provider.strip().lower() if provider else None
    served_by = _ALIASES.get(served_by, served_by) if served_by else None
    if served_by is not None and served_by.startswith(_LOCAL):
        return []
    regional = next((model[len(r) :] for r in _AWS_REGIONS if model.startswith(r)), model)
    if regional.startswith(_AWS_PUBLISHERS):
        return [(model, "aws"), (regional, "aws")]
    names = list(dict.fromkeys((model, model.rpartition("/")[2])))
    return [(name, by) for by in dict.fromkeys((served_by, None)) for name in names if name]
