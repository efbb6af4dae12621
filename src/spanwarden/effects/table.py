"""What tools are called and what that means: plain data, so that settings can replace or extend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from spanwarden.effects.vocabulary import GRID, NOUNS, SERVERS, TOOLS, VERBS

Action = Literal[
    "file_read",
    "file_write",
    "file_append",
    "file_delete",
    "file_move",
    "file_search",
    "folder_create",
    "edit",
    "patch",
    "shell",
    "code",
    "script",
    "fetch",
    "send",
    "http",
    "download",
    "upload",
    "web_search",
    "message",
    "share",
    "invite",
    "pay",
    "vcs_read",
    "vcs_write",
    "vcs_delete",
    "db_query",
    "memory_read",
    "memory_write",
    "memory_delete",
    "agent_spawn",
    "approval",
    "none",
]
"""What a tool does, before its arguments are read. `effects.readers` has one reader for each."""


class ToolTable(msgspec.Struct, frozen=True, eq=False):
    """How tools are recognised. Compared by identity; build it once and pass the same value to every call.

    tools: a tool's name without case and punctuation ("writefile") to its actions; "none" for a tool without effect.
    verbs, nouns: a word of a name to its class; the pair of classes is looked up in `grid`.
    servers: an MCP server's name to the noun class that its tools speak of where they name none.
    """

    tools: Mapping[str, tuple[Action, ...]]
    verbs: Mapping[str, str]
    nouns: Mapping[str, str]
    grid: Mapping[tuple[str, str], tuple[Action, ...]]
    servers: Mapping[str, str]

    def extended(
        self, tools: Mapping[str, tuple[Action, ...]] | None = None, servers: Mapping[str, str] | None = None
    ) -> ToolTable:
        """Return a table that knows these tools and servers as well, or knows them otherwise."""
        return ToolTable(
            tools={**self.tools, **{squashed(name): actions for name, actions in (tools or {}).items()}},
            verbs=self.verbs,
            nouns=self.nouns,
            grid=self.grid,
            servers={**self.servers, **{squashed(name): noun for name, noun in (servers or {}).items()}},
        )


_PUNCTUATION = {place: None for place in range(128) if not chr(place).isalnum()}


def squashed(name: str) -> str:
    """Return a name in lower case, letters and digits only."""
    if name.isascii():
        return name.lower().translate(_PUNCTUATION)
    return "".join(character for character in name.lower() if character.isalnum())


def _spread(groups: Mapping[str, str]) -> dict[str, str]:
    return {word: group for group, words in groups.items() for word in words.split()}


def _default() -> ToolTable:
    tools: dict[str, tuple[Action, ...]] = {}
    for actions, names in TOOLS.items():
        for name in names.split():
            tools[squashed(name)] = msgspec.convert(tuple(actions.split()), tuple[Action, ...])
    grid = {
        (verb, noun): msgspec.convert((action,), tuple[Action, ...])
        for noun, row in GRID.items()
        for verb, action in row.items()
    }
    return ToolTable(tools=tools, verbs=_spread(VERBS), nouns=_spread(NOUNS), grid=grid, servers=_spread(SERVERS))


DEFAULT_TABLE = _default()
