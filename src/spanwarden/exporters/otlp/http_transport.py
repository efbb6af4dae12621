"""OTLP/HTTP with protobuf bodies."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable

from spanwarden.exporters.base import RefusedError, RetryableError, Signal
from spanwarden.exporters.headers import checked
from spanwarden.exporters.http_post import HttpPoster, Reply, checked_url, place
from spanwarden.exporters.otlp.settings import OtlpSettings
from spanwarden.exporters.otlp.transport import accept, requested_wait
from spanwarden.exporters.retry_after import seconds_to_wait

_OURS = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "host"})
_RETRYABLE = frozenset({429, 502, 503, 504})  # OTLP 1.11; 500 is final
_MAX_ANSWER = 4 << 20
_PROTOBUF = "application/x-protobuf"


class HttpTransport:
    """Posts to one URL for each signal. `clock` gives seconds since the epoch. Raises ValueError like GrpcTransport."""

    def __init__(self, settings: OtlpSettings, clock: Callable[[], float] = time.time) -> None:
        self._urls = endpoints(settings)
        self._headers = checked(settings.headers, _OURS) | {"content-type": _PROTOBUF}
        self._headers.setdefault("user-agent", "spanwarden")
        self._gzip = settings.compression == "gzip"
        if self._gzip:
            self._headers["content-encoding"] = "gzip"
        self._poster = HttpPoster(settings.tls, settings.timeout)
        self._clock = clock

    def send(self, signal: Signal, request: bytes) -> None:
        """Make one attempt. Raises RetryableError, or RefusedError, also where records were rejected."""
        body = gzip.compress(request, compresslevel=6, mtime=0) if self._gzip else request
        url = self._urls[signal]
        reply = self._poster.post(url, body, self._headers, keep=_MAX_ANSWER)
        readable = reply.body if reply.headers.get("content-type", "").startswith(_PROTOBUF) else None
        if 200 <= reply.status < 300:
            accept(signal, readable or b"", place(url))
        else:
            raise self._failure(reply, readable, place(url))

    def close(self) -> None:
        """Close the connections; closing twice is fine."""
        self._poster.close()

    def _failure(self, reply: Reply, status: bytes | None, where: str) -> RetryableError | RefusedError:
        message = f"{where}: answered {reply.status}"
        if reply.status not in _RETRYABLE:
            return RefusedError(message)
        after = seconds_to_wait(reply.headers.get("retry-after"), self._clock())
        if after is None and status:
            after = requested_wait(status)
        return RetryableError(message, after)


def endpoints(settings: OtlpSettings) -> dict[Signal, str]:
    """Return the URL of each signal. Raises ValueError for an endpoint that is no URL and no host:port."""
    base = settings.endpoint
    if "://" not in base:
        base = f"{'http' if settings.tls.insecure else 'https'}://{base}"
    if "?" in base or "#" in base:
        raise ValueError("endpoint: has a query or fragment; give logs_endpoint and its like in full instead")
    base = checked_url("endpoint", base).rstrip("/")
    for ending in ("/v1/logs", "/v1/traces", "/v1/metrics"):
        base = base.removesuffix(ending)
    urls: dict[Signal, str] = {
        "logs": checked_url("logs_endpoint", settings.logs_endpoint or f"{base}/v1/logs"),
        "traces": checked_url("traces_endpoint", settings.traces_endpoint or f"{base}/v1/traces"),
        "metrics": checked_url("metrics_endpoint", settings.metrics_endpoint or f"{base}/v1/metrics"),
    }
    if settings.tls.insecure and any(url.startswith("https:") for url in urls.values()):
        raise ValueError("tls.insecure: contradicts an https endpoint")
    return urls
