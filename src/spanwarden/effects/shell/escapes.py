"""Escapes of `$'…'`, `echo -e` and `printf`, and text hidden in base64 or hex."""

from __future__ import annotations

import base64
import binascii

_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
_HEX = {"x": 2, "u": 4, "U": 8}
_HEX_DIGITS = "0123456789abcdefABCDEF"
_OCTAL_DIGITS = "01234567"


def ansi_c(text: str) -> str:
    """Return text with its C escapes decoded; an unknown escape stays as written."""
    if "\\" not in text:
        return text
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "\\" or at + 1 >= len(text):
            parts.append(text[at])
            at += 1
            continue
        mark = text[at + 1]
        if mark in _HEX:
            digits = _run(text, at + 2, _HEX[mark], _HEX_DIGITS)
            if digits and (code := int(digits, 16)) < 0x110000 and code != 0:
                parts.append(chr(code))
                at += 2 + len(digits)
                continue
        elif mark in _OCTAL_DIGITS:
            digits = _run(text, at + 1, 4 if mark == "0" else 3, _OCTAL_DIGITS)
            parts.append(chr(int(digits, 8) or 32))
            at += 1 + len(digits)
            continue
        parts.append(_SIMPLE.get(mark) or (mark if mark in "\\\"'?" else "\\" + mark))
        at += 2
    return "".join(parts)


def _run(text: str, at: int, most: int, digits: str) -> str:
    end = at
    while end < len(text) and end - at < most and text[end] in digits:
        end += 1
    return text[at:end]


def printf(arguments: list[str]) -> str:
    """Return what `printf` prints for plain formats: escapes, `%s`, `%b`, `%%`."""
    if not arguments:
        return ""
    arguments = arguments[1:] if arguments[0] == "--" else arguments
    if not arguments:
        return ""
    pieces = ansi_c(arguments[0]).replace("%%", "\x01").replace("%b", "%s").split("%s")
    values = [ansi_c(value) for value in arguments[1:]]
    if len(pieces) == 1:
        return pieces[0].replace("\x01", "%")
    printed: list[str] = []
    slots = len(pieces) - 1
    for start in range(0, max(len(values), 1), slots):
        for at, piece in enumerate(pieces):
            printed.append(piece)
            if at < slots and start + at < len(values):
                printed.append(values[start + at])
    return "".join(printed).replace("\x01", "%")


def from_base64(text: str) -> str | None:
    """Return the text inside base64, None where it is none."""
    try:
        raw = base64.b64decode("".join(text.split()) + "==", validate=False)
    except (ValueError, binascii.Error):
        return None
    return _as_text(raw)


def from_hex(text: str) -> str | None:
    """Return the text inside hexadecimal digits, None where it is none."""
    try:
        return _as_text(bytes.fromhex("".join(text.split()).replace("\\x", "")))
    except ValueError:
        return None


def _as_text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8") or None
    except UnicodeDecodeError:
        return None


def from_base64_utf16(text: str) -> str | None:
    """Return the text inside base64 of UTF-16, as PowerShell encodes commands; None where it is none."""
    try:
        return base64.b64decode(text + "==").decode("utf-16-le") or None
    except (ValueError, binascii.Error, UnicodeDecodeError):
        return None
