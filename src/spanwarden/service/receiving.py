"""The ways in, built from settings: what listens, who may send, and how much at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from spanwarden.otlp.requests import Signal
from spanwarden.receivers.auth import Authenticator, BasicPasswords, BearerTokens
from spanwarden.receivers.budget import Budget
from spanwarden.receivers.otlp.grpc_server import GrpcReceiver
from spanwarden.receivers.otlp.http_receiver import HttpReceiver
from spanwarden.receivers.otlp.intake import Intake, Message
from spanwarden.receivers.otlp.settings import AuthSettings
from spanwarden.service.clock import Clock
from spanwarden.service.metrics import Telemetry
from spanwarden.service.settings import Settings
from spanwarden.storage.journal import Journal


class StartError(Exception):
    """The service cannot start; the text says why in one line."""


class Receivers:
    """All receivers of one process. Raises StartError for settings that cannot work.

    has_room, hand_over, forward: see `Intake`. shared: other processes listen on the same ports. max_in_flight: bytes
    being received at a time.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        has_room: Callable[[int, str | None], bool],
        hand_over: Callable[[int, Message, int, str], None],
        telemetry: Telemetry,
        clock: Clock,
        forward: Callable[[Signal, bytes], None],
        max_in_flight: int,
        *,
        shared: bool = False,
    ) -> None:
        self._settings = settings
        protocols = settings.receivers.otlp.protocols
        intake = Intake(journal, has_room, hand_over, telemetry, clock.wall_ns, forward, Budget(max_in_flight))
        self._grpc: GrpcReceiver | None = None
        self._http: HttpReceiver | None = None
        try:
            if protocols.grpc:
                authenticator = self._authenticator("grpc", protocols.grpc.auth)
                self._grpc = GrpcReceiver(protocols.grpc, intake, authenticator, shared=shared)
            if protocols.http:
                authenticator = self._authenticator("http", protocols.http.auth)
                self._http = HttpReceiver(protocols.http, intake, authenticator, shared=shared)
        except (OSError, ValueError) as error:
            raise StartError(f"receivers.otlp.protocols: {error}") from None

    async def start(self) -> tuple[int | None, int | None]:
        """Listen; return the ports of gRPC and HTTP, None for what is turned off. Raises StartError."""
        protocols = self._settings.receivers.otlp.protocols
        grpc = http = None
        if self._grpc and protocols.grpc:
            grpc = await _bound("receivers.otlp.protocols.grpc", protocols.grpc.endpoint, self._grpc)
        if self._http and protocols.http:
            http = await _bound("receivers.otlp.protocols.http", protocols.http.endpoint, self._http)
        return grpc, http

    async def stop(self, grace: float) -> None:
        """Stop listening, let requests under way finish for up to `grace` seconds."""
        receivers = [receiver for receiver in (self._grpc, self._http) if receiver is not None]
        await asyncio.gather(*(receiver.stop(grace) for receiver in receivers))

    def _authenticator(self, protocol: str, auth: AuthSettings | None) -> Authenticator | None:
        extensions = self._settings.extensions
        if auth is None:
            return None
        try:
            if auth.authenticator == "bearertokenauth" and extensions.bearertokenauth is not None:
                return BearerTokens(extensions.bearertokenauth)
            if auth.authenticator == "basicauth" and extensions.basicauth is not None:
                return BasicPasswords(extensions.basicauth)
        except (OSError, ValueError) as error:
            raise StartError(f"extensions.{auth.authenticator}: {error}") from None
        place = f"receivers.otlp.protocols.{protocol}.auth.authenticator"
        raise StartError(f"{place}: there is no extension {auth.authenticator!r}")


async def _bound(place: str, endpoint: str, receiver: GrpcReceiver | HttpReceiver) -> int:
    try:
        return await receiver.start()
    except (OSError, ValueError) as error:
        raise cannot_listen(place, endpoint, error) from None


def cannot_listen(place: str, endpoint: str, error: Exception) -> StartError:
    """Return what to say of an address that cannot be had."""
    if isinstance(error, ValueError):
        return StartError(f"{place}.endpoint: {error}")
    detail = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
    return StartError(f"{place}.endpoint: cannot listen on {endpoint}: {detail}")
