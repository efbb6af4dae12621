"""Sends received export requests on, byte for byte."""

from __future__ import annotations

from spanwarden.exporters.base import Signal
from spanwarden.exporters.otlp.exporter import open_transport
from spanwarden.exporters.otlp.settings import OtlpSettings


class OtlpForwarder:
    """Forwards to one OTLP receiver. Raises ValueError for settings that cannot work."""

    def __init__(self, name: str, settings: OtlpSettings) -> None:
        self._name = name
        self._endpoint = settings.endpoint
        self._transport = open_transport(settings)

    def __repr__(self) -> str:
        return f"OtlpForwarder({self._name!r}, {self._endpoint})"

    def forward(self, signal: Signal, body: bytes) -> None:
        """Send one encoded request. Raises RetryableError, or RefusedError, also where records were rejected."""
        self._transport.send(signal, body)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
