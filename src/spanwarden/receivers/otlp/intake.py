"""What every OTLP protocol does with a request: check it, store it, hand it on, and only then acknowledge it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import Checked, RequestError, Signal, check, decode
from spanwarden.storage.journal import Entry, Journal, JournalFullError

RETRY_AFTER = 1.0
"""Seconds that an overloaded receiver asks for; exporters give up on waits beyond a few seconds."""

Message = trimmed_pb2.Traces | trimmed_pb2.Logs


class OverloadedError(Exception):
    """There is no room at the moment; the client should come again after `after` seconds."""

    def __init__(self, after: float = RETRY_AFTER) -> None:
        super().__init__("overloaded")
        self.after = after


class Counters(Protocol):
    """What the receivers count; see the service's metrics."""

    def received(self, signal: Signal, transport: str, accepted: int, refused: int) -> None:
        """Count records of a request that was answered."""
        ...

    def malformed(self, signal: Signal, transport: str) -> None:
        """Count a request that could not be decoded."""
        ...

    def overloaded(self, signal: Signal, transport: str) -> None:
        """Count a request that was turned away for lack of room."""
        ...


class Intake:
    """The way from a decoded protocol frame into the corridor.

    has_room: asked with the size of a request before anything is spent on it.
    hand_over: called with the position, the decoded request and its size once the request is stored; must not block.
    """

    def __init__(
        self,
        journal: Journal,
        has_room: Callable[[int], bool],
        hand_over: Callable[[int, Message, int], None],
        counters: Counters,
        wall_ns: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._has_room = has_room
        self._hand_over = hand_over
        self._counters = counters
        self._wall_ns = wall_ns

    async def accept(self, signal: Signal, body: bytes, transport: str, peer: str = "") -> Checked:
        """Take one request in protobuf form; return once it is as durable as the journal promises.

        Raises RequestError for bytes that are no request, OverloadedError when the client should come again.
        """
        if not self._has_room(len(body)):
            self._counters.overloaded(signal, transport)
            raise OverloadedError
        try:
            message = decode(signal, body)
        except RequestError:
            self._counters.malformed(signal, transport)
            raise
        checked = check(message)
        if checked.records > checked.rejected:
            try:
                future = self._journal.append(Entry(signal, self._wall_ns(), body, peer))
                position = await asyncio.wrap_future(future)
            except JournalFullError:
                self._counters.overloaded(signal, transport)
                raise OverloadedError from None
            self._hand_over(position, message, len(body))
        self._counters.received(signal, transport, checked.records - checked.rejected, checked.rejected)
        return checked
