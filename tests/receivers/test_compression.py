from __future__ import annotations

import contextlib
import gzip
import random
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.receivers.compression import CompressionError, decompressor, frames_complete, zlib_header


def streamed(data: bytes) -> bytes:
    """Compress with zstd without saying the length, with a checksum, in several blocks."""
    writer = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compressobj()
    parts = [writer.compress(data[:50]), writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), writer.compress(data[50:])]
    return b"".join([*parts, writer.flush()])


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODECS = [
    ("gzip", gzip.compress),
    ("gzip", lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:])),
    ("deflate", zlib.compress),
    ("deflate", bare),
    ("zlib", zlib.compress),
    ("zstd", zstandard.compress),
    ("zstd", streamed),
    ("zstd", lambda data: zstandard.compress(data[:10]) + zstandard.compress(data[10:])),
    ("zstd", lambda data: b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstandard.compress(data)),
]


def undo(encoding: str, body: bytes, step: int = 1 << 20, limit: int = 1 << 24) -> bytes:
    reader = decompressor(encoding, body)
    assert reader is not None
    result = b""
    while not reader.finished and len(result) <= limit:
        part = reader.read(step)
        assert len(part) <= step
        result += part
    return result


@pytest.mark.parametrize(("encoding", "compress"), CODECS)
@pytest.mark.parametrize("step", [7, 4096, 1 << 20])
@pytest.mark.parametrize("size", [0, 1, 13, 5000, 300_000])
def test_every_step_size_gives_the_same(encoding: str, compress: object, step: int, size: int) -> None:
    if step == 7 and size > 5000:
        size = 20_000
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    assert undo(encoding, compress(data), step) == data  # type: ignore[operator]


@pytest.mark.parametrize(("encoding", "compress"), CODECS)
def test_a_stream_that_ends_early_or_goes_on_is_an_error(encoding: str, compress: object) -> None:
    body = compress(random.Random(1).randbytes(500))  # type: ignore[operator]
    for cut in (1, 5, len(body) // 2):
        with pytest.raises(CompressionError):
            undo(encoding, body[:-cut])
    with pytest.raises(CompressionError):
        undo(encoding, body + b"more")


def test_a_bomb_is_read_in_steps() -> None:
    for encoding, body in (
        ("gzip", gzip.compress(bytes(50 << 20))),
        ("zstd", zstandard.compress(bytes(50 << 20))),
        ("deflate", zlib.compress(bytes(50 << 20))),
    ):
        reader = decompressor(encoding, body)
        assert reader is not None
        assert len(reader.read(1000)) == 1000
        assert not reader.finished


def test_unknown_encodings() -> None:
    assert decompressor("br", b"") is None


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["gzip", "deflate", "zlib", "zstd"]), st.binary(max_size=300), st.integers(0, 300))
def test_rubbish_is_an_error_of_ours_or_read_within_bounds(encoding: str, noise: bytes, keep: int) -> None:
    good = dict(CODECS)[encoding](b"some text that compresses, some text" * 5)  # type: ignore[operator]
    for body in (noise, good[:keep] + noise):
        with contextlib.suppress(CompressionError):
            assert len(undo(encoding, body, 4096, 1 << 20)) <= (1 << 20) + 4096


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000), st.integers(1, 22))
def test_whole_frames_are_told_from_parts(data: bytes, level: int) -> None:
    body = zstandard.compress(data, level)
    assert frames_complete(body)
    assert not any(frames_complete(body[:cut]) for cut in range(len(body)))


def test_zlib_headers() -> None:
    assert all(zlib_header(zlib.compress(b"x", level)) for level in range(10))
    assert not zlib_header(b"\x0a\x02")
