"""Undo a content encoding step by step, so that the caller can stop as soon as the result is too large."""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

ENCODINGS = ("gzip", "zstd", "deflate", "zlib")
"""The names that `decompressor` knows, beside none at all and `identity`."""

GZIP_MAGIC = b"\x1f\x8b"
_MAX_WINDOW = 1 << 27
"""As other zstd decoders do by default: a frame that wants more history than 128 MiB is refused."""


class CompressionError(ValueError):
    """The bytes are not what their encoding says."""


class Decompressor(Protocol):
    """Undoes one encoding of one body."""

    finished: bool

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; `finished` is set once there are no more. Raises CompressionError."""
        ...


def decompressor(encoding: str, body: bytes) -> Decompressor | None:
    """Return what undoes a content encoding (in lower case), None for an unknown one."""
    if encoding == "gzip":
        return _Zlib(body, "gzip", 31)
    if encoding in {"deflate", "zlib"}:
        # Some senders mean the bare stream by "deflate"; a zlib header tells the two apart.
        return _Zlib(body, encoding, 15 if zlib_header(body) else -15)
    if encoding == "zstd":
        return _Zstd(body)
    return None


def zlib_header(body: bytes) -> bool:
    """Tell whether the bytes start as a zlib stream does (RFC 1950)."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and body[0] >> 4 <= 7 and (body[0] << 8 | body[1]) % 31 == 0


class _Zlib:
    def __init__(self, body: bytes, name: str, bits: int) -> None:
        self.finished = False
        self._input = body
        self._name = name
        self._bits = bits
        self._inflater = zlib.decompressobj(bits)

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and not self.finished:
            try:
                part = self._inflater.decompress(self._input, size)
            except zlib.error as error:
                raise CompressionError(f"not {self._name}: {error}") from None
            parts.append(part)
            size -= len(part)
            if self._inflater.eof:
                self._next_member()
            else:
                self._input = self._inflater.unconsumed_tail
                if not part and not self._input:
                    raise CompressionError(f"not {self._name}: the stream ends early")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _next_member(self) -> None:
        self._input = self._inflater.unused_data
        if not self._input:
            self.finished = True
        elif self._bits == 31 and self._input.startswith(GZIP_MAGIC):
            self._inflater = zlib.decompressobj(self._bits)
        else:
            raise CompressionError(f"not {self._name}: {len(self._input)} bytes after its end")


class _Zstd:
    def __init__(self, body: bytes) -> None:
        self.finished = False
        self._body = body
        self._reader: zstandard.ZstdDecompressionReader | None = None

    def read(self, size: int) -> bytes:
        if self._reader is None:
            # The library takes a stream that ends early for a complete one.
            if not frames_complete(self._body):
                raise CompressionError("not zstd: the stream ends early")
            undo = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
            self._reader = undo.stream_reader(self._body, read_across_frames=True)
        try:
            part = self._reader.read(size)
        except zstandard.ZstdError as error:
            raise CompressionError(f"not zstd: {error}") from None
        if len(part) < size:
            self.finished = True
        return part


def frames_complete(body: bytes) -> bool:
    """Tell whether the bytes are whole zstd frames, at least one, by their headers alone (RFC 8878 section 3.1)."""
    at = 0
    while at < len(body):
        if body[at : at + 4] == b"\x28\xb5\x2f\xfd":
            end = _frame_end(body, at + 4)
        elif body[at : at + 1] and 0x50 <= body[at] <= 0x5F and body[at + 1 : at + 4] == b"\x2a\x4d\x18":
            end = at + 8 + int.from_bytes(body[at + 4 : at + 8], "little")
        else:
            return False
        if end is None or end > len(body):
            return False
        at = end
    return at > 0


def _frame_end(body: bytes, at: int) -> int | None:
    """Return where a frame ends whose descriptor is at `at`, None if it does not."""
    if at >= len(body):
        return None
    descriptor = body[at]
    single = descriptor >> 5 & 1
    at += 1 + (not single) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
    while at + 3 <= len(body):
        header = body[at] | body[at + 1] << 8 | body[at + 2] << 16
        # A block of type 1 is one byte, repeated.
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
        if header & 1:
            return at + 4 * (descriptor >> 2 & 1)
    return None
