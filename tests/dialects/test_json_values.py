"""JSON text in attributes: objects, and words in quotes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.dialects.json_values import decoded, structured, text_in


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ('"CHAT_MODEL"', "CHAT_MODEL"),
        ('{"a": 1}', {"a": 1}),
        (' ["x"]', ["x"]),
        ("plain words", "plain words"),
        ('"cut off', '"cut off'),
        ("[" * 100_000, "[" * 100_000),
        ("12", "12"),
        (12, 12),
        (None, None),
    ],
)
def test_a_value_is_what_its_json_text_holds(told: Any, meant: Any) -> None:
    assert decoded(told) == meant


def test_an_object_that_was_encoded_twice_is_taken_out_of_both() -> None:
    assert structured('"{\\"path\\": \\".env\\"}"') == {"path": ".env"}
    assert structured('"done"') == "done"
    assert structured('{"path": ".env"}') == {"path": ".env"}


@pytest.mark.parametrize(
    ("told", "words"), [('"conv-7"', "conv-7"), ("conv-7", "conv-7"), ('""', None), ("{}", None), (None, None)]
)
def test_words_are_told_from_values_that_hold_none(told: Any, words: str | None) -> None:
    assert text_in(told) == words


@given(st.text())
def test_any_text_comes_back_as_something(text: str) -> None:
    decoded(text)
    structured(text)
    assert text_in(text) != ""
