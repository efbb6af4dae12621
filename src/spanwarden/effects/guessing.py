"""Tools whose names say nothing, judged by what they were given."""

from __future__ import annotations

from typing import Any

from spanwarden.effects.patches import looks_like_patch
from spanwarden.effects.table import Action
from spanwarden.effects.urls import is_url

_CONTENT = ("content", "contents", "newstring", "newstr", "newcontent", "filetext", "edits", "oldstring")
_BODY = ("body", "data", "payload", "json", "formdata")
_PATHS = ("filepath", "filename", "absolutepath", "targetfile", "path", "notebookpath")
_COMMANDS = ("command", "cmd", "shellcommand", "commandline")
_ADDRESSES = frozenset({"recipients", "recipient", "to"})
_SPEAKING = frozenset((*_COMMANDS, *_ADDRESSES, *_PATHS, "url", "uri", "link", "href", "sql", "query", "statement"))
"""Arguments of other names say nothing."""
_SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "CREATE ", "DROP ", "ALTER ")


def actions_from_arguments(named: dict[str, Any], arguments: Any) -> tuple[Action, ...]:
    """Return what a call seems to do by the names and the shape of its arguments; () where they do not say."""
    if not named:
        return ("patch",) if isinstance(arguments, str) and looks_like_patch(arguments) else ()
    if _SPEAKING.isdisjoint(named):
        return ()
    has = {key for key, value in named.items() if value}
    for key in _COMMANDS:
        if key in has and _is_command(named[key]):
            return ("shell",)
    if "url" in has or any(isinstance(named[key], str) and is_url(named[key]) for key in has & {"uri", "link", "href"}):
        return ("http",)
    if "sql" in has or any(_is_sql(named[key]) for key in has & {"query", "statement"}):
        return ("db_query",)
    if has & _ADDRESSES and has & {"body", "subject", "message", "text", "content"}:
        return ("message",)
    if has.intersection(_PATHS):
        if has.intersection(_CONTENT):
            return ("file_write",)
        return ("file_search",) if "pattern" in has or "glob" in has else ("file_read",)
    return ()


def _is_command(value: Any) -> bool:
    """Ask for a list of words or text of more than one: `{"command": "start"}` is an order to something else."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(word, str) for word in value)
    return isinstance(value, str) and len(value.split(None, 1)) > 1


def _is_sql(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip()[:8].upper().startswith(_SQL)
