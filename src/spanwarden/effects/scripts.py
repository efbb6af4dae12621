"""Tool calls inside the JavaScript of a code-mode wrapper (`await tools.exec_command({cmd: "ls"})`)."""

from __future__ import annotations

from typing import Any

import re2

from spanwarden.effects.encodable import encodable
from spanwarden.effects.limits import MAX_TEXT

_CALL = re2.compile(r"\btools\s*\.\s*([A-Za-z_$][\w$]*)\s*\(|\btools\s*\[\s*[\"']([\w.$-]+)[\"']\s*\]\s*\(")
_MAX_CALLS = 32
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v"}


def script_calls(text: str) -> list[tuple[str, Any]] | None:
    """Return the tools called and their literal arguments; None where the text calls no `tools.…`.

    An argument that is no literal (a variable, an expression) is left out.
    """
    source = encodable(text[:MAX_TEXT])
    calls: list[tuple[str, Any]] = []
    for match in _CALL.finditer(source):
        name = match.group(1) or match.group(2)
        calls.append((name, _argument(source, match.end())))
        if len(calls) >= _MAX_CALLS:
            break
    return calls or None


def members_of(text: str) -> dict[str, Any]:
    """Return the members of an object literal whose values are text or lists of text; its end may be missing.

    Reads JSON that an exporter cut off, and JavaScript. The text after the cut is not guessed.
    """
    start = text.find("{")
    return _object(encodable(text[:MAX_TEXT]), start + 1) if start >= 0 else {}


def _argument(source: str, at: int) -> Any:
    at = _blank(source, at)
    character = source[at : at + 1]
    if character == "{":
        return _object(source, at + 1)
    if character and character in "\"'`":
        return _string(source, at)[0]
    return None


def _object(source: str, at: int) -> dict[str, Any]:
    """Read `key: literal` pairs of one object; nested values that are not strings are skipped."""
    members: dict[str, Any] = {}
    while at < len(source) and len(members) < 32:
        at = _blank(source, at)
        character = source[at : at + 1]
        if not character or character == "}":
            break
        key, at = _key(source, at)
        at = _blank(source, at)
        if source[at : at + 1] != ":":
            at = _skip(source, at)
            continue
        at = _blank(source, at + 1)
        if source[at : at + 1] in {'"', "'", "`"}:
            members[key], at = _string(source, at)
        elif source[at : at + 1] == "[":
            members[key], at = _list(source, at + 1)
        at = _skip(source, at)
    return members


def _key(source: str, at: int) -> tuple[str, int]:
    if source[at] in "\"'`":
        return _string(source, at)
    end = at
    while end < len(source) and (source[end].isalnum() or source[end] in "_$"):
        end += 1
    return source[at:end], max(end, at + (end == at))


def _list(source: str, at: int) -> tuple[list[str], int]:
    members: list[str] = []
    while at < len(source):
        at = _blank(source, at)
        character = source[at : at + 1]
        if character in {'"', "'", "`"}:
            member, at = _string(source, at)
            members.append(member)
        elif character in {"]", ""}:
            return members, at + 1
        else:
            at += 1
    return members, at


def _string(source: str, at: int) -> tuple[str, int]:
    quote = source[at]
    parts: list[str] = []
    at += 1
    while at < len(source) and source[at] != quote:
        if source[at] == "\\" and at + 1 < len(source):
            escaped = source[at + 1]
            if escaped == "u" and (code := _code_point(source[at + 2 : at + 6])):
                parts.append(code)
                at += 6
                continue
            if escaped != "\n":
                parts.append(_ESCAPES.get(escaped, escaped))
            at += 2
            continue
        parts.append(source[at])
        at += 1
    return "".join(parts), at + 1


def _code_point(digits: str) -> str:
    try:
        code = int(digits, 16) if len(digits) == 4 else 0
    except ValueError:
        return ""
    return chr(code) if code and not 0xD800 <= code < 0xE000 else ""


def _blank(source: str, at: int) -> int:
    while at < len(source) and (source[at].isspace() or source[at] == ","):
        at += 1
    return at


def _skip(source: str, at: int) -> int:
    """Go past the rest of one value: to the next comma or closing brace of this object."""
    depth = 0
    while at < len(source):
        character = source[at]
        if character in "\"'`":
            _, at = _string(source, at)
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            if depth == 0:
                return at
            depth -= 1
        elif character == "," and depth == 0:
            return at
        at += 1
    return at
