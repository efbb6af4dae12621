"""What a program's reader looks like, and the shapes that many programs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.model.event import EffectKind

Program = Callable[[Command, Context], None]
Programs = Mapping[str, Program]


def nothing(_command: Command, _context: Context) -> None:
    """Do nothing that counts."""


def on_each(context: Context, kind: EffectKind, targets: list[str], detail: str | None = None) -> None:
    """Add one effect for each target."""
    for target in targets:
        context.add(kind, target, detail)
