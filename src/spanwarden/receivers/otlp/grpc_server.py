"""OTLP/gRPC: the C-core server with a raw-bytes handler, so that a request is parsed once and by us."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import grpc.aio

from spanwarden.otlp.requests import RequestError, Signal
from spanwarden.receivers.otlp import responses
from spanwarden.receivers.otlp.intake import Intake, OverloadedError
from spanwarden.receivers.otlp.settings import GrpcSettings

logger = logging.getLogger(__name__)

METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
}


class GrpcReceiver:
    """Serves the OTLP services on one address."""

    def __init__(self, settings: GrpcSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._server: Any = None

    async def start(self) -> int:
        """Listen; return the port. Raises OSError if the address cannot be had."""
        options = [
            ("grpc.max_receive_message_length", self._settings.max_recv_msg_size),
            # Without this two processes would share the port in silence, each getting half of the connections.
            ("grpc.so_reuseport", 0),
        ]
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((_Handler(self._intake),))
        try:
            port = server.add_insecure_port(self._settings.endpoint)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._settings.endpoint}") from error
        if port == 0:
            raise OSError(f"cannot listen on {self._settings.endpoint}")
        await server.start()
        self._server = server
        return int(port)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those under way finish for up to `grace` seconds."""
        if self._server is not None:
            await self._server.stop(grace)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(self, intake: Intake) -> None:
        self._handlers = {
            method: grpc.unary_unary_rpc_method_handler(_Export(intake, signal).export)
            for method, signal in METHODS.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


class _Export:
    def __init__(self, intake: Intake, signal: Signal) -> None:
        self._intake = intake
        self._signal = signal

    async def export(self, body: bytes, context: Any) -> bytes:
        try:
            checked = await self._intake.accept(self._signal, body, "grpc", context.peer())
        except RequestError as error:
            status = responses.status(responses.INVALID_ARGUMENT, str(error))
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, status)
        except OverloadedError as error:
            status = responses.status(responses.UNAVAILABLE, "no room at the moment", error.after)
            await _abort(context, grpc.StatusCode.UNAVAILABLE, status, error.after)
        except grpc.aio.AbortError:
            raise
        except Exception:
            # Retryable on purpose: the data is good, the fault is ours.
            logger.exception("OTLP/gRPC handler failed")
            await _abort(context, grpc.StatusCode.UNAVAILABLE, responses.status(responses.UNAVAILABLE, "internal"))
        else:
            return responses.success(self._signal, checked).SerializeToString() if checked.rejected else b""
        raise AssertionError("unreachable: abort raises")


async def _abort(context: Any, code: grpc.StatusCode, status: Any, after: float | None = None) -> None:
    trailers = [("grpc-status-details-bin", status.SerializeToString())]
    if after is not None:
        # The Python exporter reads only this trailer (reference/otlp-and-genai.md §7).
        trailers.append(("google.rpc.retryinfo-bin", responses.retry_info(after).SerializeToString()))
    await context.abort(code, status.message, tuple(trailers))
