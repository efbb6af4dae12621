"""Find personal data whose form can be checked: card numbers, bank accounts, social security numbers."""

from __future__ import annotations

from typing import NamedTuple

from spanwarden.detectors.scanning import PatternSet
from spanwarden.detectors.texts import MAX_TEXT, pieces

_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
    "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IT": 27, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19,
    "SK": 24, "TR": 26, "AE": 23, "SA": 24, "IL": 23, "BR": 29,
}  # fmt: skip


class Personal(NamedTuple):
    """Personal data in a text: its kind, where it stands, and the value (mask it before it is stored or shown)."""

    kind: str
    start: int
    end: int
    value: str


_SHAPES = (
    (
        "card-number",
        rb"\b[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\b|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
    ),
    ("iban", rb"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("social-security-number", rb"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"),
)
_SCAN = PatternSet([shape for _, shape in _SHAPES])


def find_personal(text: str, limit: int = MAX_TEXT) -> list[Personal]:
    """Return the personal data in a text, in order; at most 64 of a kind. Linear in the text; never raises.

    Card numbers must pass the Luhn check, IBANs their check digits and their country's length.
    """
    found: list[Personal] = []
    for offset, part in pieces(text, limit):
        data = part.encode("ascii", "replace")
        for index in _SCAN.occurring(data):
            kind = _SHAPES[index][0]
            for start, end in _SCAN.spans(index, data):
                value = _checked(kind, data[start:end].decode("ascii"))
                if value:
                    found.append(Personal(kind, offset + start, offset + start + len(value), value))
    return sorted(found, key=lambda item: item.start)


def _checked(kind: str, text: str) -> str:
    """Return the part of a match that passes its check, empty where none does."""
    if kind == "card-number":
        return text if luhn("".join(filter(str.isdigit, text))) else ""
    if kind == "social-security-number":
        area, group, serial = text.split("-")
        return text if area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" else ""
    return _iban(text)


def luhn(digits: str) -> bool:
    """Tell whether the last of these digits is the right check digit."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _iban(text: str) -> str:
    """Return the IBAN that a text begins with, empty where its length or its check digits are wrong."""
    length = _IBAN_LENGTHS.get(text[:2])
    if length is None:
        return ""
    taken = 0
    for end, character in enumerate(text, start=1):
        taken += character != " "
        if taken == length:
            compact = text[:end].replace(" ", "")
            number = "".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])
            return text[:end] if int(number) % 97 == 1 else ""
    return ""
