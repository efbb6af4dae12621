"""Observations as bytes: of windows that wait, for another process, and to be kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import zstandard

from spanwarden.model.observation import Observation

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Observation])


def encode(observations: Sequence[Observation]) -> bytes | None:
    """Return observations as bytes; None for text that has none (lone surrogates)."""
    try:
        return _encoder.encode(observations)
    except UnicodeEncodeError:
        return None


def decode(encoded: bytes) -> list[Observation]:
    """Return encoded observations. Raises msgspec.DecodeError."""
    return _decoder.decode(encoded)


def pack(observations: Sequence[Observation]) -> bytes | None:
    """Return observations as about a tenth of what they take as objects; None where they cannot be encoded."""
    encoded = encode(observations)
    if encoded is None:
        return None
    packed = zstandard.ZstdCompressor(level=1).compress(encoded)
    return bytes(memoryview(packed))  # what zstd returns lies in room for what cannot be made smaller


def unpack(packs: Iterable[bytes]) -> list[Observation]:
    """Return the observations in several packs, in order."""
    found: list[Observation] = []
    for packed in packs:
        found += decode(zstandard.ZstdDecompressor().decompress(packed))
    return found
