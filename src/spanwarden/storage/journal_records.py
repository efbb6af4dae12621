"""How the journal writes an entry: a checked header, then the body, in pieces of a bounded size.

Pieces keep the file from fragmenting: whatever the requests' sizes, a freed place fits the next piece.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from spanwarden.otlp.requests import Signal
from spanwarden.storage.journal import Entry, Left

Piece = bytes | memoryview

FORMAT = 1
_HEAD = struct.Struct("<IBBQHHQ")  # CRC-32 of all that follows, format, signal, received, sizes: peer, tenant, body
_CHECKED = 4
_CODES: dict[Signal, int] = {"traces": 1, "logs": 2, "metrics": 3}
_SIGNALS: dict[int, Signal] = {code: signal for signal, code in _CODES.items()}
_PAGE = 4096
_PAGE_HEAD = 16
_INLINE = 2000
"""Values beyond about half a page get pages of their own."""
PIECE = 16 * _PAGE - _PAGE_HEAD
"""Bytes of every piece but the last; a part of the format, as parts of a body are found by it."""
_MAX_NAME = 1024


class DamagedError(Exception):
    """What was read is not what was written; the text says how that shows."""


def encode(entry: Entry) -> list[Piece]:
    """Return the pieces of an entry, in order. Peer and tenant are cut to 1 KiB each."""
    peer, tenant = entry.peer.encode()[:_MAX_NAME], entry.tenant.encode()[:_MAX_NAME]
    code = _CODES[entry.signal]
    rest = _HEAD.pack(0, FORMAT, code, entry.received, len(peer), len(tenant), len(entry.body))[_CHECKED:]
    front = rest + peer + tenant
    checksum = zlib.crc32(entry.body, zlib.crc32(front))
    body = memoryview(entry.body)
    first = PIECE - _CHECKED - len(front)
    head = b"".join((checksum.to_bytes(4, "little"), front, body[:first]))
    return [head, *(body[at : at + PIECE] for at in range(first, len(body), PIECE))]


def decode(pieces: Sequence[Piece]) -> Entry:
    """Return the entry that these pieces make. Raises DamagedError."""
    head = _head(pieces)
    checksum, version, code, received, peer_size, tenant_size, size = _HEAD.unpack_from(head)
    at = _HEAD.size + peer_size + tenant_size
    body = b"".join((head[at:], *pieces[1:]))
    if zlib.crc32(body, zlib.crc32(head[_CHECKED:at])) != checksum:
        raise DamagedError("its checksum does not fit")
    signal = _SIGNALS.get(code)
    if version != FORMAT or signal is None or len(body) != size or len(head) < at:
        raise DamagedError("it was written by another version")
    peer, tenant = head[_HEAD.size : _HEAD.size + peer_size], head[_HEAD.size + peer_size : at]
    return Entry(signal, received, body, _name(peer), _name(tenant))


def body_at(head: Piece) -> int:
    """Return at which byte of an entry's pieces, put together, its body begins."""
    fields = _HEAD.unpack_from(_head([head]))
    return _HEAD.size + int(fields[4]) + int(fields[5])


def received(head: Piece) -> int:
    """Return when an entry arrived, from its first piece; 0 where that is cut off."""
    view = memoryview(head)
    return int(_HEAD.unpack_from(view)[3]) if len(view) >= _HEAD.size else 0


def left(pieces: Sequence[Piece], reading: bytes) -> Left:
    """Return what an entry's first piece says of it, unchecked, with what was read of it. Raises DamagedError."""
    view = _head(pieces)
    _, _, _, arrived, peer_size, tenant_size, size = _HEAD.unpack_from(view)
    at = _HEAD.size + peer_size
    return Left(arrived, size, _name(view[_HEAD.size : at]), _name(view[at : at + tenant_size]), reading)


def split_reading(reading: bytes) -> list[Piece]:
    """Return the pieces of what was read of an entry."""
    view = memoryview(reading)
    return [view[at : at + PIECE] for at in range(0, len(view), PIECE)]


def _head(pieces: Sequence[Piece]) -> memoryview:
    """Return the first piece, which has at least a whole header. Raises DamagedError."""
    view = memoryview(pieces[0] if pieces else b"")
    if len(view) < _HEAD.size:
        raise DamagedError("its header is cut off")
    return view


def _name(written: memoryview) -> str:
    return bytes(written).decode("utf-8", "replace")


def footprint(pieces: Sequence[Piece]) -> int:
    """Return the bytes that pieces take on disk."""
    return sum(piece_footprint(memoryview(piece).nbytes) for piece in pieces)


def piece_footprint(size: int) -> int:
    """Return the bytes that a piece of this size takes on disk, its place in the index included."""
    return size + 32 if size <= _INLINE else -(-(size + _PAGE_HEAD) // _PAGE) * _PAGE + 64
