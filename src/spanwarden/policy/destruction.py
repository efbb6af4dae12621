"""Whether a call destroys what cannot easily be had back: by its effects, and by what its tool is called."""

from __future__ import annotations

from collections.abc import Iterable

from spanwarden.detectors.words import word_set
from spanwarden.effects.naming import words_of
from spanwarden.model.event import Effect, Event
from spanwarden.policy.metadata_table import READING

_VERBS = word_set("delete drop kill terminate truncate purge destroy erase wipe shutdown decommission rm rmdir unlink")
_NOUNS = {
    "drop": word_set("table tables database databases db schema schemas collection collections index indexes column"),
    "format": word_set("disk disks drive drives volume volumes partition partitions device usb sd filesystem"),
    "kill": word_set("process processes pid instance instances container containers pod pods server servers job jobs"),
    "rm": frozenset[str](),
}
"""Verbs that mean other things as well, and the nouns beside which they destroy; without any noun all of them do."""
_HARMLESS = word_set("draft drafts memory memories reminder timer cache temp tmp todo shell bash cursor highlight")
_SCRATCH = word_set("""
    tmp temp build dist out target node_modules __pycache__ .cache .pytest_cache .mypy_cache .ruff_cache .venv venv
    .tox .next coverage htmlcov .gradle bin obj
    """)
_WHOLE = frozenset({".", "./", "*", "./*", ".git", "./.git", ".git/"})
_MAX_PATH = 4096


def destroys(event: Event) -> bool:
    """Tell whether a call deletes, forces or drops something.

    A command that deletes below its working folder, or in a temporary or build folder, does not count: that is daily
    work, and a tool that deletes a file by name is not.
    """
    in_shell = any(effect.kind == "shell" for effect in event.effects)
    return any(_by_effect(effect, in_shell=in_shell) for effect in event.effects) or (
        not in_shell and _by_name(event.tool or "")
    )


def _by_effect(effect: Effect, *, in_shell: bool) -> bool:
    if effect.kind == "db_query":
        return _drops((effect.target or "").lower().split()[:64])
    if not {"delete", "force"}.intersection((effect.detail or "").split(",")) or effect.kind == "memory_write":
        return False
    return not (in_shell and effect.kind == "file_write" and _daily(effect.target))


def _drops(query: list[str]) -> bool:
    """Tell whether a query takes whole tables: DROP, TRUNCATE, or a DELETE that names no rows."""
    if not query:
        return False
    if query[0] == "delete":
        return "where" not in query
    return query[0] in {"drop", "truncate"} or (query[0] == "alter" and "drop" in query)


def _daily(target: str | None) -> bool:
    if target is None:
        return True
    path = target.replace("\\", "/")[-_MAX_PATH:]
    parts = path.lower().split("/")
    if path in _WHOLE or ".." in parts:
        return False
    if not path.startswith(("/", "~", "$")) and ":" not in parts[0]:
        return True
    return path.startswith("$TMP") or not _SCRATCH.isdisjoint(parts[1:])


def _by_name(tool: str) -> bool:
    words = words_of(tool)
    if not words or words[0] in READING or not _HARMLESS.isdisjoint(words):
        return False
    return any(_means_it(word, words) for word in words if word in _VERBS or word in _NOUNS)


def _means_it(verb: str, words: Iterable[str]) -> bool:
    beside = [word for word in words if word != verb]
    nouns = _NOUNS.get(verb)
    return nouns is None or not beside or not nouns.isdisjoint(beside)
