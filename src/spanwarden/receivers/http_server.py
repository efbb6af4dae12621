"""A small HTTP/1.1 server on httptools: bounded, cheap, and good enough to face strangers.

Requests of one connection are answered in order; a connection that sends faster than it is answered is not read from.
Bodies beyond the limit are refused with 413 before they are held.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import httptools

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 64 << 10
MAX_PIPELINED = 16


class Request(NamedTuple):
    """One request. Header names are lower case; of a repeated header the last one counts."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: str


class Response(NamedTuple):
    """What to answer."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False


Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves one address with one handler. `failure` shapes the answer to requests that are no HTTP or too large."""

    def __init__(
        self,
        handler: Handler,
        max_body: int = 1 << 20,
        failure: Callable[[int, str, Mapping[str, str]], Response] | None = None,
    ) -> None:
        self._handler = handler
        self._max_body = max_body
        self._failure = failure or (lambda status, message, _headers: Response(status, message.encode() + b"\n"))
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port (useful with port 0). Raises OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=1024)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, grace: float) -> None:
        """Stop listening, let requests under way finish for up to `grace` seconds, then close every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._connections:
                    await asyncio.gather(*(c.closed.wait() for c in list(self._connections)))
        for connection in list(self._connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._queue: deque[Request] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._last = False
        self.closed = asyncio.Event()
        self._reset()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self._server._connections.add(self)  # noqa: SLF001 - a connection is part of its server

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._connections.discard(self)  # noqa: SLF001
        self._transport = None
        self._writable.set()
        self.closed.set()
        if self._worker is not None and not self._queue:
            self._worker.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._last:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(HTTPStatus.BAD_REQUEST, "upgrade is not supported")
        except (httptools.HttpParserError, _RefusedError) as error:
            if not self._last:
                self._refuse(HTTPStatus.BAD_REQUEST, f"not HTTP/1.1: {error}")

    # httptools callbacks

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._header_bytes += len(url)
        self._check_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
        self._header_bytes += len(name) + len(value) + 4
        self._check_headers()

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._server._max_body:  # noqa: SLF001
            self._too_large()
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._server._max_body:  # noqa: SLF001
            self._too_large()
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        path = self._url.split(b"?", 1)[0].decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        self._queue.append(Request(method, path, self._headers, body, self._peer))
        self._last = self._last or not self._parser.should_keep_alive()
        self._reset()
        if len(self._queue) >= MAX_PIPELINED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._answer())

    # our side

    def finish(self) -> None:
        """Answer what has been received, then close."""
        self._last = True
        if self._worker is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _reset(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._header_bytes = 0

    def _check_headers(self) -> None:
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too large")
            raise _RefusedError

    def _too_large(self) -> None:
        limit = self._server._max_body  # noqa: SLF001
        self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes")
        raise _RefusedError

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that is not read to its end; the connection cannot be used any further."""
        self._last = True
        self._chunks = []
        if not self._queue and self._worker is None:
            self._write(self._server._failure(status, message, self._headers)._replace(close=True))  # noqa: SLF001
        if self._transport is not None:
            self._transport.close()

    async def _answer(self) -> None:
        while self._queue:
            request = self._queue.popleft()
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            try:
                response = await self._server._handler(request)  # noqa: SLF001
            except Exception:
                logger.exception("request handler failed")
                response = Response(HTTPStatus.INTERNAL_SERVER_ERROR)
            if self._transport is None:
                break
            await self._writable.wait()
            last = self._last and not self._queue
            self._write(response._replace(close=response.close or last))
            if response.close or last:
                self._transport.close()
                break
        self._worker = None

    def _write(self, response: Response) -> None:
        if self._transport is None:
            return
        try:
            phrase = HTTPStatus(response.status).phrase
        except ValueError:
            phrase = ""
        lines = [
            f"HTTP/1.1 {response.status} {phrase}",
            f"content-type: {response.content_type}",
            f"content-length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if response.close:
            lines.append("connection: close")
        self._transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)


class _RefusedError(Exception):
    """Raised inside a parser callback after a refusal was written; ends the parsing."""
