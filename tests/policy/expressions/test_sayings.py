"""Looking values up in what was said is the same as reading all of it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spanwarden.policy.expressions.sayings import Sayings

_TEXT = st.text(st.sampled_from("ab_é.0@ \x00"), max_size=12)


@given(st.lists(_TEXT, max_size=60), st.text(st.sampled_from("ab_é.0@ "), min_size=1, max_size=5))
def test_the_first_place_is_where_reading_finds_it(said: list[str], wanted: str) -> None:
    pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)"
    expected = next((2 * n for n, text in enumerate(said) if re.search(pattern, text.replace("\x00", " "))), None)
    sayings = Sayings((2 * number, text) for number, text in enumerate(said))
    assert sayings.first(wanted) == expected == sayings.first(wanted)


def test_a_word_that_is_said_all_the_time_is_found_where_it_was_said_first() -> None:
    sayings = Sayings([(0, ""), *((n, "do task a.example") for n in range(1, 200)), (200, "last task")])
    assert sayings.first("task") == 1
    assert sayings.first("do task a") == 1
    assert sayings.first("last task") == 200
    assert sayings.first("task do") is None
    assert sayings.first("example do") is None
