import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.detectors.personal import find_personal, luhn


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("card 4111 1111 1111 1111 exp 09/27", "card-number", "4111 1111 1111 1111"),
        ("amex 378282246310005.", "card-number", "378282246310005"),
        ("to NL91ABNA0417164300 please", "iban", "NL91ABNA0417164300"),
        ("to NL91 ABNA 0417 1643 00 AND more", "iban", "NL91 ABNA 0417 1643 00"),
        ("ssn 078-05-1120", "social-security-number", "078-05-1120"),
    ],
)
def test_found(text: str, kind: str, value: str) -> None:
    (found,) = find_personal(text)
    assert (found.kind, found.value) == (kind, value)
    assert text[found.start : found.end] == value


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # check digit
        "NL92ABNA0417164300",  # check digits
        "NL91ABNA04171643",  # length
        "ZZ91ABNA0417164300",  # no such country
        "000-12-3456",
        "987-65-4321",
        "order 2024-05-1120 and phone 555-123-4567",
    ],
)
def test_wrong_checks_are_not_reported(text: str) -> None:
    assert find_personal(text) == []


def test_luhn() -> None:
    assert not luhn("4242424242424241")
    assert luhn("4242424242424242")
    assert not luhn("0000000000000000")
    assert not luhn("42")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789 -ABDENLGé", max_size=300))
def test_any_text_is_survived(text: str) -> None:
    for found in find_personal(text):
        assert text[found.start : found.end] == found.value
