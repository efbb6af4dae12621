"""Token counts come out in one meaning whatever the sender's."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanwarden.dialects.genai_keys import USAGE
from spanwarden.dialects.usage import normalised, provider_usage, read_usage
from spanwarden.model.event import Usage


def attributes(**counts: AnyValue) -> dict[str, bytes]:
    return {"gen_ai.usage." + key.replace("__", "."): value.SerializeToString() for key, value in counts.items()}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((240, 23, 64, 0, 8), Usage(240, 23, 64, 0, 8)),  # inclusive, as the conventions say
        ((40, 23, 64, 0, 8), Usage(104, 23, 64, 0, 8)),  # more cached than input: exclusive
        ((10, 20, 30, 40, 0), Usage(80, 20, 30, 40, 0)),
        ((64, 23, 64, 0, 8), Usage(64, 23, 64, 0, 8)),  # all of it cached
        ((240, 4, 0, 0, 8), Usage(240, 12, 0, 0, 8)),  # more reasoning than output: exclusive
        ((0, 0, 0, 0, 0), Usage()),
    ],
)
def test_totals_include_their_parts(told: tuple[int, int, int, int, int], expected: Usage) -> None:
    assert normalised(*told) == expected


def test_old_and_new_names_and_values_of_any_type() -> None:
    old = attributes(prompt_tokens=AnyValue(string_value="240"), completion_tokens=AnyValue(double_value=23.0))
    assert read_usage(old, USAGE) == Usage(240, 23)
    both = attributes(
        input_tokens=AnyValue(int_value=240),
        prompt_tokens=AnyValue(int_value=999),
        cache_creation__input_tokens=AnyValue(int_value=6),
        cache_read_input_tokens=AnyValue(int_value=64),
    )
    assert read_usage(both, USAGE) == Usage(240, 0, 64, 6)


def test_none_told_is_none_and_nonsense_is_none() -> None:
    assert read_usage({}, USAGE) is None
    nonsense = attributes(input_tokens=AnyValue(string_value="many"), output_tokens=AnyValue(int_value=-1))
    assert read_usage(nonsense, USAGE) is None
    assert read_usage(attributes(input_tokens=AnyValue(int_value=0)), USAGE) == Usage()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {
                "prompt_tokens": 240,
                "completion_tokens": 23,
                "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 8},
            },
            Usage(240, 23, 64, 0, 8),
        ),
        ({"input_tokens": 240, "output_tokens": 23, "cache_read_input_tokens": 64}, Usage(304, 23, 64)),
        ({"input_tokens": 304, "output_tokens": 23, "input_token_details": {"cache_read": 64}}, Usage(304, 23, 64)),
        ({"inputTokens": 10, "outputTokens": 2, "cacheWriteInputTokens": 5}, Usage(15, 2, 0, 5)),
        ({"promptTokenCount": 10, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}, Usage(10, 5, 0, 0, 3)),
        ({"prompt_tokens": -1, "completion_tokens": True}, None),
        ({"prompt_tokens": "12", "prompt_tokens_details": "none"}, None),
        ("prompt_tokens", None),
        (None, None),
    ],
)
def test_the_usage_of_a_providers_answer(told: Any, expected: Usage | None) -> None:
    assert provider_usage(told) == expected
