"""OTLP/gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc

from spanwarden.exporters.base import RefusedError, RetryableError, Signal
from spanwarden.exporters.headers import checked
from spanwarden.exporters.otlp.settings import OtlpSettings
from spanwarden.exporters.otlp.transport import accept, requested_wait, retry_delay
from spanwarden.exporters.plain_text import one_line
from spanwarden.exporters.tls import read_file, require_key_pair

_METHODS: dict[Signal, str] = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_OPTIONS = (
    ("grpc.keepalive_time_ms", 300_000),  # servers that enforce gRPC's default take pings no faster than this
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_retries", 0),  # retries are counted by the service
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.primary_user_agent", "spanwarden"),
)


class GrpcTransport:
    """One channel to `settings.endpoint`, opened at the first request and kept.

    Raises ValueError for an endpoint, headers or TLS settings that cannot work.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        self._target, plain = _target(settings.endpoint, insecure=settings.tls.insecure)
        self._credentials = None if plain else _credentials(settings)
        self._metadata = tuple(checked(settings.headers).items())
        for name, _ in self._metadata:
            if name.startswith("grpc-") or name.endswith("-bin"):
                raise ValueError(f"headers: {name!r} is reserved by gRPC or binary")
        self._timeout = settings.timeout
        self._compression = grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression
        self._channel: grpc.Channel | None = None
        self._methods: dict[Signal, Any] = {}

    def send(self, signal: Signal, request: bytes) -> None:
        """Make one attempt. Raises RetryableError, or RefusedError, also where records were rejected."""
        try:
            response = self._method(signal)(
                request, timeout=self._timeout, metadata=self._metadata, compression=self._compression
            )
        except grpc.RpcError as error:
            raise self._failure(error) from None
        accept(signal, response, self._target)

    def close(self) -> None:
        """Close the channel; closing twice is fine."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            self._methods.clear()

    def _method(self, signal: Signal) -> Any:
        if self._channel is None:
            self._channel = (
                grpc.insecure_channel(self._target, _OPTIONS)
                if self._credentials is None
                else grpc.secure_channel(self._target, self._credentials, _OPTIONS)
            )
        if signal not in self._methods:  # no serializers: bytes go in and come out
            self._methods[signal] = self._channel.unary_unary(_METHODS[signal], None, None)
        return self._methods[signal]

    def _failure(self, error: Any) -> RetryableError | RefusedError:
        code = error.code()
        message = f"{self._target}: {code.name}: {one_line(error.details() or 'no details', 200)}"
        after = _wait(error.trailing_metadata() or ())
        if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is not None):
            return RetryableError(message, after)
        return RefusedError(message)


def _wait(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Return the wait that the trailers ask for; Python servers write the second, non-standard spelling."""
    found = {key: value for key, value in trailers if isinstance(value, bytes)}
    if "grpc-status-details-bin" in found:
        wait = requested_wait(found["grpc-status-details-bin"])
        if wait is not None:
            return wait
    if "google.rpc.retryinfo-bin" in found:
        return retry_delay(found["google.rpc.retryinfo-bin"])
    return None


def _target(endpoint: str, *, insecure: bool) -> tuple[str, bool]:
    """Return gRPC's target and whether to speak plain text; a scheme decides, else the setting."""
    if endpoint.startswith("https://") and insecure:
        raise ValueError("tls.insecure: contradicts an https endpoint")
    scheme = next((scheme for scheme in ("http://", "https://") if endpoint.startswith(scheme)), "")
    target = endpoint.removeprefix(scheme).removesuffix("/")
    if not target.startswith("unix:"):
        host, colon, port = target.rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("endpoint: expected host:port for gRPC")
    return target, insecure or scheme == "http://"


def _credentials(settings: OtlpSettings) -> grpc.ChannelCredentials:
    tls = settings.tls
    if tls.insecure_skip_verify:
        raise ValueError("tls.insecure_skip_verify: gRPC always verifies; set tls.ca_file, or use http/protobuf")
    require_key_pair(tls)
    return grpc.ssl_channel_credentials(
        root_certificates=read_file("tls.ca_file", tls.ca_file),
        private_key=read_file("tls.key_file", tls.key_file),
        certificate_chain=read_file("tls.cert_file", tls.cert_file),
    )
