"""What one tool call did to the world."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from spanwarden.effects.encodable import encodable
from spanwarden.effects.guessing import actions_from_arguments
from spanwarden.effects.limits import MAX_EFFECTS, MAX_NAME, MAX_TARGET, MAX_TEXT
from spanwarden.effects.naming import actions_of
from spanwarden.effects.readers import effects_for
from spanwarden.effects.reading import folded
from spanwarden.effects.scripts import members_of
from spanwarden.effects.table import DEFAULT_TABLE, ToolTable
from spanwarden.effects.unwrap import unwrap
from spanwarden.model.event import Effect


def effects_of(
    tool: str,
    arguments: Any,
    *,
    mcp_server: str | None = None,
    tool_type: str | None = None,
    table: ToolTable = DEFAULT_TABLE,
) -> tuple[Effect, ...]:
    """Return what a call of `tool` with these arguments does, without repeats; () where it does nothing we name.

    arguments: any decoded value, or text; wrappers are taken off (see `unwrap`). None where telemetry carries none:
    the effects then have no target. mcp_server: the server's name where telemetry tells it. tool_type: the
    telemetry's own word for the tool ("function", "datastore", "local_shell_call"), used where the name says nothing.

    Never raises. Work is linear in the limits of `effects.limits`; cut text is marked with the detail "truncated".
    """
    given = unwrap(arguments)
    if isinstance(given, str) and given.lstrip()[:2] in {'{"', "{'"}:
        given = members_of(given)  # cut off by an exporter's limit: what came through still counts
    named = folded(given)
    actions = actions_of(tool[:MAX_NAME], mcp_server, table)
    if not actions and tool_type:
        actions = actions_of(tool_type[:MAX_NAME], None, table)
    if not actions:
        actions = actions_from_arguments(named, given)
    found: dict[Effect, None] = {}
    for action in actions:
        for effect in effects_for(action, named, given, table):
            found[_within_limits(effect)] = None
            if len(found) >= MAX_EFFECTS:
                return tuple(found)
    return tuple(found)


@lru_cache(1024)
def telling_type(tool: str, mcp_server: str | None, tool_type: str, table: ToolTable) -> str | None:
    """Return `tool_type` if it says what a call of `tool` does, None if `effects_of` comes to the same without it."""
    return tool_type if not actions_of(tool, mcp_server, table) and actions_of(tool_type, None, table) else None


def _within_limits(effect: Effect) -> Effect:
    target = effect.target
    if target is None:
        return effect
    limit = MAX_TEXT if effect.kind in {"shell", "db_query"} else MAX_TARGET
    if len(target) > limit:
        return Effect(effect.kind, encodable(target[:limit]), effect.detail or "truncated")
    return effect if target.isascii() else Effect(effect.kind, encodable(target), effect.detail)
