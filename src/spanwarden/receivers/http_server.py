"""A small HTTP/1.1 server on httptools: bounded, cheap, and good enough to face strangers.

Requests of one connection are answered in order; a connection that sends faster than it is answered is not read from.
Bodies beyond the limit are refused with 413 before they are held; slow clients are cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from spanwarden.receivers.budget import Budget
from spanwarden.receivers.endpoints import split_endpoint, take_path, unix_path
from spanwarden.receivers.http_connection import Connection, Service
from spanwarden.receivers.http_messages import Head, Limits, Request, Response

__all__ = ["Head", "HttpServer", "Limits", "Request", "Response"]

_HANDSHAKE, _SHUTDOWN = 10.0, 5.0
"""Seconds that a client may take to begin and to end TLS."""

_ATTEMPTS = 5

Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves one address with one handler.

    failure: shapes the answer to requests that are no HTTP, too large, too slow or too many.
    gate: asked with the head of a request before its body is read; a response refuses it.
    budget: where room for bodies is reserved before they are read.
    shared: other processes listen on the same port; the kernel spreads connections over them.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        failure: Callable[[int, str, Head], Response] | None = None,
        gate: Callable[[Head], Response | None] | None = None,
        budget: Budget | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        shared: bool = False,
    ) -> None:
        self._tls = tls
        self._shared = shared
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self._service = Service(
            handler,
            failure or (lambda status, message, _head: Response(status, message.encode() + b"\n")),
            limits or Limits(),
            gate,
            budget,
            self._connections,
        )

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port (useful with port 0). Raises OSError if the address cannot be had."""
        # As elsewhere, "::" means every address of either family, and so does no host.
        name = host if host not in {"", "::"} else None
        for _ in range(_ATTEMPTS):
            server = await self._listen(name, port)
            ports: list[int] = [socket.getsockname()[1] for socket in server.sockets]
            if len(set(ports)) == 1:
                break
            # Any port was asked for and every address got another: take one of them for all.
            server.close()
            await server.wait_closed()
            with contextlib.suppress(OSError):
                server = await self._listen(name, ports[0])
                break
        else:
            raise OSError(f"no port is free on every address of {host!r}")
        self._server = server
        self._sweep()
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def _listen(self, host: str | None, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Connection(self._service, loop),
            host,
            port,
            backlog=1024,
            reuse_port=self._shared or None,
            ssl=self._tls,
            ssl_handshake_timeout=_HANDSHAKE if self._tls is not None else None,
            ssl_shutdown_timeout=_SHUTDOWN if self._tls is not None else None,
        )

    async def listen(self, endpoint: str) -> int:
        """Listen on host:port or unix:///path; return the port, 0 for a path. Raises OSError, ValueError."""
        path = unix_path(endpoint)
        if path is None:
            return await self.start(*split_endpoint(endpoint))
        loop = asyncio.get_running_loop()
        take_path(path)
        self._server = await loop.create_unix_server(
            lambda: Connection(self._service, loop),
            path,
            backlog=1024,
            ssl=self._tls,
            ssl_handshake_timeout=_HANDSHAKE if self._tls is not None else None,
            ssl_shutdown_timeout=_SHUTDOWN if self._tls is not None else None,
        )
        self._sweep()
        return 0

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
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self) -> None:
        """Look after the deadlines of all connections: one timer for the server is cheaper than one per request."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            connection.tick(now)
        limits = self._service.limits
        times = (limits.read_header_timeout, limits.read_timeout, limits.write_timeout, limits.idle_timeout)
        self._sweeper = loop.call_later(min(1.0, *(t / 4 for t in times if t), 1.0), self._sweep)
