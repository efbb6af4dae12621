"""Prices: one's own file, the library's table, and what is left unknown."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from datetime import UTC, datetime

import genai_prices
import pytest

from spanwarden.model.event import Usage
from spanwarden.service.price_file import PriceError, load_prices
from spanwarden.service.pricing import LIBRARY, Pricing, candidates

JUNE = 1_780_300_000_000_000_000
USAGE = Usage(input=1000, output=500, cache_read=200)


def prices_from(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("model", "provider", "cost"),
    [
        ("gpt-4o", "openai", 0.00725),  # 800 at 2.50, 200 at 1.25, 500 at 10 dollars a million
        ("gpt-4o", None, 0.00725),
        ("gpt-4o-2024-08-06", "azure.ai.openai", 0.00725),
        ("openai/gpt-4o", None, 0.00725),
        ("claude-sonnet-4-5-20250929", "anthropic", 0.00996),
        ("claude-sonnet-4-5", "a provider that nobody knows", 0.00996),
    ],
)
def test_a_known_model_is_priced_by_its_tokens(model: str, provider: str | None, cost: float) -> None:
    assert Pricing().cost(USAGE, model, provider, JUNE) == pytest.approx(cost)


def test_bedrocks_regional_names_are_found_with_and_without_the_provider() -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    told = {Pricing().cost(USAGE, name, provider, JUNE) for provider in ("aws.bedrock", None)}
    assert len(told) == 1
    assert told.pop() is not None


@pytest.mark.parametrize(
    ("model", "provider"),
    [("scripted-model", "openai"), ("gpt-4o", "ollama"), ("", None), ("g" * 100_000, None), ("gpt-4o\0", "openai")],
    ids=lambda value: str(value)[:20],
)
def test_a_model_without_a_price_costs_nothing_that_anybody_knows(model: str, provider: str | None) -> None:
    assert Pricing().cost(USAGE, model, provider, JUNE) is None


@pytest.mark.parametrize("at", [0, -5, 1, JUNE, 1 << 63, (1 << 64) - 1])
def test_any_time_is_a_time(at: int) -> None:
    assert Pricing().cost(USAGE, "gpt-4o", None, at) is not None


def test_usage_that_contradicts_itself_has_no_cost() -> None:
    assert Pricing().cost(Usage(input=1, cache_read=5), "gpt-4o", None, JUNE) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [("gpt-4o", "openai"), ("claude-sonnet-4-5", "anthropic"), ("gemini-2.5-pro", "google"), ("gpt-4.1", "openai")],
)
def test_what_is_learnt_of_a_price_is_what_the_library_says(model: str, provider: str) -> None:
    prices = Pricing()
    at = datetime.fromtimestamp(JUNE // 10**9, UTC)
    for tokens in (1, 999, 200_000, 200_001, 1_500_000):
        for cached, written in ((0, 0), (1, 0), (tokens // 2, 0), (tokens // 2, tokens // 3), (0, tokens)):
            counts = {"input_tokens": tokens, "output_tokens": 321}
            counts |= {"cache_read_tokens": cached} if cached else {}
            counts |= {"cache_write_tokens": written} if written else {}
            told = genai_prices.calc_price(
                genai_prices.Usage(**counts), model, provider_id=provider, genai_request_timestamp=at
            )
            usage = Usage(tokens, 321, cached, written)
            assert prices.cost(usage, model, provider, JUNE) == float(told.total_price), usage


def test_a_model_with_tiers_costs_more_a_token_beyond_one() -> None:
    below, beyond = (Pricing().cost(Usage(tokens, 0), "gemini-2.5-pro", None, JUNE) for tokens in (200_000, 200_001))
    assert below is not None
    assert beyond is not None
    assert beyond > 1.9 * below


def test_hostile_names_are_forgotten_again() -> None:
    prices = Pricing()
    for number in range(6000):
        prices.cost(USAGE, f"no-such-{number}", f"provider-{number}", JUNE)
    assert prices._tariffs.cache_info().currsize <= 4096


def test_the_version_names_the_table_and_the_file(tmp_path: pathlib.Path) -> None:
    assert Pricing().version.startswith(LIBRARY + " 0.")
    own = Pricing(load_prices(prices_from(tmp_path, "m: {input: 1, output: 2}\n")))
    name, digest, *_ = own.version.replace(",", "").split()
    assert name == "prices.yaml"
    assert len(digest) == 12


def test_ones_own_prices_go_first_and_the_table_knows_the_rest(tmp_path: pathlib.Path) -> None:
    path = prices_from(
        tmp_path,
        "gpt-4o: {input: 1, output: 2, cache_read: 0.5}\n"
        "acme-*: {input: 10, output: 20}\n"
        "acme-large-*: {input: 100, output: 200}\n"
        "azure/GPT-4o: {input: 3, output: 3}\n",
    )
    prices = Pricing(load_prices(path))
    assert prices.cost(USAGE, "gpt-4o", None, JUNE) == pytest.approx((800 * 1 + 200 * 0.5 + 500 * 2) / 1e6)
    assert prices.cost(USAGE, "gpt-4o", "Azure", JUNE) == pytest.approx(1500 * 3 / 1e6)
    assert prices.cost(USAGE, "acme-small", None, JUNE) == pytest.approx((1000 * 10 + 500 * 20) / 1e6)
    assert prices.cost(USAGE, "acme-large-2", None, JUNE) == pytest.approx((1000 * 100 + 500 * 200) / 1e6)
    assert prices.cost(USAGE, "claude-sonnet-4-5", None, JUNE) == pytest.approx(0.00996)
    assert Pricing(load_prices(path), library=False).cost(USAGE, "claude-sonnet-4-5", None, JUNE) is None
    assert not Pricing(library=False)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("m: {input: 1}\n", "prices.yaml:1: m: output is missing"),
        ("m:\n  input: 1\n  outptu: 2\n", "prices.yaml:3: m.outptu: unknown key (did you mean output?)"),
        ("m: {input: -1, output: 2}\n", "m.input: a price must not be negative"),
        ("m: {input: .nan, output: 2}\n", "m.input: expected a finite number"),
        ("m: {input: free, output: 2}\n", "m.input: expected a number, got 'free'"),
        ("- m\n", "expected a mapping"),
        ("m: [\n", "prices.yaml:"),
    ],
)
def test_a_bad_file_is_named_with_its_line(text: str, named: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(PriceError) as raised:
        load_prices(prices_from(tmp_path, text))
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PriceError, match=r"none\.yaml: No such file"):
        load_prices(tmp_path / "none.yaml")


def test_the_table_is_loaded_for_the_first_question_only() -> None:
    code = (
        "import sys\nfrom spanwarden.service.pricing import Pricing\nfrom spanwarden.model.event import Usage\n"
        "p = Pricing()\nassert p and p.version\nassert 'genai_prices' not in sys.modules\n"
        "p.cost(Usage(1, 1), 'gpt-4o', None, 0)\nassert 'genai_prices' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_regional_names_are_tried_with_and_without_the_region() -> None:
    assert candidates("eu.amazon.nova-pro", None) == [("eu.amazon.nova-pro", "aws"), ("amazon.nova-pro", "aws")]
    assert candidates("models/x", "google") == [
        ("models/x", "google"), ("x", "google"), ("models/x", None), ("x", None)
    ]  # fmt: skip
