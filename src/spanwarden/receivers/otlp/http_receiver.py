"""OTLP/HTTP: POST /v1/traces, /v1/logs and /v1/metrics, protobuf or JSON, plain or compressed."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from google.protobuf.message import Message

from spanwarden.otlp.requests import RequestError, Signal
from spanwarden.receivers.auth import Authenticator, BusyError, DeniedError
from spanwarden.receivers.budget import Reservation
from spanwarden.receivers.compression import ENCODINGS
from spanwarden.receivers.cors import Cors
from spanwarden.receivers.endpoints import split_endpoint
from spanwarden.receivers.http_messages import Head, Request, Response
from spanwarden.receivers.http_server import HttpServer
from spanwarden.receivers.otlp import responses
from spanwarden.receivers.otlp.bodies import Bodies, TooLargeError
from spanwarden.receivers.otlp.intake import RETRY_AFTER, Intake, OverloadedError
from spanwarden.receivers.otlp.settings import HttpSettings
from spanwarden.receivers.tls import CertificateFiles

__all__ = ["HttpReceiver", "split_endpoint"]

logger = logging.getLogger(__name__)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_PLAIN = frozenset({"", "identity"})
_CODES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: responses.RESOURCE_EXHAUSTED,
    HTTPStatus.REQUEST_TIMEOUT: responses.DEADLINE_EXCEEDED,
}


class HttpReceiver:
    """Serves OTLP/HTTP on one address.

    shared: other processes listen there too; the kernel spreads connections over them.
    Raises ValueError if the settings ask for an authenticator and none is given.
    """

    def __init__(
        self,
        settings: HttpSettings,
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
        self._cors = Cors(settings.cors) if settings.cors is not None and settings.cors.allowed_origins else None
        self._bodies = Bodies(settings.max_decompressed_size, intake.budget.max_bytes)
        self._paths: dict[str, Signal] = {
            "/" + settings.traces_url_path.lstrip("/"): "traces",
            "/" + settings.logs_url_path.lstrip("/"): "logs",
            "/" + settings.metrics_url_path.lstrip("/"): "metrics",
        }
        self._shared = shared
        self._server: HttpServer | None = None

    async def start(self) -> int:
        """Listen; return the port, 0 for a path.

        Raises OSError if the address or a TLS file cannot be had, ValueError if they are not usable.
        """
        settings = self._settings
        tls = CertificateFiles(settings.tls).server_context() if settings.tls is not None else None
        server = HttpServer(
            self._handle, settings.limits, self._failure, self._gate, self._intake.budget, tls, shared=self._shared
        )
        port = await server.listen(settings.endpoint)
        self._server = server
        self._intake.counters.gauge("spanwarden_receiver_connections", lambda: server.connections, transport="http")
        return port

    async def stop(self, grace: float) -> None:
        """Stop listening, let requests under way finish for up to `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)
        self._bodies.close()

    def _gate(self, head: Head) -> Response | None:
        """Return the refusal of a request whose body is not wanted."""
        if self._cors is not None:
            preflight = self._cors.preflight(head)
            if preflight is not None:
                return preflight
        refusal = self._refusal(head)
        return refusal if refusal is None else self._mark(head.headers, refusal)

    def _refusal(self, head: Head) -> Response | None:
        headers = head.headers
        signal = self._paths.get(head.path)
        encoding = _encoding(headers)
        if signal is None:
            return _error(HTTPStatus.NOT_FOUND, responses.UNIMPLEMENTED, f"no such path: {head.path[:200]}", encoding)
        if head.method != "POST":
            error = _error(HTTPStatus.METHOD_NOT_ALLOWED, responses.UNIMPLEMENTED, "use POST", encoding)
            return error._replace(headers=(("allow", "POST"),))
        if encoding is None:
            message = f"content type must be {PROTOBUF} or {JSON}"
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, responses.INVALID_ARGUMENT, message, None)
        compression = _compression(headers)
        if compression not in _PLAIN and compression not in ENCODINGS:
            message = f"unsupported content encoding {compression[:40]!r}; known: {', '.join(ENCODINGS)}"
            error = _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, responses.INVALID_ARGUMENT, message, encoding)
            return error._replace(headers=(("accept-encoding", ", ".join(ENCODINGS)),))
        try:
            if self._authenticator is not None:
                self._authenticator.quick(headers.get("authorization", ""))
            self._intake.admit(signal, "http")
        except DeniedError as denied:
            return self._denied(denied, encoding)
        except OverloadedError as error:
            return _overloaded(error.after, encoding)
        return None

    async def _handle(self, request: Request) -> Response:
        return self._mark(request.headers, await self._answer(request))

    async def _answer(self, request: Request) -> Response:
        signal = self._paths[request.path]
        encoding = _encoding(request.headers)
        assert request.reservation is not None
        try:
            tenant = ""
            if self._authenticator is not None:
                shown = request.headers.get("authorization", "")
                tenant = (self._authenticator.quick(shown) or await self._authenticator.verify(shown)).tenant
            body = await self._unpack(signal, request, encoding, request.reservation)
            checked = await self._intake.accept(signal, body, "http", request.peer, tenant)
        except DeniedError as denied:
            return self._denied(denied, encoding)
        except TooLargeError as error:
            code = responses.RESOURCE_EXHAUSTED
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code, str(error), encoding)
        except RequestError as error:
            self._intake.counters.malformed(signal, "http")
            return _error(HTTPStatus.BAD_REQUEST, responses.INVALID_ARGUMENT, str(error), encoding)
        except OverloadedError as error:
            return _overloaded(error.after, encoding)
        except BusyError:
            self._intake.counters.overloaded(signal, "http")
            return _overloaded(RETRY_AFTER, encoding)
        except Exception:
            # 503 and not 500: exporters drop data on 500, and the data is good.
            logger.exception("OTLP/HTTP handler failed")
            return _overloaded(RETRY_AFTER, encoding)
        if not checked.rejected and encoding == PROTOBUF:
            return _OK
        return Response(HTTPStatus.OK, _encode(responses.success(signal, checked), encoding), encoding or PROTOBUF)

    async def _unpack(self, signal: Signal, request: Request, encoding: str | None, held: Reservation) -> bytes:
        body = request.body
        compression = _compression(request.headers)
        try:
            if compression not in _PLAIN:
                body = await self._bodies.decompress(body, compression, held)
            return await self._bodies.from_json(signal, body, held) if encoding == JSON else body
        except OverloadedError:
            self._intake.overloaded(signal, "http")
            raise

    def _denied(self, denied: DeniedError, encoding: str | None) -> Response:
        assert self._authenticator is not None
        self._intake.counters.denied("http")
        error = _error(HTTPStatus.UNAUTHORIZED, responses.UNAUTHENTICATED, str(denied), encoding)
        return error._replace(headers=(("www-authenticate", self._authenticator.challenge),))

    def _failure(self, status: int, message: str, head: Head) -> Response:
        encoding = _encoding(head.headers)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            signal = self._paths.get(head.path)
            if signal is not None:
                self._intake.counters.overloaded(signal, "http")
            return self._mark(head.headers, _overloaded(RETRY_AFTER, encoding, message))
        code = _CODES.get(HTTPStatus(status), responses.INVALID_ARGUMENT)
        return self._mark(head.headers, _error(status, code, message, encoding))

    def _mark(self, headers: Mapping[str, str], response: Response) -> Response:
        return response if self._cors is None else self._cors.mark(headers, response)


_OK = Response(HTTPStatus.OK, b"", PROTOBUF)


def _encoding(headers: Mapping[str, str]) -> str | None:
    media = headers.get("content-type", "")
    if media in {PROTOBUF, JSON}:
        return media
    media = media.partition(";")[0].strip().lower()
    return media if media in {PROTOBUF, JSON} else None


def _compression(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()


def _encode(message: Message, encoding: str | None) -> bytes:
    return responses.as_json(message) if encoding == JSON else message.SerializeToString()


def _error(status: int, code: int, message: str, encoding: str | None, after: float | None = None) -> Response:
    body = _encode(responses.status(code, message, after), encoding)
    return Response(status, body, encoding or PROTOBUF)


def _overloaded(after: float, encoding: str | None, message: str = responses.OVERLOADED) -> Response:
    error = _error(HTTPStatus.SERVICE_UNAVAILABLE, responses.UNAVAILABLE, message, encoding, after)
    return error._replace(headers=(("retry-after", str(math.ceil(after))),))
