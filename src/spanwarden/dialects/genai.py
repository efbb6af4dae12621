"""OpenTelemetry GenAI semantic conventions."""

from __future__ import annotations

from spanwarden.dialects.base import Dialect

DIALECT = Dialect("genai", (), None, None)
