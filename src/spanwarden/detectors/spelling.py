"""Mend the spelling of the few words that instruction cues hang on.

A word that is one letter away from one of them (one letter added, lost, replaced, or two swapped) is put right, so
that "iunstructions" or "ign0re" does not hide an order. Real words that happen to be that near are left alone.
"""

from __future__ import annotations

from string import ascii_lowercase

import re2

from spanwarden.detectors.words import word_set

_KEY_WORDS = (
    "ignore", "disregard", "forget", "override", "bypass", "previous", "earlier", "instruction", "instructions",
    "directive", "directives", "guidelines", "important", "urgent", "mandatory", "following", "execute", "perform",
    "system", "prompt", "assistant", "administrator", "developer", "reveal", "credentials",
)  # fmt: skip
_REAL_WORDS = word_set(
    """
    ignored ignores ignorer forgets forge forged overrides overrode overridden previously preview
    execute executed executes executer executor performs performed performer systems prompts prompted
    promptly assistants assistance administrators developers developed develop reveals revealed
    instructional guideline credential hearlier unimportant importance disregards disregarded bypassed
    bypasses passes urgently followings directives directive directed directives' prompter romp tromp
    importune followingly earliest pearlier fallowing hollowing forgot forger forges regents argent
    bypasser wallowing reveled revel repeal preform preforms administrate administrations ministrator
    assistances
    """
) | frozenset(_KEY_WORDS)
_DIGITS = {"i": "1", "l": "1", "o": "0", "e": "3", "a": "4", "s": "5", "t": "7"}
_WORDS = re2.compile(rb"[A-Za-z0-9$@]{5,16}")


def _near(word: str) -> set[str]:
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    near = {head + tail[1:] for head, tail in cuts if tail}
    near |= {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    near |= {head + letter + tail[1:] for head, tail in cuts if tail for letter in ascii_lowercase}
    near |= {head + letter + tail for head, tail in cuts for letter in ascii_lowercase}
    near.add("".join(_DIGITS.get(letter, letter) for letter in word))
    near |= {head + _DIGITS[tail[0]] + tail[1:] for head, tail in cuts if tail and tail[0] in _DIGITS}
    return near


_MENDED = {
    slip.encode(): word.encode()
    for word in _KEY_WORDS
    for slip in _near(word)
    if slip not in _REAL_WORDS and len(slip) >= 5
}
_SLIPS = frozenset(_MENDED)
_SPLIT = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))


def _slips(word: str) -> set[str]:
    """Return patterns that every slip of a word matches: what `_near` spells out, a class for each range of letters."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    near = {head + tail[1:] for head, tail in cuts if tail}
    near |= {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1 and tail[0] != tail[1]}
    near |= {rf"{head}[^\W_{tail[0]}]{tail[1:]}" for head, tail in cuts if tail}
    near |= {f"{head}[a-z]{tail}" for head, tail in cuts}
    near.add("".join(_DIGITS.get(letter, letter) for letter in word))
    return near


_ANY_SLIP = "|".join(sorted(set().union(*map(_slips, _KEY_WORDS))))
SLIPPED = rf"(?:^|[^A-Za-z0-9])(?:{_ANY_SLIP})(?:[^A-Za-z0-9]|$)".encode("ascii")
"""A pattern, to be matched without case, that occurs in every ASCII text which `mend` would change (and a few more)."""


def mend(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Return ASCII text with key words put right.

    The second part lists (offset in the result, characters the result has gained there) for every word that was
    mended, in order, so that offsets can be carried back; it is empty where nothing was.
    """
    if _SLIPS.isdisjoint(data.lower().translate(_SPLIT).split()):
        return data, []
    parts: list[bytes] = []
    shifts: list[tuple[int, int]] = []
    end = length = 0
    for match in _WORDS.finditer(data):
        start, stop = match.span()
        word = _MENDED.get(data[start:stop].lower())
        if word is not None:
            parts += (data[end:start], word)
            length += start - end + len(word)
            shifts.append((length, len(word) - (stop - start)))
            end = stop
    parts.append(data[end:])
    return b"".join(parts), shifts
