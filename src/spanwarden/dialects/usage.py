"""Token counts, brought to one meaning: input includes cached tokens, output includes reasoning tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spanwarden.model.event import Usage
from spanwarden.otlp import values

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "input": ("prompt_tokens", "input_tokens", "inputTokens", "promptTokens", "prompt_token_count", "promptTokenCount"),
    "output": (
        "completion_tokens",
        "output_tokens",
        "outputTokens",
        "completionTokens",
        "candidates_token_count",
        "candidatesTokenCount",
    ),
    "cache_read": (
        "cached_tokens",
        "cache_read_input_tokens",
        "cache_read",
        "cacheReadInputTokens",
        "cachedInputTokens",
        "cached_prompt_tokens",
        "cached_content_token_count",
        "cachedContentTokenCount",
    ),
    "cache_write": (
        "cache_creation_input_tokens",
        "cache_creation",
        "cache_write_tokens",
        "cache_creation_tokens",
        "cacheWriteInputTokens",
    ),
    "reasoning": (
        "reasoning_tokens",
        "reasoning",
        "reasoningTokens",
        "thoughts_token_count",
        "thoughtsTokenCount",
    ),
}
_APART: dict[str, tuple[str, ...]] = {
    "input": (
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ),
    "output": ("thoughts_token_count", "thoughtsTokenCount"),
}
"""Counts that their interfaces (Anthropic's, Bedrock's, Gemini's) leave out of the totals."""
_DETAILS = (
    "prompt_tokens_details",
    "completion_tokens_details",
    "input_tokens_details",
    "output_tokens_details",
    "input_token_details",
    "output_token_details",
)


def read_usage(attributes: Mapping[str, bytes], keys: Mapping[str, tuple[str, ...]]) -> Usage | None:
    """Return the usage told by attributes, None where they tell none. `keys` lists the names of each `Usage` field."""
    told: dict[str, int] = {}
    for field, names in keys.items():
        for name in names:
            if name in attributes:
                count = values.integer(attributes[name])
                if count is not None and 0 <= count < 1 << 53:
                    told[field] = count
                    break
    return normalised(**told) if told else None


def normalised(
    input: int = 0,  # noqa: A002 - the field's own name
    output: int = 0,
    cache_read: int = 0,
    cache_write: int = 0,
    reasoning: int = 0,
) -> Usage:
    """Return a usage whose totals include their parts.

    Senders differ in whether the input holds the cached tokens. More cached tokens than input proves that it does
    not, and then they are added; the same goes for reasoning tokens and the output.
    """
    if cache_read + cache_write > input:
        input += cache_read + cache_write  # noqa: A001 - as above
    if reasoning > output:
        output += reasoning
    return Usage(input, output, cache_read, cache_write, reasoning)


def provider_usage(told: Any) -> Usage | None:
    """Return the usage in a decoded object as model providers' interfaces write it; None where it is no such object.

    Knows OpenAI's chat completions and responses, Anthropic, Bedrock, Gemini and LangChain's `usage_metadata`.
    """
    if not isinstance(told, dict):
        return None
    places = [told, *(part for name in _DETAILS if isinstance(part := told.get(name), dict))]
    counts = {field: _counted(places, names) for field, names in _SPELLINGS.items()}
    if counts["input"] is None and counts["output"] is None:
        return None
    summed = {field: count or 0 for field, count in counts.items()}
    for field, names in _APART.items():
        summed[field] += sum(_counted([told], (name,)) or 0 for name in names)
    return normalised(**summed)


def _counted(places: Sequence[dict[Any, Any]], names: tuple[str, ...]) -> int | None:
    for place in places:
        for name in names:
            count = place.get(name)
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 1 << 53:
                return count
    return None
