"""What every OTLP protocol does with a request: check it, store it, hand it on, and only then acknowledge it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import Checked, RequestError, Signal, check, check_metrics, decode, decode_metrics
from spanwarden.receivers.budget import Budget
from spanwarden.receivers.otlp.wakes import Wakes
from spanwarden.storage.journal import Entry, Journal, JournalFullError

RETRY_AFTER = 1.0
"""Seconds that an overloaded receiver asks for; exporters give up on waits beyond a few seconds."""

RECORD_COST = 256
"""Bytes that a decoded record takes beside its content, which is what a flood of empty records costs."""

_LARGE = 2 << 20
"""Bytes from which on a request is checked in another thread. Decoding holds the interpreter wherever it is done."""
_MAX_IN_FLIGHT = 256 << 20

Message = trimmed_pb2.Traces | trimmed_pb2.Logs


class OverloadedError(Exception):
    """There is no room at the moment; the client should come again after `after` seconds."""

    def __init__(self, after: float = RETRY_AFTER) -> None:
        super().__init__("overloaded")
        self.after = after


class Counters(Protocol):
    """What the receivers count; see the service's metrics."""

    def received(self, signal: Signal, transport: str, accepted: int, refused: int, tenant: str = "") -> None:
        """Count records of a request that was answered."""
        ...

    def malformed(self, signal: Signal, transport: str) -> None:
        """Count a request that could not be decoded."""
        ...

    def overloaded(self, signal: Signal, transport: str) -> None:
        """Count a request that was turned away for lack of room."""
        ...

    def failed(self, signal: Signal, transport: str, records: int) -> None:
        """Count records that were lost to a fault of ours; their sender was asked to come again."""
        ...

    def denied(self, transport: str) -> None:
        """Count a request without valid credentials."""
        ...

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Let a gauge be read from `read`."""
        ...


class Intake:
    """The way from a decoded protocol frame into the corridor.

    has_room: asked with the size of a request before anything is spent on it, and again with its sender (the tenant,
        else the peer; None while unknown) once it is there.
    hand_over: called with the position, the decoded request, about its size in memory and its sender once it is stored;
        must not block.
    forward: called with the signal and the body of every accepted request after it is stored and before it is
        acknowledged; must neither block nor raise.
    budget: what the receivers may hold together.
    """

    def __init__(
        self,
        journal: Journal,
        has_room: Callable[[int, str | None], bool],
        hand_over: Callable[[int, Message, int, str], None],
        counters: Counters,
        wall_ns: Callable[[], int],
        forward: Callable[[Signal, bytes], None] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._journal = journal
        self._has_room = has_room
        self._hand_over = hand_over
        self._wall_ns = wall_ns
        self._forward = forward
        self._wakes: Wakes | None = None
        self.counters = counters
        self.budget = held = budget or Budget(_MAX_IN_FLIGHT)
        counters.gauge("spanwarden_receiver_in_flight_bytes", lambda: held.held)

    def admit(self, signal: Signal, transport: str, size: int = 0, sender: str | None = None) -> None:
        """Refuse a request that there is no room for. Raises OverloadedError."""
        if signal != "metrics" and not self._has_room(size, sender):
            self.overloaded(signal, transport)

    def overloaded(self, signal: Signal, transport: str) -> None:
        """Count a request as turned away and raise OverloadedError."""
        self.counters.overloaded(signal, transport)
        raise OverloadedError

    async def accept(self, signal: Signal, body: bytes, transport: str, peer: str = "", tenant: str = "") -> Checked:
        """Take one request in protobuf form; return once it is as durable as the journal promises.

        Raises RequestError for bytes that are no request, OverloadedError when the client should come again.
        """
        self.admit(signal, transport, len(body), tenant or peer)
        message, checked = (
            await asyncio.to_thread(_decode, signal, body) if len(body) > _LARGE else _decode(signal, body)
        )
        accepted = checked.records - checked.rejected
        if accepted:
            if message is None:
                self._pass_on(signal, body)
            else:
                await self._store(Entry(signal, self._wall_ns(), body, peer, tenant), message, checked, transport)
        self.counters.received(signal, transport, accepted, checked.rejected, tenant)
        return checked

    async def _store(self, entry: Entry, message: Message, checked: Checked, transport: str) -> None:
        size = len(entry.body) + RECORD_COST * checked.records
        try:
            future = self._journal.append(entry)
            if future.done():
                self._stored(future.result(), entry, message, size)
                return
            await self._until_stored(future, lambda position: self._stored(position, entry, message, size))
        except JournalFullError:
            self.counters.overloaded(entry.signal, transport)
            raise OverloadedError from None
        except Exception:
            self.counters.failed(entry.signal, transport, checked.records - checked.rejected)
            raise

    async def _until_stored(self, future: Future[int], act: Callable[[int], None]) -> None:
        """Wait for the journal, then act; also if the client hangs up, lest an entry be stored and never read."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def settle(done: Future[int]) -> None:
            error = done.exception()
            try:
                if error is None:
                    act(done.result())
            except Exception as failure:  # noqa: BLE001 - it is the waiter's
                error = failure
            if waiter.done():
                return
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

        wakes = self._wakes = self._wakes if self._wakes is not None and self._wakes.loop is loop else Wakes(loop)
        # Not by its name: a future that is held by its own callback keeps the request until the collector comes.
        future.add_done_callback(lambda done: wakes.call(lambda: settle(done)))
        await waiter

    def _stored(self, position: int, entry: Entry, message: Message, size: int) -> None:
        self._hand_over(position, message, size, entry.tenant or entry.peer)
        self._pass_on(entry.signal, entry.body)

    def _pass_on(self, signal: Signal, body: bytes) -> None:
        if self._forward is not None:
            self._forward(signal, body)


def _decode(signal: Signal, body: bytes) -> tuple[Message | None, Checked]:
    """Return the decoded request, None for metrics, and its count. Raises RequestError."""
    if signal == "metrics":
        return None, check_metrics(decode_metrics(body))
    message = decode(signal, body)
    return message, check(message)


__all__ = ["Counters", "Intake", "Message", "OverloadedError", "RequestError"]
