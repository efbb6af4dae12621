"""Attribute values: from an encoded AnyValue to plain Python, no further than asked.

Values stay bytes until somebody reads them. A string is one slice, an integer a few shifts; only arrays and maps
go through the message class. Nothing here raises on hostile input: what cannot be read is None.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from spanwarden.otlp.proto import trimmed_pb2

MAX_DEPTH = 64
"""Nesting beyond this is cut (the limit that OTel SDKs use by default)."""

_REDACTED = frozenset({"<REDACTED>", "[REDACTED]", "__REDACTED__", "N/A"})


_JSON = frozenset((b"{", b"["))
_decode_json = msgspec.json.Decoder().decode
_SHORT = 64
_MAX_KNOWN = 8192
_KNOWN: dict[bytes, str] = {}
"""Short texts that were read lately, by their bytes: names of tools, models and agents come again and again."""


def decode(encoded: bytes | None) -> Any:
    """Return the value of an encoded AnyValue as str, bool, int, float, list, dict, base64 text, or None."""
    if not encoded:
        return None
    tag, size = encoded[0], len(encoded)
    if tag == 0x0A and size > 1:  # string_value
        start = _text_start(encoded)
        if start:
            return encoded[start:].decode("utf-8", "replace")
    elif tag == 0x10 and size == 2:  # bool_value
        return encoded[1] != 0
    elif tag == 0x18 and size > 1:  # int_value
        if size == 3 and encoded[1] >= 0x80 > encoded[2]:
            return encoded[1] & 0x7F | encoded[2] << 7
        end, number = (2, encoded[1]) if encoded[1] < 0x80 else _varint(encoded, 1)
        if end == size:
            return number - (1 << 64) if number >> 63 else number
    elif tag == 0x21 and size == 9:  # double_value
        return struct.unpack_from("<d", encoded, 1)[0]
    try:
        return _plain(trimmed_pb2.AnyValue.FromString(encoded), 0)
    except DecodeError:
        return None


def string_bytes(encoded: bytes) -> bytes | None:
    """Return the bytes of a string value as they were sent, None where the value is no string. Its UTF-8 may be bad."""
    start = _text_start(encoded)
    return encoded[start:] if start else None


def text(encoded: bytes | None) -> str | None:
    """Return a value as non-empty text that carries information.

    Numbers and booleans are spelled out, arrays and maps become JSON. Empty values and the marks that senders put in
    place of withheld content ("<REDACTED>", "__REDACTED__", "N/A") are None.
    """
    if encoded is None:
        return None
    short = len(encoded) <= _SHORT
    if short and (known := _KNOWN.get(encoded)) is not None:
        return known
    value = decode(encoded)
    if isinstance(value, str):
        if not value or value in _REDACTED:
            return None
    elif value is None:
        return None
    elif isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    else:
        value = msgspec.json.encode(value).decode("utf-8", "replace")
    if short:
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        _KNOWN[encoded] = value
    return value


def first_text(encoded: Mapping[str, bytes], names: Iterable[str]) -> str | None:
    """Return the first of these attributes that is present and says something, as `text`."""
    for name in names:
        if name in encoded:  # which costs a third of `get` where it is absent, and most are
            value = encoded[name]
            told = _KNOWN.get(value) or text(value)
            if told is not None:
                return told
    return None


def integer(encoded: bytes | None) -> int | None:
    """Return a value as a 64-bit integer; numeric text and whole floats count, anything else is None."""
    if encoded is not None and len(encoded) == 3 and encoded[0] == 0x18 and encoded[1] >= 0x80 > encoded[2]:
        return encoded[1] & 0x7F | encoded[2] << 7  # as `decode` does it; most counts are of this size
    value = decode(encoded)
    if type(value) is int:
        return value
    if value is None or isinstance(value, bool):
        return None
    try:
        result = int(float(value)) if isinstance(value, str) and "." in value[:32] else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if -(1 << 63) <= result < 1 << 63 else None


def number(encoded: bytes | None) -> float | None:
    """Return a value as a finite float; numeric text counts, anything else is None."""
    value = decode(encoded)
    if value is None or isinstance(value, bool | list | dict):
        return None
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if -1e300 < result < 1e300 else None


def boolean(encoded: bytes | None) -> bool | None:
    """Return a value as a boolean; the words true and false count, anything else is None."""
    value = decode(encoded)
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None


def structure(encoded: bytes | None) -> Any:
    """Return a value with JSON text parsed: senders write the same attribute as a map or as a JSON string.

    Text that is no JSON object or array (plain words, truncated JSON) comes back as text; withheld content is None.
    """
    if encoded is not None and (start := _text_start(encoded)) and encoded[start : start + 1] in _JSON:
        try:
            return _decode_json(encoded[start:])  # without making text of it first
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass
    value = decode(encoded)
    if not isinstance(value, str):
        return value
    if value == "" or value in _REDACTED:
        return None
    return parse_json(value)


def parse_json(value: str) -> Any:
    """Return the object or array that JSON text holds, or the text itself where it holds neither."""
    head = value.lstrip()[:1]
    if head not in {"{", "["}:
        return value
    try:
        return _decode_json(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def attributes(encoded: Mapping[str, bytes]) -> dict[str, Any]:
    """Return every attribute decoded; for display only, hot paths look up single keys."""
    return {key: decode(encoded[key]) for key in encoded}


def _text_start(encoded: bytes) -> int:
    """Return where the text of a string value begins, 0 if the value is anything else.

    The length in front of it must be that of all the rest, which makes it known: reading it is comparing it.
    """
    size = len(encoded)
    if size < 2 or encoded[0] != 0x0A:
        return 0
    if size < 130:
        return 2 if encoded[1] == size - 2 else 0
    if size < 16387:
        length = size - 3
        if encoded[1] == length & 0x7F | 0x80 and encoded[2] == length >> 7:
            return 3
    start, length = _varint(encoded, 1)
    return start if start + length == size else 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (offset after the varint, value); offset 0 if the bytes end or run on too long."""
    result = shift = 0
    for index, byte in enumerate(data[at : at + 10], at + 1):
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return index, result & 0xFFFFFFFFFFFFFFFF
        shift += 7
    return 0, 0


def _plain(value: trimmed_pb2.AnyValue, depth: int) -> Any:
    which = value.WhichOneof("value")
    if which is None or depth > MAX_DEPTH:
        return None
    if which == "string_value":
        return value.string_value.decode("utf-8", "replace")
    if which == "array_value":
        return [_plain(item, depth + 1) for item in value.array_value.values]
    if which == "kvlist_value":
        pairs = value.kvlist_value.values
        return {pair.key.decode("utf-8", "replace"): _plain(pair.value, depth + 1) for pair in pairs}
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return getattr(value, which)
