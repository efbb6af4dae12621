"""Tools whose names say nothing, judged by what they were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spanwarden.effects.patches import looks_like_patch
from spanwarden.effects.table import Action
from spanwarden.effects.urls import is_url

_CONTENT = ("content", "contents", "newstring", "newstr", "newcontent", "filetext", "edits", "oldstring")
_PATHS = ("filepath", "filename", "absolutepath", "targetfile", "path", "notebookpath")
_COMMANDS = ("command", "cmd", "shellcommand", "commandline")
_LINKS = ("uri", "link", "href")
_QUERIES = ("query", "statement")
_WORDS = ("body", "subject", "message", "text", "content")
_ADDRESSES = frozenset({"recipients", "recipient", "to"})
_SPEAKING = frozenset((*_COMMANDS, *_ADDRESSES, *_PATHS, "url", *_LINKS, "sql", *_QUERIES))
"""Arguments of other names say nothing by themselves."""
_SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "CREATE ", "DROP ", "ALTER ")


def actions_from_arguments(named: dict[str, Any], arguments: Any) -> tuple[Action, ...]:
    """Return what a call seems to do by the names and the shape of its arguments; () where they do not say."""
    if not named:
        return ("patch",) if isinstance(arguments, str) and looks_like_patch(arguments) else ()
    has = [key for key in named if key in _SPEAKING and named[key]]
    if not has:
        return ()
    for key in _COMMANDS:
        if key in has and _is_command(named[key]):
            return ("shell",)
    if "url" in has or _any(named, _LINKS, is_url):
        return ("http",)
    if "sql" in has or _any(named, _QUERIES, _is_sql):
        return ("db_query",)
    if not _ADDRESSES.isdisjoint(has) and _any(named, _WORDS):
        return ("message",)
    if _any(named, _PATHS):
        if _any(named, _CONTENT):
            return ("file_write",)
        return ("file_search",) if named.get("pattern") or named.get("glob") else ("file_read",)
    return ()


def _any(named: dict[str, Any], keys: tuple[str, ...], holds: Callable[[str], bool] | None = None) -> bool:
    """Tell whether one of these arguments says something; with `holds`, whether it is text of which that is true."""
    for key in keys:  # a generator costs more than the look-ups
        value = named.get(key)
        if value and (holds is None or (isinstance(value, str) and holds(value))):
            return True
    return False


def _is_command(value: Any) -> bool:
    """Ask for a list of words or text of more than one: `{"command": "start"}` is an order to something else."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(word, str) for word in value)
    return isinstance(value, str) and len(value.split(None, 1)) > 1


def _is_sql(text: str) -> bool:
    return text.lstrip()[:8].upper().startswith(_SQL)
