"""Find keys, tokens, passwords and private keys in text."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import re2

from spanwarden.detectors.scanning import PatternSet, options
from spanwarden.detectors.secret_kinds import KINDS, NAMES, PLACEHOLDERS
from spanwarden.detectors.texts import MAX_TEXT, pieces

_MIN_ENTROPY = 2.6


class Secret(NamedTuple):
    """A secret in a text: its kind, where it stands, and the value itself (mask it before it is stored or shown).

    `certain` tells that its shape alone makes it one.
    """

    kind: str
    start: int
    end: int
    value: str
    certain: bool


_SCAN = PatternSet([kind.pattern for kind in KINDS])
_NAME = re2.compile(NAMES, options(case_sensitive=False))


def find_secrets(text: str, limit: int = MAX_TEXT) -> list[Secret]:
    """Return the secrets in a text, in order, none overlapping; at most 64 of a kind.

    Of a text longer than `limit` characters the head and the tail are looked at. Linear in the text; never raises.
    """
    found: list[Secret] = []
    for offset, part in pieces(text, limit):
        data = part.encode("ascii", "replace")
        for index in _SCAN.occurring(data):
            kind = KINDS[index]
            for start, end in _SCAN.spans(index, data):
                value = part[start:end].rstrip(".,;:!?)")
                if kind.certain or chosen_at_random(value):
                    found.append(Secret(kind.name, offset + start, offset + start + len(value), value, kind.certain))
    return _apart(found)


def chosen_at_random(value: str) -> bool:
    """Tell whether a value next to a secret's name looks like a secret, not like a word, a path or a placeholder."""
    lowered = value.lower()
    if len(value) < 6 or "://" in value or value.startswith(("/", "$", "@", "%")):
        return False
    if any(mark in lowered for mark in PLACEHOLDERS):
        return False
    digits = any(map(str.isdigit, value))
    marks = any(not character.isalnum() for character in value)
    cased = not value.islower() and not value.isupper()
    if not digits and not (marks and cased):
        return False
    return entropy(value) >= _MIN_ENTROPY


def entropy(value: str) -> float:
    """Return bits per character of a text by the frequency of its own characters."""
    counts = Counter(value[:512])
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0


def _apart(found: list[Secret]) -> list[Secret]:
    """Keep the certain one, then the longer one, of secrets that overlap."""
    kept: list[Secret] = []
    for secret in sorted(found, key=lambda secret: (not secret.certain, secret.start - secret.end, secret.start)):
        if all(secret.end <= other.start or secret.start >= other.end for other in kept[-256:]):
            kept.append(secret)
    return sorted(kept, key=lambda secret: secret.start)


def secret_by_name(name: str, value: str) -> Secret | None:
    """Return the value of a field whose name says that it is a secret, None where it is none."""
    if not 6 <= len(value) <= 512 or " " in value or not _NAME.search(name[:128].encode("ascii", "replace")):
        return None
    return Secret("named-secret", 0, len(value), value, certain=False) if chosen_at_random(value) else None
