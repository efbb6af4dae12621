"""URLs in text, found in ASCII by hand and elsewhere by RE2: both find the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.effects import urls
from spanwarden.effects.urls import urls_in

PIECES = st.sampled_from(
    [*urls._SCHEMES, "HTTP", "Https", "x", "_", "9", "+", "-", ".", ":", "/", "://", "://", "://", "host", " ", "\n"]
)
CHARACTERS = st.characters(max_codepoint=127)


@settings(max_examples=500)
@given(st.lists(PIECES | CHARACTERS, max_size=24).map("".join))
def test_ascii_text_has_the_urls_that_the_pattern_finds(text: str) -> None:
    assert list(urls._in_ascii(text)) == [match.group() for match in urls._URL.finditer(text)]


def test_urls_are_found_in_any_text() -> None:
    text = "See (https://a.example/x?u=http://b), GIT://c/d. xhttp://no git+ssh://e| 's3://f' http:// é ws://ü/"
    expected = ["https://a.example/x?u=http://b", "GIT://c/d", "ssh://e", "s3://f", "ws://ü/"]
    assert urls_in(text) == expected
    assert urls_in(text.replace("é", "").replace("ü", "u")) == [*expected[:-1], "ws://u/"]
    assert urls_in(text, 2) == expected[:2]
