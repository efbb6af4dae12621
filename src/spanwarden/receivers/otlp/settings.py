"""Settings of the `otlp` receiver, shaped as in the Collector."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from spanwarden.configuration.section import Duration, Section, Size
from spanwarden.receivers.cors import CorsSettings
from spanwarden.receivers.endpoints import checked
from spanwarden.receivers.http_messages import Limits
from spanwarden.receivers.tls import TlsServerSettings

MIB = 1 << 20

Endpoint = Annotated[str, AfterValidator(checked)]


class AuthSettings(Section):
    """Who may send."""

    authenticator: str = Field(
        min_length=1, description="Name of the extension that checks clients: bearertokenauth or basicauth."
    )


class ServerParameters(Section):
    """When the server asks a quiet client whether it is still there, and when it ends connections."""

    max_connection_idle: Duration = Field(0.0, description="Close a connection without calls after this; 0 is never.")
    max_connection_age: Duration = Field(
        0.0, description="Ask a client to connect anew after this, which balances load; 0 is never."
    )
    max_connection_age_grace: Duration = Field(0.0, description="Time for calls under way after that; 0 is no limit.")
    time: Duration = Field(7200.0, gt=0, description="Quiet time after which the server pings.")
    timeout: Duration = Field(20.0, gt=0, description="A ping not answered in this time ends the connection.")


class EnforcementPolicy(Section):
    """How often clients may ping."""

    min_time: Duration = Field(10.0, description="Least time between two pings of a client.")
    permit_without_stream: bool = Field(True, description="Let clients ping while no call is under way.")


class KeepaliveSettings(Section):
    """Keepalive of gRPC connections."""

    server_parameters: ServerParameters = Field(ServerParameters(), description="The server's own pings and ages.")
    enforcement_policy: EnforcementPolicy = Field(EnforcementPolicy(), description="What is asked of clients.")


class GrpcSettings(Section):
    """OTLP/gRPC."""

    endpoint: Endpoint = Field("localhost:4317", description="Address to listen on: host:port or unix:///path.")
    tls: TlsServerSettings | None = Field(None, description="TLS; without it the receiver speaks plain text.")
    auth: AuthSettings | None = Field(None, description="Who may send; without it, everybody who can connect.")
    max_recv_msg_size: Size = Field(16 * MIB, gt=0, description="Largest request as sent.")
    max_recv_msg_size_mib: int | None = Field(
        None, gt=0, le=2047, description="The same in MiB, as the Collector spells it; wins over max_recv_msg_size."
    )
    max_decompressed_size: Size = Field(64 * MIB, gt=0, description="Largest request after decompression.")
    max_concurrent_streams: int | None = Field(
        None, gt=0, description="Calls that one connection may have under way; what is beyond is told to come again."
    )
    max_connections: int = Field(4096, gt=0, description="Connections open at a time, on each address.")
    read_timeout: Duration = Field(60.0, gt=0, description="Longest time that a request may take to arrive.")
    keepalive: KeepaliveSettings = Field(KeepaliveSettings(), description="Keepalive and age of connections.")

    @property
    def message_limit(self) -> int:
        """The largest request as sent, in bytes."""
        return self.max_recv_msg_size_mib * MIB if self.max_recv_msg_size_mib else self.max_recv_msg_size

    @model_validator(mode="after")
    def _tls_version(self) -> GrpcSettings:
        if self.tls is not None and self.tls.min_version != "1.2":
            raise ValueError("tls.min_version: the gRPC library always accepts 1.2; leave it out or serve HTTP only")
        return self


class HttpSettings(Section):
    """OTLP/HTTP."""

    endpoint: Endpoint = Field("localhost:4318", description="Address to listen on: host:port or unix:///path.")
    tls: TlsServerSettings | None = Field(None, description="TLS; without it the receiver speaks plain text.")
    auth: AuthSettings | None = Field(None, description="Who may send; without it, everybody who can connect.")
    cors: CorsSettings | None = Field(None, description="Which web pages may send; without it, none.")
    max_request_body_size: Size = Field(16 * MIB, gt=0, description="Largest request body as sent.")
    max_decompressed_size: Size = Field(64 * MIB, gt=0, description="Largest request body after decompression.")
    traces_url_path: str = Field("/v1/traces", description="Path of traces.")
    logs_url_path: str = Field("/v1/logs", description="Path of logs.")
    metrics_url_path: str = Field("/v1/metrics", description="Path of metrics.")
    read_header_timeout: Duration = Field(30.0, description="Longest time for the head of a request; 0 is no limit.")
    read_timeout: Duration = Field(60.0, description="Longest time for the body of a request; 0 is no limit.")
    write_timeout: Duration = Field(30.0, description="Longest time a client may take to read; 0 is no limit.")
    idle_timeout: Duration = Field(60.0, description="Close a connection without requests after this; 0 is never.")
    keep_alives_enabled: bool = Field(True, description="Let a connection serve more than one request.")
    max_connections: int = Field(4096, gt=0, description="Connections open at a time.")

    @property
    def limits(self) -> Limits:
        """What the HTTP server grants its clients."""
        return Limits(
            self.max_request_body_size,
            self.read_header_timeout,
            self.read_timeout,
            self.write_timeout,
            self.idle_timeout,
            self.keep_alives_enabled,
            self.max_connections,
        )

    @model_validator(mode="after")
    def _paths(self) -> HttpSettings:
        paths = {self.traces_url_path.lstrip("/"), self.logs_url_path.lstrip("/"), self.metrics_url_path.lstrip("/")}
        if len(paths) < 3:
            raise ValueError("the URL paths of traces, logs and metrics must differ")
        return self


class Protocols(Section):
    """Which protocols are served: those that are named; without `protocols`, both."""

    grpc: GrpcSettings | None = Field(None, description="OTLP/gRPC; leave it out to not serve it.")
    http: HttpSettings | None = Field(None, description="OTLP/HTTP; leave it out to not serve it.")

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: object) -> object:
        if isinstance(value, dict):
            return {name: {} if settings is None else settings for name, settings in value.items()}
        return value


class OtlpReceiverSettings(Section):
    """The `otlp` receiver."""

    protocols: Protocols = Field(
        Protocols(grpc=GrpcSettings(), http=HttpSettings()), description="The protocols to serve."
    )
    max_in_flight: Size = Field(
        256 * MIB,
        gt=0,
        description="Most bytes of requests being received, unpacked or stored; beyond it senders are asked to wait.",
    )

    @model_validator(mode="after")
    def _room_for_one(self) -> OtlpReceiverSettings:
        grpc, http = self.protocols.grpc, self.protocols.http
        largest = max(
            grpc.message_limit + grpc.max_decompressed_size if grpc else 0,
            http.max_request_body_size + http.max_decompressed_size if http else 0,
        )
        if self.max_in_flight < largest:
            raise ValueError(
                f"max_in_flight must hold the largest request as sent and decompressed, which is {largest} bytes"
            )
        return self
