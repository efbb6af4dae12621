"""A file of one's own prices, which go before those of the price table."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from spanwarden.model.event import Usage
from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.yaml_text import parse

_MILLION = 1_000_000
_KEYS = ("input", "output", "cache_read", "cache_write")


class PriceError(ValueError):
    """A price file cannot be used; the text is one line: the file, the line, the key and what is wrong."""


class Rates(NamedTuple):
    """US dollars per million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def cost(self, usage: Usage) -> float:
        """Return US dollars for the tokens of one call."""
        plain = max(0, usage.input - usage.cache_read - usage.cache_write)
        return (
            plain * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.output * self.output
        ) / _MILLION


class PriceFile:
    """Prices by model, or by `provider/model`; a name may end in `*`. Case does not matter; the longest name wins."""

    def __init__(self, rates: Mapping[str, Rates], name: str = "prices", digest: str = "") -> None:
        self.version = f"{name} {digest}".strip()
        self._exact = {key.lower(): rate for key, rate in rates.items() if not key.endswith("*")}
        patterns = [(key[:-1].lower(), rate) for key, rate in rates.items() if key.endswith("*")]
        self._starts = sorted(patterns, key=lambda pair: -len(pair[0]))

    def rates(self, model: str, provider: str | None) -> Rates | None:
        """Return what a model costs, None if the file does not know it; a name with the provider goes first."""
        names = [model.lower()]
        if provider:
            names.insert(0, f"{provider.lower()}/{names[0]}")
        for name in names:
            found = self._exact.get(name)
            if found is not None:
                return found
        return next((rate for name in names for start, rate in self._starts if name.startswith(start)), None)


def load_prices(path: pathlib.Path) -> PriceFile:
    """Read a YAML file that maps models to `input`, `output`, and where they differ `cache_read` and `cache_write`.

    Cached tokens cost as much as input where the file says nothing else. Raises PriceError.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise PriceError(f"{path}: {error.strerror or error}") from None
    try:
        top = Field(str(path), "", parse(body, str(path)))
        rates = {} if top.is_null else {model: _rates(field) for model, field in top.mapping().items()}
    except PolicyError as error:
        raise PriceError(str(error)) from None
    return PriceFile(rates, path.name, hashlib.sha256(body).hexdigest()[:12])


def _rates(field: Field) -> Rates:
    told = {name: _price(value) for name, value in field.mapping(_KEYS).items()}
    for needed in ("input", "output"):
        if needed not in told:
            field.fail(f"{needed} is missing: US dollars per million tokens")
    cached = told["input"]
    return Rates(told["input"], told["output"], told.get("cache_read", cached), told.get("cache_write", cached))


def _price(field: Field) -> float:
    price = field.number()
    if price < 0:
        field.fail("a price must not be negative")
    return price
