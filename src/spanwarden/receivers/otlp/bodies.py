"""From the body as sent to the request in protobuf: decompression and JSON, within limits and off the event loop.

What is small is done at once; what is large goes to one worker thread, so that it delays nobody for long.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from spanwarden.otlp.requests import RequestError, Signal, from_json
from spanwarden.receivers.budget import Reservation
from spanwarden.receivers.compression import CompressionError, Decompressor, decompressor
from spanwarden.receivers.otlp.intake import OverloadedError

T = TypeVar("T")

SMALL = 64 << 10
_STEP = 4 << 20


class TooLargeError(ValueError):
    """The body is too large once it is unpacked."""


class Bodies:
    """Unpacks bodies. Reservations grow before memory does; OverloadedError says that they could not."""

    def __init__(self, max_decompressed: int, max_held: int) -> None:
        self._max_decompressed = max_decompressed
        self._max_held = max_held
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="otlp-bodies")

    async def decompress(self, body: bytes, encoding: str, reservation: Reservation) -> bytes:
        """Return the body without its content encoding, which is a name that `compression` knows.

        Raises RequestError, TooLargeError, OverloadedError.
        """
        undo = decompressor(encoding, body)
        assert undo is not None
        try:
            return await self._undo(undo, len(body), reservation)
        except CompressionError as error:
            raise RequestError(str(error)) from None

    async def _undo(self, undo: Decompressor, size: int, reservation: Reservation) -> bytes:
        limit = self._max_decompressed
        result = io.BytesIO()
        step = max(SMALL, min(8 * size, _STEP))
        while not undo.finished:
            step = min(step, limit + 1 - result.tell())
            if not reservation.resize(size + result.tell() + step):
                raise OverloadedError
            small = step <= 2 * SMALL and size <= SMALL and result.tell() <= 4 * SMALL
            result.write(undo.read(step) if small else await self._elsewhere(lambda n=step: undo.read(n)))  # type: ignore[misc]
            if result.tell() > limit:
                raise TooLargeError(f"the body is larger than {limit} bytes after decompression")
            step = min(2 * step, _STEP)
        reservation.resize(result.tell())
        return result.getvalue()

    async def from_json(self, signal: Signal, body: bytes, reservation: Reservation) -> bytes:
        """Return an OTLP/JSON body as protobuf. Raises RequestError, TooLargeError, OverloadedError."""
        if len(body) <= SMALL:
            return from_json(signal, body)
        cost = _json_cost(body)
        if cost > self._max_held:
            raise TooLargeError("the JSON holds more values than there is memory for; send less at a time, or protobuf")
        if not reservation.resize(len(body) + cost):
            raise OverloadedError
        result = await self._elsewhere(lambda: from_json(signal, body))
        reservation.resize(len(result))
        return result

    async def _elsewhere(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def close(self) -> None:
        """Let go of the thread."""
        self._worker.shutdown(wait=False)


def _json_cost(body: bytes) -> int:
    """Return about how many bytes the values of a JSON text take in memory: containers cost most, and so empty ones."""
    return 2 * len(body) + 100 * (body.count(b"{") + body.count(b"[")) + 50 * body.count(b",")
