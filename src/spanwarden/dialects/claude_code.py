"""Claude Code: log events and beta traces."""

from __future__ import annotations

from spanwarden.dialects.base import Dialect

DIALECT = Dialect("claude_code", (), None, None)
