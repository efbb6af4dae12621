"""A command as a tool was given it: text, or a list of words."""

from __future__ import annotations

from typing import Any

from spanwarden.model.event import Effect


def shell_effects(command: Any) -> list[Effect]:
    """Return the effects of a command: one `shell` at least."""
    if isinstance(command, (list, tuple)):
        words = [word for word in command if isinstance(word, str)]
        command = words[-1] if len(words) == 3 and words[1].startswith("-") else " ".join(words)
    return [Effect("shell", command if isinstance(command, str) and command else None)]
