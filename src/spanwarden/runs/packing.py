"""Observations of windows that wait, made small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import zstandard

from spanwarden.model.observation import Observation

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Observation])


def pack(observations: Sequence[Observation]) -> bytes:
    """Return observations as bytes, about a tenth of what they take as objects."""
    packed = zstandard.ZstdCompressor(level=1).compress(_encoder.encode(observations))
    return bytes(memoryview(packed))  # what zstd returns lies in room for what cannot be made smaller


def unpack(packs: Iterable[bytes]) -> list[Observation]:
    """Return the observations in several packs, in order."""
    found: list[Observation] = []
    for packed in packs:
        found += _decoder.decode(zstandard.ZstdDecompressor().decompress(packed))
    return found
