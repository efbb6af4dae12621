"""What stored requests said, kept beside them, so that a start need not read them again.

A reading is good for the version and the tools that it was made with and for its own position; any other is not used.
"""

from __future__ import annotations

import hashlib
import zlib
from importlib import metadata

import msgspec
import zstandard

from spanwarden.effects.table import ToolTable
from spanwarden.model.observation import Observation
from spanwarden.runs.packing import decode

_STAMP, _CHECK = 16, 4
_LEVEL = -3
"""Of zstd: a seventh of the size for less than a microsecond a span."""


class Readings:
    """Seals encoded observations and opens them again, for one thread."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()
        self._tools: ToolTable | None = None

    def seal(self, position: int, encoded: bytes, tools: ToolTable) -> bytes:
        """Return what is to be kept beside the request at a position. tools: what it was read with."""
        small = self._compressor.compress(encoded)
        return b"".join((self._stamp(position, tools), zlib.crc32(small).to_bytes(_CHECK, "little"), small))

    def open(self, position: int, sealed: bytes, tools: ToolTable) -> list[Observation] | None:
        """Return what the request at a position said; None where it has to be read, with these tools."""
        stamp, check = sealed[:_STAMP], sealed[_STAMP : _STAMP + _CHECK]
        small = memoryview(sealed)[_STAMP + _CHECK :]
        if stamp != self._stamp(position, tools) or int.from_bytes(check, "little") != zlib.crc32(small):
            return None
        try:
            return decode(self._decompressor.decompress(small))
        except (zstandard.ZstdError, msgspec.DecodeError):
            return None

    def _stamp(self, position: int, tools: ToolTable) -> bytes:
        if self._tools is not tools:
            self._tools, self._made_by = tools, _made_by(tools)
        made = self._made_by.copy()
        made.update(position.to_bytes(8, "big"))
        return made.digest()


def _made_by(tools: ToolTable) -> hashlib.blake2b:
    tables = (tools.tools, tools.verbs, tools.nouns, tools.grid, tools.servers)
    made_by = (
        metadata.version("spanwarden"),
        Observation.__struct_fields__,
        *(sorted(table.items()) for table in tables),
    )
    return hashlib.blake2b(repr(made_by).encode(), digest_size=_STAMP)
