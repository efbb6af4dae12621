"""Settings of the OTLP exporter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spanwarden.configuration.section import Client, Secret
from spanwarden.exporters.forwarding import ForwardingSettings


class OtlpSettings(ForwardingSettings):
    """Where and how to send OTLP."""

    endpoint: str = Field(
        "localhost:4317",
        description="host:port, or a URL for http/protobuf. /v1/logs, /v1/traces and /v1/metrics are appended for "
        "http/protobuf; a URL that already ends in one of them is taken for that signal.",
    )
    protocol: Literal["grpc", "http/protobuf"] = Field("grpc", description="OTLP/gRPC or OTLP/HTTP with protobuf.")
    logs_endpoint: str | None = Field(
        None, description="Full URL for log records with http/protobuf, instead of endpoint and /v1/logs."
    )
    traces_endpoint: str | None = Field(
        None, description="Full URL for spans with http/protobuf, instead of endpoint and /v1/traces."
    )
    metrics_endpoint: str | None = Field(
        None, description="Full URL for forwarded metrics with http/protobuf, instead of endpoint and /v1/metrics."
    )
    tls: Client = Field(Client(), description="TLS of the connection; insecure for plain text.")
    headers: dict[str, Secret] = Field(
        default_factory=dict, description="Extra request headers or gRPC metadata. Values are never printed."
    )
    compression: Literal["none", "gzip"] = Field("gzip", description="Compression of requests.")
