"""From a tool's name to what the tool does."""

from __future__ import annotations

import re
from functools import lru_cache

from spanwarden.effects.limits import MAX_NAME
from spanwarden.effects.table import Action, ToolTable, squashed

_TURNS = frozenset({"by", "through", "via", "with", "from", "for", "using", "in", "on", "to", "into", "at", "of"})
"""A noun after one of these says how or where, not what."""
_WORD = re.compile(r"[a-z0-9]+")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHORT = 64
"""Names of tools and fields come again and again; what they split into is remembered."""


@lru_cache(maxsize=4096)
def actions_of(tool: str, server: str | None, table: ToolTable) -> tuple[Action, ...]:
    """Return what a tool of this name does, or () where the name does not say.

    Tries the whole name, the name without its server or plug-in prefix, the name's last words, and then the name's
    first verb with the first noun that has a meaning beside it.
    """
    name = tool[:MAX_NAME]
    own, server_name = _without_server(name, server)
    for candidate in dict.fromkeys((squashed(name), squashed(own))):
        known = table.tools.get(candidate)
        if known is not None:
            # On a server of its own kind a bare verb ("search", "create") speaks of what the server is about.
            speaks_of = table.servers.get(squashed(server_name)) if server_name else None
            verb = table.verbs.get(candidate)
            return table.grid.get((verb, speaks_of), known) if verb and speaks_of else known
    words = words_of(own)
    for start in range(1, len(words) - 1):
        known = table.tools.get("".join(words[start:]))
        if known is not None:
            return known
    return _by_words(words, server_name, table)


def words_of(name: str) -> list[str]:
    """Split a name at punctuation and at changes from small to capital letters; words come in lower case."""
    return list(_remembered(name) if len(name) <= _SHORT else _split(name))


def _split(name: str) -> list[str]:
    if name.isascii():
        return _WORD.findall(_CHANGE.sub(" ", name).lower())
    words: list[str] = []
    word = ""
    for index, character in enumerate(name):
        if not character.isalnum():
            words.append(word)
            word = ""
            continue
        follows_small = index > 0 and name[index - 1].islower()
        starts_word = index > 0 and name[index - 1].isupper() and name[index + 1 : index + 2].islower()
        if character.isupper() and (follows_small or starts_word):
            words.append(word)
            word = ""
        word += character.lower()
    words.append(word)
    return [word for word in words if word]


_remembered = lru_cache(maxsize=4096)(_split)


def _without_server(name: str, server: str | None) -> tuple[str, str | None]:
    """Split `mcp__server__tool`, `mcp_server_tool`, `server-tool`, `functions.tool`, `Plugin-tool`."""
    own = name
    if own.startswith("mcp__"):
        parts = own.split("__", 2)
        if len(parts) == 3 and parts[2]:
            return parts[2], server or parts[1]
    if server:
        plain = own.removeprefix("mcp_")
        if plain.lower().startswith(server.lower()) and plain[len(server) :].strip("_-./:"):
            return plain[len(server) :].lstrip("_-./:"), server
    for mark in (".", "/", ":", "__"):
        head, _, tail = own.rpartition(mark)
        if head and tail:
            return tail, server or head.rpartition(mark)[2]
    head, _, tail = own.partition("-")
    if tail and ("_" in tail or head[:1].isupper()):
        return tail, server or head
    return own, server


def _by_words(words: list[str], server: str | None, table: ToolTable) -> tuple[Action, ...]:
    verbs = [table.verbs[word] for word in words if word in table.verbs]
    if not verbs:
        return ()
    turn = next((index for index, word in enumerate(words) if word in _TURNS and index), len(words))
    nouns = [table.nouns[word] for word in (*words[:turn], *words[turn:]) if word in table.nouns]
    if server and (noun := table.servers.get(squashed(server))):
        nouns.append(noun)
    for noun in nouns:
        actions = table.grid.get((verbs[0], noun))
        if actions is not None:
            return actions
    return ()
