import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.exporters.plain_text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\n\tand a tab", "two lines and a tab"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31m c1", r"\x9b31m c1"),
        ("exe\u202etxt.", r"exe\u202etxt."),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half \ud800 pair", r"half \ud800 pair"),
        ("Grüße 你好 🙂", "Grüße 你好 🙂"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text, shown):
    assert one_line(text) == shown


def test_long_text_is_cut_and_says_so():
    assert one_line("a" * 1000, 10) == "aaaaaaaaa…"
    assert one_line("a" * 10, 10) == "a" * 10
    assert one_line("word " * 10_000, 20).endswith("…")


@given(st.text(st.characters()), st.integers(1, 50))
def test_the_result_is_short_and_harmless(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
