"""Where the records of a request stand in its bytes: of what is read again, most records are not wanted."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message

from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import RequestError, Signal

Reader = Callable[[int, int], bytes]
"""Returns the bytes of a request from one offset to before another."""

_COST = 2048
"""Bytes that a part takes in memory beside its offsets, about."""
_VARINT, _FIXED64, _BYTES, _OPEN, _CLOSE, _FIXED32 = range(6)
_OUTER, _FIRST, _SECOND = ((number << 3) | _BYTES for number in (1, 1, 2))
"""Tags of fields that traces and logs have alike: resources in a request, who or what tells, what is told."""


class Part(NamedTuple):
    """The records of one scope of one resource: offsets in the request, where each begins and ends."""

    resource: trimmed_pb2.Resource
    scope: trimmed_pb2.Scope
    offsets: array[int]


class Split:
    """A request of which only resources and scopes are decoded. `size` is about what it takes in memory."""

    def __init__(self, signal: Signal, parts: Sequence[Part], read: Reader, held: int) -> None:
        self.parts = parts
        self.size = held + sum(_COST + len(part.offsets) * part.offsets.itemsize for part in parts)
        self.signal = signal
        self._read = read
        self._kind = trimmed_pb2.Span if signal == "traces" else trimmed_pb2.LogRecord

    def records(self, part: Part) -> Sequence[Any]:
        """Return the records of a part; each is read and decoded when it is asked for."""
        return Encoded(part.offsets, self._read, self._kind)


class Encoded(Sequence[Any]):
    """Encoded records; one is decoded each time that it is asked for. Raises DecodeError then if it cannot be."""

    def __init__(self, offsets: Sequence[int], read: Reader, kind: type[Message]) -> None:
        self._offsets = offsets
        self._read = read
        self._kind = kind

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._offsets) // 2

    def __getitem__(self, index: Any) -> Any:
        """Return one, decoded."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._kind.FromString(self._read(self._offsets[2 * index], self._offsets[2 * index + 1]))


def split(signal: Signal, body: bytes, read: Reader | None = None) -> Split:
    """Return a request of spans or log records that `decode` takes, its records left where they are.

    read: reads from the same bytes later, so that they are not kept. Raises RequestError.
    """
    if signal == "metrics":
        raise RequestError("metrics hold no records of runs")
    try:
        parts = list(_parts(body))
    except (DecodeError, IndexError) as error:
        raise RequestError(f"not an export request of {signal}: {error}") from None
    if read is None:
        return Split(signal, parts, lambda start, end: body[start:end], len(body))
    return Split(signal, parts, read, 0)


def _parts(body: bytes) -> Iterator[Part]:
    for begin, end in _pairs(_fields(body, 0, len(body)).get(_OUTER, ())):
        fields = _fields(body, begin, end)
        resource = trimmed_pb2.Resource.FromString(_joined(body, fields.get(_FIRST, ())))
        for at, stop in _pairs(fields.get(_SECOND, ())):
            within = _fields(body, at, stop)
            scope = trimmed_pb2.Scope.FromString(_joined(body, within.get(_FIRST, ())))
            yield Part(resource, scope, within.get(_SECOND) or array("I"))


def _pairs(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(offsets[::2], offsets[1::2], strict=True)


def _joined(body: bytes, offsets: Sequence[int]) -> bytes:
    """Return a message. One that comes twice is both in one, and put together they are read as that."""
    return b"".join([body[begin:end] for begin, end in _pairs(offsets)])


def _fields(body: bytes, at: int, end: int) -> dict[int, array[int]]:
    """Return where the fields that hold bytes begin and end, by their tags. Raises IndexError."""
    found: dict[int, array[int]] = {}
    depth = 0
    while at < end:
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(body, at)
            if not depth:
                offsets = found.get(tag)
                if offsets is None:
                    offsets = found[tag] = array("I")
                offsets.extend((at, at + size))
            at += size
        elif kind == _VARINT:
            _, at = _varint(body, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _OPEN:
            depth += 1
        elif kind == _CLOSE and depth:
            depth -= 1
        else:
            raise IndexError(f"no field at {at}")
    if at != end or depth:
        raise IndexError(f"a field ends at {at}, not at {end}")
    return found


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = body[at]
    at += 1
    if value < 128:
        return value, at
    value &= 127
    shift = 7
    while (more := body[at]) >= 128:
        value |= (more & 127) << shift
        shift += 7
        at += 1
    return value | more << shift, at + 1
