"""Health and metrics over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from spanwarden.receivers.http_server import HttpServer, Request, Response
from spanwarden.service.metrics import Telemetry

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def health_server(ready: Callable[[], bool], path: str = "/") -> HttpServer:
    """Return a server of `path` and `/readyz` (200 when ready, else 503) and `/livez` (200 while it answers)."""

    async def handle(request: Request) -> Response:
        if request.path not in {path, "/livez", "/readyz"}:
            return Response(HTTPStatus.NOT_FOUND, b"not found\n")
        up = request.path == "/livez" or ready()
        status = "Server available" if up else "Server not available"
        body = msgspec.json.encode({"status": status})
        return Response(HTTPStatus.OK if up else HTTPStatus.SERVICE_UNAVAILABLE, body, "application/json")

    return HttpServer(handle)


def metrics_server(telemetry: Telemetry) -> HttpServer:
    """Return a server of `/metrics` in Prometheus' text format."""

    async def handle(request: Request) -> Response:
        if request.path != "/metrics":
            return Response(HTTPStatus.NOT_FOUND, b"not found\n")
        return Response(HTTPStatus.OK, telemetry.exposition(), EXPOSITION)

    return HttpServer(handle)
