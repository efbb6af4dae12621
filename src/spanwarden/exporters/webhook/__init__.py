"""Findings as JSON, one POST each, signed if a secret is set."""

from __future__ import annotations

from spanwarden.exporters.base import Exporter, Factory
from spanwarden.exporters.webhook.settings import WebhookSettings


def _create(name: str, settings: WebhookSettings) -> Exporter:
    from spanwarden.exporters.webhook.exporter import WebhookExporter

    return WebhookExporter(name, settings)


FACTORY = Factory(
    name="webhook",
    settings=WebhookSettings,
    create=_create,
    description="Posts every finding as JSON to a URL, signed as Standard Webhooks says.",
)
