"""Settings of the webhook exporter."""

from __future__ import annotations

from pydantic import Field, field_validator

from spanwarden.configuration.section import Client, Secret
from spanwarden.exporters.base import ExporterSettings


class WebhookSettings(ExporterSettings):
    """Where to post findings, and how the receiver can tell that they are genuine."""

    url: str = Field(description="Where to post; http or https. Redirects are not followed.")
    monitored: bool = Field(False, description="Whether findings of rules that are only monitored are sent, too.")
    headers: dict[str, Secret] = Field(
        default_factory=dict, description="Extra request headers, such as an authorization. Values are never printed."
    )
    secret: Secret | None = Field(
        None,
        description="Signs every request as Standard Webhooks says; several secrets, separated by blanks, while they "
        "are rotated. `whsec_` and base64, or any other text as it is.",
    )
    tls: Client = Field(Client(), description="TLS of the connection.")
    allow_link_local: bool = Field(
        False, description="Also send to link-local addresses, where cloud metadata services live."
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        from spanwarden.exporters.http_post import checked_url

        return checked_url("url", value)
