"""OTLP/gRPC: the C-core server with a raw-bytes handler, so that a request is parsed once and by us.

The services are unary; the handlers are written as streaming ones, which is the same on the wire but lets us check
credentials and reserve memory before a message is read. Messages arrive as they were sent and are decompressed by us:
the limits are ours then, whatever the version of the library does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
import grpc.aio

from spanwarden.otlp.requests import RequestError, Signal
from spanwarden.receivers.auth import Authenticator, BusyError, DeniedError, Identity
from spanwarden.receivers.budget import Reservation
from spanwarden.receivers.compression import GZIP_MAGIC, zlib_header
from spanwarden.receivers.endpoints import split_endpoint, take_path, unix_path
from spanwarden.receivers.otlp import responses
from spanwarden.receivers.otlp.bodies import Bodies, TooLargeError
from spanwarden.receivers.otlp.intake import Intake, OverloadedError
from spanwarden.receivers.otlp.settings import GrpcSettings
from spanwarden.receivers.tls import CertificateFiles

logger = logging.getLogger(__name__)

METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}

_TURN = 1.0
"""Seconds that a call waits for its turn to be read before it is told to come again."""


class GrpcReceiver:
    """Serves the OTLP services on one address.

    shared: other processes listen there too; the kernel spreads connections over them.
    Raises ValueError if the settings ask for an authenticator and none is given.
    """

    def __init__(
        self,
        settings: GrpcSettings,
        intake: Intake,
        authenticator: Authenticator | None = None,
        *,
        shared: bool = False,
    ) -> None:
        if settings.auth is not None and authenticator is None:
            raise ValueError(f"auth.authenticator: there is no {settings.auth.authenticator!r}")
        self._settings = settings
        self._intake = intake
        self._authenticator = authenticator if settings.auth is not None else None
        self._bodies = Bodies(settings.max_decompressed_size, intake.budget.max_bytes)
        self._shared = shared
        self._server: Any = None

    async def start(self) -> int:
        """Listen; return the port, 0 for a path.

        Raises OSError if the address or a TLS file cannot be had, ValueError if they are not usable.
        """
        server = grpc.aio.server(options=_options(self._settings, shared=self._shared))
        handler = _Handler(self._settings, self._intake, self._bodies, self._authenticator)
        server.add_generic_rpc_handlers((handler,))
        address = _address(self._settings.endpoint)
        try:
            if self._settings.tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, CertificateFiles(self._settings.tls).grpc_credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._settings.endpoint}") from error
        if port == 0:
            raise OSError(f"cannot listen on {self._settings.endpoint}")
        await server.start()
        self._server = server
        self._intake.counters.gauge("spanwarden_receiver_requests", lambda: handler.under_way, transport="grpc")
        return 0 if address.startswith("unix:") else int(port)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those under way finish for up to `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)
        self._bodies.close()


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(
        self, settings: GrpcSettings, intake: Intake, bodies: Bodies, authenticator: Authenticator | None
    ) -> None:
        exports = [_Export(settings, intake, bodies, authenticator, signal) for signal in METHODS.values()]
        self._exports = exports
        self._handlers = {
            method: grpc.stream_unary_rpc_method_handler(export.export)
            for method, export in zip(METHODS, exports, strict=True)
        }

    @property
    def under_way(self) -> int:
        return sum(export.under_way for export in self._exports)

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


class _Export:
    def __init__(
        self,
        settings: GrpcSettings,
        intake: Intake,
        bodies: Bodies,
        authenticator: Authenticator | None,
        signal: Signal,
    ) -> None:
        self._limit = settings.message_limit
        self._read_timeout = settings.read_timeout
        self._intake = intake
        self._bodies = bodies
        self._authenticator = authenticator
        self._signal = signal
        self.under_way = 0

    async def export(self, _requests: AsyncIterator[bytes], context: Any) -> bytes:
        self.under_way += 1
        reservation: Reservation | None = None
        try:
            identity = await self._identify(context)
            self._intake.admit(self._signal, "grpc")
            # How large a message is shows only once it is there, so room for the largest is kept while it arrives.
            reservation = await self._intake.budget.wait(self._limit, _TURN)
            if reservation is None:
                self._intake.overloaded(self._signal, "grpc")
            assert reservation is not None
            async with asyncio.timeout(self._read_timeout):
                body = await context.read()
            body = await self._decompress(_message(body), reservation)
            checked = await self._intake.accept(self._signal, body, "grpc", _host(context.peer()), identity.tenant)
            return responses.success(self._signal, checked).SerializeToString() if checked.rejected else b""
        except RequestError as error:
            self._intake.counters.malformed(self._signal, "grpc")
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, responses.INVALID_ARGUMENT, str(error))
        except TooLargeError as error:
            await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, responses.RESOURCE_EXHAUSTED, str(error))
        except DeniedError as error:
            self._intake.counters.denied("grpc")
            await _abort(context, grpc.StatusCode.UNAUTHENTICATED, responses.UNAUTHENTICATED, str(error))
        except OverloadedError as error:
            code = grpc.StatusCode.UNAVAILABLE
            await _abort(context, code, responses.UNAVAILABLE, responses.OVERLOADED, error.after)
        except TimeoutError:
            code, message = grpc.StatusCode.DEADLINE_EXCEEDED, "the request did not come in time"
            await _abort(context, code, responses.DEADLINE_EXCEEDED, message)
        except grpc.aio.AbortError:
            raise
        except Exception:
            # Retryable on purpose: the data is good, the fault is ours.
            logger.exception("OTLP/gRPC handler failed")
            await _abort(context, grpc.StatusCode.UNAVAILABLE, responses.UNAVAILABLE, "internal", 1.0)
        finally:
            self.under_way -= 1
            if reservation is not None:
                reservation.close()

    async def _identify(self, context: Any) -> Identity:
        if self._authenticator is None:
            return Identity()
        shown = next((value for key, value in context.invocation_metadata() or () if key == "authorization"), "")
        if not isinstance(shown, str):
            raise DeniedError("no credentials")
        try:
            return self._authenticator.quick(shown) or await self._authenticator.verify(shown)
        except BusyError:
            self._intake.overloaded(self._signal, "grpc")
            raise

    async def _decompress(self, body: bytes, reservation: Reservation) -> bytes:
        reservation.resize(len(body))
        # No OTLP request begins with these bytes: in protobuf the first is a wire type that does not exist, the
        # second a number in field 15, which no request has.
        if body.startswith(GZIP_MAGIC):
            return await self._decompressed(body, "gzip", reservation)
        if zlib_header(body):
            try:
                return await self._decompressed(body, "deflate", reservation)
            except RequestError:
                return body
        return body

    async def _decompressed(self, body: bytes, encoding: str, reservation: Reservation) -> bytes:
        try:
            return await self._bodies.decompress(body, encoding, reservation)
        except OverloadedError:
            self._intake.overloaded(self._signal, "grpc")
            raise


def _message(read: Any) -> bytes:
    if not isinstance(read, bytes):
        raise RequestError("a call without a message")
    return read


async def _abort(
    context: Any, code: grpc.StatusCode, number: int, message: str, after: float | None = None
) -> NoReturn:
    status = responses.status(number, message, after)
    trailers = [("grpc-status-details-bin", status.SerializeToString())]
    if after is not None:
        # The Python exporter reads only this trailer (reference/otlp-and-genai.md §7).
        trailers.append(("google.rpc.retryinfo-bin", responses.retry_info(after).SerializeToString()))
    await context.abort(code, message, tuple(trailers))
    raise AssertionError("unreachable: abort raises")


def _options(settings: GrpcSettings, *, shared: bool) -> list[tuple[str, int]]:
    server, clients = settings.keepalive.server_parameters, settings.keepalive.enforcement_policy
    options = [
        ("grpc.max_receive_message_length", settings.message_limit),
        ("grpc.per_message_decompression", 0),
        # Unasked, two services would share the port in silence, each getting half of the connections.
        ("grpc.so_reuseport", int(shared)),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.keepalive_time_ms", _ms(server.time)),
        ("grpc.keepalive_timeout_ms", _ms(server.timeout)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(clients.min_time)),
        ("grpc.keepalive_permit_without_calls", int(clients.permit_without_stream)),
    ]
    if settings.max_concurrent_streams is not None:
        options.append(("grpc.max_concurrent_streams", settings.max_concurrent_streams))
    for name, seconds in (
        ("grpc.max_connection_idle_ms", server.max_connection_idle),
        ("grpc.max_connection_age_ms", server.max_connection_age),
        ("grpc.max_connection_age_grace_ms", server.max_connection_age_grace),
    ):
        if seconds:
            options.append((name, _ms(seconds)))
    return options


def _ms(seconds: float) -> int:
    return min(round(seconds * 1000), 2**31 - 1)


def _address(endpoint: str) -> str:
    path = unix_path(endpoint)
    if path is None:
        host, port = split_endpoint(endpoint)
        return f"[::]:{port}" if not host else endpoint
    take_path(path)
    return f"unix:{path}"


def _host(peer: str) -> str:
    """Return the address in what gRPC calls a peer: ipv4:192.0.2.1:4242 or ipv6:%5B::1%5D:4242."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].removeprefix("%5B").removesuffix("%5D").strip("[]")
