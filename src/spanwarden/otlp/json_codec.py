"""OTLP/JSON to protobuf and back, as the specification's JSON Protobuf encoding says.

Keys are lowerCamelCase only, trace and span ids are hex in any case, other bytes are base64, enums are integers,
64-bit integers are numbers or strings, null means absent, and unknown keys are ignored. The stock protobuf JSON parser
gets the ids wrong and rejects unknown keys (../shared/reference/otlp-and-genai.md §7), hence this small walker over
the official message descriptors.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)

MAX_DEPTH = 100
_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
}
_FLOATS = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class JsonError(ValueError):
    """The body is not OTLP/JSON; the text names the place."""


def decode(body: bytes, message: M) -> M:
    """Fill `message` from OTLP/JSON text and return it. Raises JsonError, never anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JsonError(f"not JSON: {error}") from None
    except RecursionError:
        raise JsonError("nested too deeply") from None
    if not isinstance(value, dict):
        raise JsonError("the body must be a JSON object")
    _fill(message, value, "", 0)
    return message


def _fill(message: Message, value: dict[str, Any], path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise JsonError(f"{path}: nested too deeply")
    fields = _fields(message)
    for key, item in value.items():
        field = fields.get(key)
        if field is None or item is None:
            continue
        here = f"{path}.{key}" if path else key
        if field.is_repeated:
            if not isinstance(item, list):
                raise JsonError(f"{here}: expected an array")
            target = getattr(message, field.name)
            for index, element in enumerate(item):
                if field.type == FieldDescriptor.TYPE_MESSAGE:
                    _fill(target.add(), _object(element, f"{here}[{index}]"), f"{here}[{index}]", depth + 1)
                else:
                    target.append(_scalar(field, element, f"{here}[{index}]"))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            child = getattr(message, field.name)
            child.SetInParent()
            _fill(child, _object(item, here), here, depth + 1)
        else:
            setattr(message, field.name, _scalar(field, item, here))


_CACHE: dict[str, dict[str, Any]] = {}


def _fields(message: Message) -> dict[str, Any]:
    descriptor = message.DESCRIPTOR
    fields = _CACHE.get(descriptor.full_name)
    if fields is None:
        fields = _CACHE[descriptor.full_name] = {field.json_name: field for field in descriptor.fields}
    return fields


def _object(value: Any, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise JsonError(f"{path}: expected an object")
    return value


def _scalar(field: Any, value: Any, path: str) -> Any:
    kind = field.type
    if kind == FieldDescriptor.TYPE_STRING:
        if not isinstance(value, str):
            raise JsonError(f"{path}: expected a string")
        return value.encode("utf-8", "replace").decode("utf-8") if not value.isascii() else value
    if kind == FieldDescriptor.TYPE_BOOL:
        if not isinstance(value, bool):
            raise JsonError(f"{path}: expected true or false")
        return value
    if kind == FieldDescriptor.TYPE_BYTES:
        return _bytes(field, value, path)
    if kind in _FLOATS:
        return _float(value, path)
    limits = _INTEGERS.get(kind)
    if limits is None:
        raise JsonError(f"{path}: unsupported")
    return _integer(value, limits, path)


def _bytes(field: Any, value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise JsonError(f"{path}: expected a string")
    try:
        if field.name in _HEX_FIELDS:
            return binascii.unhexlify(value)
        padded = value.replace("-", "+").replace("_", "/")
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise JsonError(f"{path}: not {'hex' if field.name in _HEX_FIELDS else 'base64'}") from None


def _float(value: Any, path: str) -> float:
    if isinstance(value, str):
        if value in _SPECIAL:
            return _SPECIAL[value]
        try:
            return float(value)
        except ValueError:
            raise JsonError(f"{path}: expected a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JsonError(f"{path}: expected a number")
    try:
        return float(value)
    except OverflowError:
        raise JsonError(f"{path}: out of range") from None


def _integer(value: Any, limits: tuple[int, int], path: str) -> int:
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = int(value)
        except ValueError:
            raise JsonError(f"{path}: expected an integer") from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise JsonError(f"{path}: expected an integer")
    if not limits[0] <= value <= limits[1]:
        raise JsonError(f"{path}: out of range")
    return value


def encode(message: Message) -> bytes:
    """Return OTLP/JSON text of an official OTLP message: hex ids, integer enums, 64-bit integers as strings."""
    value = json_format.MessageToDict(message, use_integers_for_enums=True)
    _ids_to_hex(value)
    return msgspec.json.encode(value)


_HEX_KEYS = frozenset({"traceId", "spanId", "parentSpanId"})


def _ids_to_hex(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            for key, child in item.items():
                if key in _HEX_KEYS and isinstance(child, str):
                    item[key] = base64.b64decode(child).hex()
                else:
                    pending.append(child)
