"""Settings of the `otlp` receiver, shaped as in the Collector."""

from __future__ import annotations

from pydantic import Field, model_validator

from spanwarden.configuration.section import Section, Size

MIB = 1 << 20


class GrpcSettings(Section):
    """OTLP/gRPC."""

    endpoint: str = Field("localhost:4317", description="Address to listen on, host:port.")
    max_recv_msg_size: Size = Field(16 * MIB, description="Largest request as sent.")


class HttpSettings(Section):
    """OTLP/HTTP."""

    endpoint: str = Field("localhost:4318", description="Address to listen on, host:port.")
    max_request_body_size: Size = Field(16 * MIB, description="Largest request body as sent.")
    max_decompressed_size: Size = Field(64 * MIB, description="Largest request body after decompression.")


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
