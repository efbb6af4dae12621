"""One HTTP/1.1 connection: parses, holds bodies within their limits, answers in order, and never waits for ever.

A request that is refused before its body was read is answered at once; the body is then read and thrown away, so that
the client sees the answer instead of a connection reset.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple

import httptools

from spanwarden.receivers.budget import Budget, Reservation
from spanwarden.receivers.http_messages import Head, Limits, Request, Response, render

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 64 << 10
MAX_PIPELINED = 16
LINGER = 2.0
"""Seconds that a connection is read on after its last answer, so that the answer is not lost in a reset."""
_SMALL = 4096


class Service(NamedTuple):
    """What the connections of a server share.

    gate: asked when the head of a request is complete; a response refuses the request, and its body is not kept.
    failure: shapes the answers to what is no HTTP, too large, too slow or beyond the budget.
    """

    handler: Callable[[Request], Awaitable[Response]]
    failure: Callable[[int, str, Head], Response]
    limits: Limits
    gate: Callable[[Head], Response | None] | None
    budget: Budget | None
    connections: set[Connection]


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._limits = service.limits
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._queue: deque[tuple[str, Request | Response]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._last = False
        self._deaf = False
        self._deadline = math.inf
        self._write_deadline = math.inf
        self._reservation: Reservation | None = None
        self._in_message = False
        self._wants_continue = False
        self.closed = asyncio.Event()
        self._reset()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start, or turn the client away if there are too many."""
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        connections = self._service.connections
        connections.add(self)
        self._deadline = self._after(self._limits.read_header_timeout)
        if len(connections) > self._limits.max_connections:
            self._fail(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; a request that was received whole is still handled."""
        self._service.connections.discard(self)
        self._transport = None
        self._writable.set()
        self._release()
        self.closed.set()

    def pause_writing(self) -> None:
        """Wait with the next answer until the client has read."""
        self._writable.clear()
        self._write_deadline = self._after(self._limits.write_timeout)

    def resume_writing(self) -> None:
        """Go on answering."""
        self._writable.set()
        self._write_deadline = math.inf

    def eof_received(self) -> bool:
        """Answer what was received whole, if the transport can still be written to."""
        self._last = True
        assert self._transport is not None
        return self._worker is not None and not self._deaf and self._transport.get_extra_info("sslcontext") is None

    def data_received(self, data: bytes) -> None:
        """Parse."""
        if self._last:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(HTTPStatus.BAD_REQUEST, "upgrade is not supported")
        except (httptools.HttpParserError, _StopError) as error:
            if not self._last:
                self._fail(HTTPStatus.BAD_REQUEST, f"not HTTP/1.1: {error}")

    # httptools callbacks

    def on_message_begin(self) -> None:
        """Begin a request; from here on its head must come in time."""
        self._in_message = True
        self._deadline = self._after(self._limits.read_header_timeout)

    def on_url(self, url: bytes) -> None:
        """Take a part of the URL."""
        self._url += url
        self._header_bytes += len(url)
        self._check_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
        self._header_bytes += len(name) + len(value) + 4
        self._check_headers()

    def on_headers_complete(self) -> None:
        """Decide whether the body is wanted, and reserve room for it."""
        self._deadline = self._after(self._limits.read_timeout)
        self._method = self._parser.get_method().decode("latin-1")
        self._path = self._url.partition(b"?")[0].decode("latin-1")
        headers = self._headers
        gate = self._service.gate
        refusal = gate(self._head()) if gate is not None else None
        declared = headers.get("content-length", "")
        length = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 19 else 0
        if refusal is None and (length > self._limits.max_body or len(declared) >= 19):
            refusal = self._too_large()
        if refusal is None and self._service.budget is not None:
            self._reservation = self._service.budget.reserve(length)
            if self._reservation is None:
                refusal = self._overloaded()
        waits = headers.get("expect", "").lower() == "100-continue"
        if refusal is not None:
            # A client that waits for a 100 will not send its body now, but whether it does cannot be told.
            self._refuse(refusal._replace(close=refusal.close or waits))
        elif waits:
            self._wants_continue = True
            self._continue()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, as long as it is within every limit."""
        self._size += len(body)
        if self._refused:
            if self._size > 4 * self._limits.max_body:
                self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body does not end")
                raise _StopError
            return
        if self._size > self._limits.max_body:
            self._refuse(self._too_large())
        elif (
            self._reservation is not None
            and self._size > self._reservation.size
            # Chunked bodies do not say their length; room is taken in steps.
            and not self._reservation.resize(min(2 * self._size, self._limits.max_body))
        ):
            self._refuse(self._overloaded())
        elif len(body) >= _SMALL or not self._chunks:
            self._chunks.append(body)
        elif isinstance(self._chunks[-1], bytearray):
            self._chunks[-1] += body
        else:
            # Many tiny pieces would cost many times their size.
            self._chunks.append(bytearray(body))

    def on_message_complete(self) -> None:
        """Hand the request to the worker."""
        self._in_message = False
        self._wants_continue = False
        self._last = self._last or not self._parser.should_keep_alive() or not self._limits.keep_alives
        if not self._refused:
            body = bytes(self._chunks[0]) if len(self._chunks) == 1 else b"".join(self._chunks)
            request = Request(self._method, self._path, self._headers, body, self._peer, self._reservation)
            self._reservation = None
            self._queue.append((self._method, request))
        self._reset()
        self._deadline = math.inf if self._queue or self._worker is not None else self._after(self._limits.idle_timeout)
        if len(self._queue) >= MAX_PIPELINED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self._worker is None and self._queue:
            self._worker = self._loop.create_task(self._answer())
        elif self._worker is None and self._last:
            self._hang_up()

    # the server's side

    def finish(self) -> None:
        """Answer what has been received, then close."""
        self._last = True
        if self._worker is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def tick(self, now: float) -> None:
        """Enforce the deadlines; called by the server a few times a second."""
        if now > self._write_deadline:
            self.abort()
        elif now > self._deadline:
            self._deadline = math.inf
            if self._deaf or not self._in_message or self._refused:
                self.abort()
            elif not self._paused:
                self._fail(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time")

    # inside

    def _after(self, seconds: float) -> float:
        return self._loop.time() + seconds if seconds else math.inf

    def _reset(self) -> None:
        self._url = b""
        self._method = self._path = ""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes | bytearray] = []
        self._size = 0
        self._header_bytes = 0
        self._refused = False

    def _head(self) -> Head:
        return Head(self._method, self._path, self._headers)

    def _release(self) -> None:
        self._chunks = []
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def _check_headers(self) -> None:
        if self._header_bytes > MAX_HEADER_BYTES:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too large")
            raise _StopError

    def _too_large(self) -> Response:
        message = f"the body is larger than {self._limits.max_body} bytes"
        return self._service.failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, self._head())

    def _overloaded(self) -> Response:
        return self._service.failure(HTTPStatus.SERVICE_UNAVAILABLE, "no room at the moment", self._head())

    def _refuse(self, response: Response) -> None:
        """Answer the request under way now, in its turn; what else comes of its body is thrown away."""
        self._refused = True
        self._release()
        self._queue.append((self._method, response))
        if self._worker is None:
            self._worker = self._loop.create_task(self._answer())

    def _fail(self, status: int, message: str) -> None:
        """Answer what cannot be parsed any further; nothing more is read from this connection."""
        self._last = self._deaf = True
        self._release()
        if not self._refused:
            self._refuse(self._service.failure(status, message, self._head())._replace(close=True))
        elif self._worker is None:
            self._hang_up()

    def _continue(self) -> None:
        if self._wants_continue and self._worker is None and self._transport is not None:
            self._wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _answer(self) -> None:
        while self._queue:
            method, item = self._queue.popleft()
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
                if self._in_message:
                    self._deadline = self._after(self._limits.read_timeout)
            response = item if isinstance(item, Response) else await self._handle(item)
            if self._transport is None:
                continue
            if not self._writable.is_set():
                await self._writable.wait()
            last = response.close or (self._last and not self._queue and not self._in_message)
            if self._transport is not None:
                shown = response._replace(close=True) if last and not response.close else response
                self._transport.write(render(shown, method == "HEAD"))
            if last:
                self._last = True
                self._discard_queue()
                self._hang_up()
        self._worker = None
        if not self._last and not self._in_message:
            self._deadline = self._after(self._limits.idle_timeout)
        self._continue()

    async def _handle(self, request: Request) -> Response:
        try:
            return await self._service.handler(request)
        except Exception:
            logger.exception("request handler failed")
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            if request.reservation is not None:
                request.reservation.close()

    def _discard_queue(self) -> None:
        for _, item in self._queue:
            if isinstance(item, Request) and item.reservation is not None:
                item.reservation.close()
        self._queue.clear()

    def _hang_up(self) -> None:
        """Close; if the client is still sending, only our half, and read on for a while."""
        transport = self._transport
        if transport is None:
            return
        if not (self._deaf or self._in_message):
            transport.close()
            return
        self._deaf = True
        self._deadline = self._loop.time() + LINGER
        if transport.can_write_eof():
            transport.write_eof()


class _StopError(Exception):
    """Raised inside a parser callback after the connection failed; ends the parsing."""
