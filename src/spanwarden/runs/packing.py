"""Observations of windows that wait, made small."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from spanwarden.model.observation import Observation

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Observation])


def pack(observations: Sequence[Observation]) -> bytes:
    """Return observations as bytes, about a tenth of what they take as objects."""
    return zlib.compress(_encoder.encode(observations), 1)


def unpack(packs: Iterable[bytes]) -> list[Observation]:
    """Return the observations in several packs, in order."""
    found: list[Observation] = []
    for packed in packs:
        found += _decoder.decode(zlib.decompress(packed))
    return found
