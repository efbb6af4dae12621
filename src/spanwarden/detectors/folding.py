"""Fold text to plain ASCII before it is matched, keeping the way back to its own offsets.

What hides words from a pattern is undone: characters without width, letters of other scripts that look Latin, styled
and full-width letters, Unicode tags. Any other character beyond ASCII becomes "?".
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

_INVISIBLE = frozenset(
    [
        *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0),
        *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)),
    ]
)
_TAGS = range(0xE0000, 0xE0080)
_SPACES = frozenset([0x0085, 0x00A0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
_LOOKALIKES = {
    int(code, 16): latin
    for latin, codes in {
        "a": "0251 03B1 0430",
        "b": "0392 0412 0432",
        "c": "03F2 0421 0441",
        "d": "0501",
        "e": "0395 03B5 0415 0435 04BD",
        "g": "0581",
        "h": "0397 041D 04BB",
        "i": "0131 0269 0399 03B9 0406 0456 04CF",
        "j": "0408 0458",
        "k": "039A 03BA 041A 043A",
        "l": "217C",
        "m": "039C 041C 043C",
        "n": "039D 043F 0578",
        "o": "039F 03BF 041E 043E 0585",
        "p": "03A1 03C1 0420 0440",
        "q": "051B",
        "r": "0433 1D26",
        "s": "0405 0455",
        "t": "03A4 03C4 0422 0442",
        "u": "03C5 0446 057D",
        "v": "03BD 0475",
        "w": "03C9 0461 051D",
        "x": "03A7 03C7 0425 0445",
        "y": "03A5 03B3 0423 0443 04AF",
        "z": "0396 1D22",
        "'": "0060 00B4 2018 2019 201A 201B 2032",
        '"': "00AB 00BB 201C 201D 201E 201F 2033",
        "-": "2010 2011 2012 2013 2014 2015 2212",
        ".": "2026 3002",
        "*": "00B7 2022 25AA 25CF",
        "!": "FF01",
        ":": "FF1A",
    }.items()
    for code in codes.split()
}
"""Letters and marks of other scripts that pass for Latin ones, by code point."""
_FOLDED: dict[int, str] = {}
_MAX_FOLDED = 8_192


class Folded(NamedTuple):
    """Text as ASCII bytes. `offsets` maps each byte to its character in the original, None where they are the same."""

    data: bytes
    offsets: list[int] | None
    hidden: int
    """How many characters without width, or Unicode tags, stood between letters."""

    def original(self, offset: int, length: int) -> int:
        """Return the offset in the original text, `length` characters long, of an offset in `data`."""
        if self.offsets is None:
            return offset
        return self.offsets[offset] if offset < len(self.offsets) else length


def fold(text: str) -> Folded:
    """Return the text as plain ASCII."""
    if text.isascii():
        return Folded(text.encode("ascii"), None, 0)
    distinct = {ord(character) for character in set(text) if character > "\x7f"}
    gone = {code for code in distinct if code in _INVISIBLE or code in _TAGS}
    table = {code: _plain(code) for code in distinct if code not in gone}
    if not gone:
        return Folded(text.translate(table).encode("ascii", "replace"), None, 0)
    letters: list[str] = []
    offsets: list[int] = []
    hidden = 0
    for index, character in enumerate(text):
        code = ord(character)
        if code in _TAGS:
            letters.append(chr(code - 0xE0000) if 0x20 <= code - 0xE0000 < 0x7F else " ")
            offsets.append(index)
            hidden += 1
        elif code in gone:
            hidden += 0 < index < len(text) - 1 and text[index - 1].isalpha() and text[index + 1].isalpha()
        else:
            letters.append(character)
            offsets.append(index)
    return Folded("".join(letters).translate(table).encode("ascii", "replace"), offsets, hidden)


def _plain(code: int) -> str:
    known = _FOLDED.get(code)
    if known is None:
        if code in _LOOKALIKES:
            known = _LOOKALIKES[code]
        elif code in _SPACES:
            known = " "
        else:
            base = unicodedata.normalize("NFKD", chr(code))[:1]
            known = base if base.isascii() and base else _LOOKALIKES.get(ord(base), "?")
        if len(_FOLDED) < _MAX_FOLDED:
            _FOLDED[code] = known
    return known
