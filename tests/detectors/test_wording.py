"""One spelling for tokens: what `canonical` makes of words, addresses, pairs and marks."""

import pytest

from spanwarden.detectors import wording
from spanwarden.detectors.wording import canonical


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("", "  "),
        ("Pay *now*, please.", " pay now please "),
        ("see https://www.Shop.example/Cart/?", " see shop.example/cart  | shop.example "),
        ("www.shop.example", " shop.example "),
        ("to=zed@far.example;cc: None", " to zed@far.example cc none "),
        ("at 10:30", " at 10:30 "),
        ("a\\nb\\tc", " a b c "),
        ("-- ... /", " "),
        ("pay\u200bment to \u0440ay", " payment to pay "),
    ],
)
def test_tokens_are_spelled_one_way(text: str, spelled: str) -> None:
    assert canonical(text).split() == spelled.split()
    assert canonical(text).startswith(" ")
    assert canonical(text).endswith(" ")


def test_the_memory_of_words_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known = wording._Spelled()
    monkeypatch.setattr(wording, "_SPELLED", known)
    monkeypatch.setattr(wording, "_MAX_WORDS", 50)
    texts = [f"word{number}, key={number} https://h{number}.example/p" for number in range(200)]
    first = [canonical(text) for text in texts]
    assert len(known) <= 50
    assert [canonical(text) for text in texts] == first
    long = "x" * 5_000
    assert canonical(long).split() == [long]
    assert long not in known
