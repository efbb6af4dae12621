"""Compare wordings: one spelling for tokens, stems of content words, and which tokens name one particular thing."""

from __future__ import annotations

import functools

from spanwarden.detectors.folding import fold
from spanwarden.detectors.words import word_set

_BLANK = {ord(character): " " for character in "\"'`,;<>()[]{}|\\*!?$€£#^~"}
_EDGES = ".:-_/=&+%"
_MAX_WORDS = 65_536
_MAX_KEPT = 48
_ESCAPES = (("\\n", " "), ("\\t", " "), ("\\r", " "), ('\\"', " "))
_STOP = word_set(
    """
    the a an of to in on for and or with by from at as is are was were be been this that these those it
    its my your our their his her you me we they he she us them please can could would will shall may
    might must should not do does did any all some no if then than so but about into over under up down
    out off what which who whom when where how why just only also very there here have has had get got
    make made let via per each every other another same such own more most one two first last next new
    name thing way able etc well good hello dear thanks thank best regards sincerely today tomorrow day
    week month year time
    """
)
_UNITS = word_set(
    """
    st nd rd th am pm h hr hrs hour hours m min mins minute minutes s sec secs ms d day days week weeks month months
    year years k x px pt kb mb gb tb kg km cm mm usd eur gbp
    """
)
_SUFFIXES = (
    "ations",
    "ation",
    "ments",
    "ment",
    "ings",
    "ing",
    "ions",
    "ion",
    "ied",
    "ies",
    "ed",
    "es",
    "al",
    "s",
)


def canonical(text: str) -> str:
    """Return the tokens of a text in lower case with a blank around each, so that ` x ` in it asks for a token.

    Addresses lose scheme, "www." and trailing slash; their hosts are repeated after the text, behind a "|".
    """
    if "\\" in text:
        for escaped, plain in _ESCAPES:
            text = text.replace(escaped, plain)
    if not text.isascii():
        text = fold(text).data.decode("ascii")
    words = text.lower().translate(_BLANK).split()
    hosts = [name for word in words if "/" in word and (name := _host_in(word))] if "/" in text else ()
    tail = " | " + " ".join(hosts) + " " if hosts else " "
    return " " + " ".join(filter(None, map(_SPELLED.__getitem__, words))) + tail


class _Spelled(dict[str, str]):
    """How words are spelled canonically, worked out once each: texts repeat few words many times."""

    def __missing__(self, word: str) -> str:
        spelled = " ".join(_tokens(word))
        if len(word) <= _MAX_KEPT:
            if len(self) >= _MAX_WORDS:
                self.clear()
            self[word] = spelled
        return spelled


_SPELLED = _Spelled()


def _tokens(word: str) -> list[str]:
    """Return what one word comes to: nothing, itself without its edges, or the two sides of "key=value"."""
    token = word.strip(_EDGES)
    if "/" in token:
        token = _address(token)
    elif token.startswith("www."):
        token = token[4:]
    tokens: list[str] = []
    for mark in ":=":
        if mark in token and not token.replace(":", "").isdigit():
            key, _, rest = token.partition(mark)
            if key and key[0].isalpha() and rest and "/" not in key:
                tokens.append(key)
                token = rest
    return [*tokens, token] if token else []


def _host_in(word: str) -> str | None:
    name, slash, _ = _address(word.strip(_EDGES)).partition("/")
    return name if slash and "." in name else None


def _address(token: str) -> str:
    head, mark, rest = token.partition("://")
    token = rest if mark and head.isalpha() else token
    return token.removeprefix("www.").strip("/") or token


def host(token: str) -> str | None:
    """Return the host of an address token as `canonical` spells it, None where it is none."""
    name, slash, _ = token.partition("/")
    return name if slash and "." in name and len(name) >= 5 else None


def particular(token: str) -> bool:
    """Tell whether a token names one particular thing: an address, an account, a code, a path, a file.

    Words, amounts, dates and times do not.
    """
    if len(token) < 4 or len(token) > 512 or token.isalpha():
        return False
    digits = sum(map(str.isdigit, token))
    letters = sum(map(str.isalpha, token))
    if not letters:
        return digits >= 7 and not (digits == 8 and token[:2] in ("19", "20"))
    if digits:
        dated = token[:4].isdigit() and token[4:5] == "-" and letters <= 2
        return not dated and token.lstrip("0123456789.:-") not in _UNITS
    if "@" in token:
        return "." in token.rpartition("@")[2] and not token.startswith("@")
    if "/" in token:
        return "." in token or token.count("/") >= 2
    name, dot, ending = token.rpartition(".")
    if dot and len(name) >= 2 and 2 <= len(ending) <= 6:
        return True
    return "_" in token


def addressed(token: str) -> bool:
    """Tell whether a particular token says to whom or where: a mail address, a host, an account number."""
    if not particular(token):
        return False
    name, dot, ending = token.rpartition(".")
    domain = bool(dot) and len(name) >= 3 and 2 <= len(ending) <= 6 and ending.isalpha() and "/" not in token
    return "@" in token or domain or host(token) is not None or sum(map(str.isdigit, token)) >= 8


@functools.lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """Return a word without its ending; equal for most forms of one English word."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            if suffix in ("ied", "ies"):
                return word + "y"
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def stems(canonical_text: str) -> set[str]:
    """Return the stems of the content words of a canonical text."""
    return {stem(word) for word in canonical_text.split() if len(word) >= 3 and word.isalpha() and word not in _STOP}
