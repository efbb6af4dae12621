"""Reprs of Python objects, which some programs send in place of JSON: read as data, nothing is evaluated.

`ChatMessage(_role=<Role.USER: 'user'>, _content=[Text(text='hi')])` becomes a dict with the class's name under `""`.
"""

from __future__ import annotations

import re
from typing import Any

MAX_TEXT = 4 << 20
MAX_DEPTH = 40
MAX_ITEMS = 100_000
_DIGITS = 400

_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*)?(?:\.\d*)?(?:[eE][+-]?\d{1,4})?j?")
_STOP = {"'": re.compile(r"['\\]"), '"': re.compile(r'["\\]')}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ENUM = re.compile(r"<[A-Za-z_][\w.]*: ?('[^'\\>]*'|\"[^\"\\>]*\"|-?\d{1,18})>")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WORDS = {"None": None, "True": True, "False": False, "nan": None, "inf": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class ReprError(ValueError):
    """The text is no repr of the kinds read here, is cut off, or is too large."""


def read_repr(text: str) -> Any:
    """Return the value that a repr shows. Raises ReprError.

    Objects become dicts: the class's name under the key "", keyword arguments by name, others by position ("0").
    Enum members become their values, other `<...>` reprs their text. Tuples and sets become lists. Linear in the text.
    """
    if len(text) > MAX_TEXT:
        raise ReprError("text too long")
    reader = _Reader(text)
    value = reader.value(0)
    if reader.peek() != "":
        raise ReprError(f"unexpected text at {reader.at}")
    return value


class _Reader:
    __slots__ = ("at", "left", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.left = MAX_ITEMS

    def peek(self) -> str:
        """Skip blanks and return the next character, "" at the end."""
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Any:
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            raise ReprError("nested too deeply" if depth > MAX_DEPTH else "too many values")
        head = self.peek()
        if head in {"'", '"'}:
            return self._string(head)
        if head in {"[", "("}:
            self.at += 1
            return self._items(_CLOSING[head], depth)
        if head == "{":
            self.at += 1
            return self._mapping(depth)
        if head == "<":
            return self._opaque()
        if head in {"b", "r", "u"} and self.text[self.at + 1 : self.at + 2] in {"'", '"'}:
            self.at += 1
            return self._string(self.text[self.at])
        name = _NAME.match(self.text, self.at)
        if name is not None:
            return self._named(name, depth)
        return self._number()

    def _string(self, quote: str) -> str:
        start = self.at + 1
        stop = _STOP[quote]
        at = start
        while (match := stop.search(self.text, at)) is not None:
            if match.group() == quote:
                self.at = match.end()
                inside = self.text[start : match.start()]
                return _ESCAPE.sub(_unescaped, inside) if "\\" in inside else inside
            at = match.end() + 1
        raise ReprError("text ends within a string")

    def _items(self, closing: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while self._more(closing, bool(items)):
            items.append(self.value(depth + 1))
        return items

    def _more(self, closing: str, further: bool) -> bool:
        """Step over the comma or the end of a list; tell whether another item follows."""
        head = self.peek()
        if further and head == ",":
            self.at += 1
            head = self.peek()
        elif further and head != closing:
            raise ReprError(f"expected a comma at {self.at}")
        if head == closing:
            self.at += 1
            return False
        return True

    def _mapping(self, depth: int) -> Any:
        found: dict[str, Any] = {}
        members: list[Any] = []
        while self._more("}", bool(found or members)):
            key = self.value(depth + 1)
            if self.peek() == ":":
                self.at += 1
                found[key if isinstance(key, str) else repr(key)] = self.value(depth + 1)
            else:
                members.append(key)
        return members or found

    def _named(self, name: re.Match[str], depth: int) -> Any:
        self.at = name.end()
        word = name.group()
        if word in _WORDS:
            return _WORDS[word]
        if self.peek() != "(":
            raise ReprError(f"unknown word at {name.start()}")
        self.at += 1
        fields: dict[str, Any] = {"": word}
        while self._more(")", len(fields) > 1):
            self.peek()
            keyword = _NAME.match(self.text, self.at)
            if keyword is not None and self.text[keyword.end() : keyword.end() + 1] == "=":
                self.at = keyword.end() + 1
                fields[keyword.group()] = self.value(depth + 1)
            else:
                fields[str(len(fields) - 1)] = self.value(depth + 1)
        return fields

    def _opaque(self) -> Any:
        member = _ENUM.match(self.text, self.at)
        if member is not None:
            self.at = member.end()
            shown = member.group(1)
            return shown[1:-1] if shown[0] in "'\"" else int(shown)
        end = self.text.find(">", self.at)
        if end < 0:
            raise ReprError("text ends within <>")
        shown = self.text[self.at : end + 1]
        self.at = end + 1
        return shown

    def _number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        shown = match.group() if match is not None else ""
        if len(shown) > _DIGITS:
            raise ReprError("number too long")
        try:
            value = float(shown) if any(c in shown for c in ".eE") else int(shown)
        except ValueError:
            raise ReprError(f"unexpected character at {self.at}") from None
        self.at += len(shown)
        return value


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return _LETTERS.get(code, "" if code == "\n" else code)
