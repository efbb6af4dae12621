"""The regular expressions of conditions: RE2, so that no pattern and no text can make a search slow.

They are read as troy reads them: anywhere in the text, without regard to case, `$` also before a last line break.
"""

from __future__ import annotations

import re
from typing import Any

import re2

MAX_PATTERN = 1_000
MAX_SEARCHED = 1 << 20
"""Characters of one text that are searched: of a longer one, its head and its tail."""
_REMEMBERED = 512
_SHORT = 256
_UNSUPPORTED = (
    ("(?=", "a lookahead"),
    ("(?!", "a negative lookahead"),
    ("(?<=", "a lookbehind"),
    ("(?<!", "a negative lookbehind"),
    ("(?>", "an atomic group"),
    ("(?(", "a conditional group"),
    ("(?#", "a comment"),
)
_BY_LINE = re.compile(r"\(\?[a-z]*m")
_UP_TO = re.compile(r"\{(?=,\d+\})")


class PatternError(ValueError):
    """A pattern cannot be used; the text says why."""


class Pattern:
    """A compiled pattern. `answers` keeps those for short texts: names of tools come again and again."""

    __slots__ = ("_compiled", "answers")

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.answers: dict[str, bool] = {}

    def search(self, value: Any) -> bool:
        """Tell whether the pattern is anywhere in a value, which is taken as text."""
        text = value if type(value) is str else str(value)
        found = self.answers.get(text)
        if found is None:
            found = self._search(text)
            if len(text) <= _SHORT:
                if len(self.answers) >= _REMEMBERED:
                    self.answers.clear()
                self.answers[text] = found
        return found

    def _search(self, text: str) -> bool:
        if len(text) > MAX_SEARCHED:
            half = MAX_SEARCHED // 2
            return self._search(text[:half]) or self._search(text[-half:])
        # Bytes: a trace may hold half a surrogate pair, which no encoder takes as it is.
        return self._compiled.search(text.encode("utf-8", "replace")) is not None


def compiled(pattern: str) -> Pattern:
    """Return a pattern, compiled. Raises PatternError for what RE2 does not know and for patterns too large."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern longer than {MAX_PATTERN} characters")
    chosen = re2.Options()
    chosen.case_sensitive = False
    chosen.log_errors = False
    chosen.max_mem = 4 << 20
    try:
        return Pattern(re2.compile(_translated(pattern).encode("utf-8", "replace"), chosen))
    except re2.error as error:
        reason = error.args[0] if error.args else error
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"the pattern cannot be used: {said}") from None


def _translated(pattern: str) -> str:
    """Return a pattern of Python's in RE2's spelling. Raises PatternError for what RE2 cannot do."""
    out: list[str] = []
    at, in_class = 0, False
    end = "$" if _BY_LINE.match(pattern) else r"(?:\n?\z)"
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\":
            pair = pattern[at : at + 2]
            if not in_class and (pair[1:].isdigit() and pair != "\\0"):
                raise PatternError("a back-reference: patterns are run by RE2, which has none")
            out.append({"\\Z": r"\z"}.get(pair, pair) if not in_class else pair)
            at += 2
            continue
        if in_class:
            # A bracket that comes first in a class stands for itself; RE2 reads it so, too.
            in_class = not (mark == "]" and pattern[at - 1] not in "[^")
        elif mark == "[":
            in_class = True
        elif mark == "(":
            _refuse(pattern, at)
        elif _UP_TO.match(pattern, at):
            mark = "{0"  # Python's {,3}, which RE2 takes for text
        out.append(end if mark == "$" and not in_class else mark)
        at += 1
    return "".join(out)


def _refuse(pattern: str, at: int) -> None:
    for opening, name in _UNSUPPORTED:
        if pattern.startswith(opening, at):
            raise PatternError(f"{name}, {opening}…): patterns are run by RE2, which has none")
    if pattern.startswith("(?P=", at):
        raise PatternError("a back-reference: patterns are run by RE2, which has none")
