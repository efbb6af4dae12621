"""OTLP/HTTP: POST /v1/traces and /v1/logs, protobuf or JSON, plain or compressed."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Mapping
from http import HTTPStatus

from google.protobuf.message import Message

from spanwarden.otlp.requests import RequestError, Signal, from_json
from spanwarden.receivers.http_server import HttpServer, Request, Response
from spanwarden.receivers.otlp import responses
from spanwarden.receivers.otlp.intake import Intake, OverloadedError
from spanwarden.receivers.otlp.settings import HttpSettings

logger = logging.getLogger(__name__)

PATHS: dict[str, Signal] = {"/v1/traces": "traces", "/v1/logs": "logs"}
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class HttpReceiver:
    """Serves OTLP/HTTP on one address."""

    def __init__(self, settings: HttpSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._server = HttpServer(self._handle, settings.max_request_body_size, _failure)

    async def start(self) -> int:
        """Listen; return the port. Raises OSError if the address cannot be had, ValueError if it is no address."""
        host, port = split_endpoint(self._settings.endpoint)
        return await self._server.start(host, port)

    async def stop(self, grace: float) -> None:
        """Stop listening, let requests under way finish for up to `grace` seconds."""
        await self._server.stop(grace)

    async def _handle(self, request: Request) -> Response:
        signal = PATHS.get(request.path)
        encoding = _encoding(request.headers)
        if signal is None:
            return _error(HTTPStatus.NOT_FOUND, responses.UNIMPLEMENTED, f"no such path: {request.path}", encoding)
        if request.method != "POST":
            error = _error(HTTPStatus.METHOD_NOT_ALLOWED, responses.UNIMPLEMENTED, "use POST", encoding)
            return error._replace(headers=(("allow", "POST"),))
        if encoding is None:
            message = f"content type must be {PROTOBUF} or {JSON}"
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, responses.INVALID_ARGUMENT, message, None)
        try:
            body = decompress(request.body, request.headers.get("content-encoding", ""), self._settings)
            protobuf = from_json(signal, body) if encoding == JSON else body
            checked = await self._intake.accept(signal, protobuf, "http", request.peer)
        except EncodingError as error:
            return _error(error.status, responses.INVALID_ARGUMENT, str(error), encoding)
        except RequestError as error:
            return _error(HTTPStatus.BAD_REQUEST, responses.INVALID_ARGUMENT, str(error), encoding)
        except OverloadedError as error:
            return _overloaded(error.after, encoding)
        except Exception:
            # 503 and not 500: exporters drop data on 500, and the data is good.
            logger.exception("OTLP/HTTP handler failed")
            return _overloaded(1.0, encoding)
        return Response(HTTPStatus.OK, _encode(responses.success(signal, checked), encoding), encoding)


class EncodingError(ValueError):
    """A body that cannot be decompressed; `status` is the HTTP answer."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def decompress(body: bytes, encoding: str, settings: HttpSettings) -> bytes:
    """Return the body decompressed, never more than the limit in memory. Raises EncodingError."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in {"gzip", "deflate", "zlib"}:
        raise EncodingError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"unsupported content encoding {name[:40]!r}")
    limit = settings.max_decompressed_size
    inflater = zlib.decompressobj(31 if name == "gzip" else 15)
    try:
        result = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise EncodingError(HTTPStatus.BAD_REQUEST, f"not {name}: {error}") from None
    if len(result) > limit:
        raise EncodingError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes after decompression"
        )
    if not inflater.eof:
        raise EncodingError(HTTPStatus.BAD_REQUEST, f"not {name}: the stream ends early")
    return result


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[v6]:port"; an empty host means every address. Raises ValueError."""
    host, separator, port = endpoint.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected host:port, not {endpoint!r}")
    return host.strip("[]"), int(port)


def _encoding(headers: Mapping[str, str]) -> str | None:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media if media in {PROTOBUF, JSON} else None


def _encode(message: Message, encoding: str | None) -> bytes:
    return responses.as_json(message) if encoding == JSON else message.SerializeToString()


def _error(status: int, code: int, message: str, encoding: str | None, after: float | None = None) -> Response:
    body = _encode(responses.status(code, message, after), encoding)
    return Response(status, body, encoding or PROTOBUF)


def _overloaded(after: float, encoding: str | None) -> Response:
    error = _error(HTTPStatus.SERVICE_UNAVAILABLE, responses.UNAVAILABLE, "no room at the moment", encoding, after)
    return error._replace(headers=(("retry-after", str(math.ceil(after))),))


def _failure(status: int, message: str, headers: Mapping[str, str]) -> Response:
    return _error(status, responses.INVALID_ARGUMENT, message, _encoding(headers))
