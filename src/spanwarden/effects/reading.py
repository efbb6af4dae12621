"""Named arguments: which of them holds the path, the URL, the command, the address."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from spanwarden.effects.limits import MAX_VALUES


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PATH = _names(
    """filepath path filename file targetfile absolutepath notebookpath relativepath targetpath filepaths paths
    files relativeworkspacepath localpath outputpath destination dest savepath savedir documentpath directory
    dirpath dir folder folderpath location source src key fileid documentid name document uri fileuri root"""
)
SOURCE = _names("source src from sourcepath oldpath frompath fromfile filepath path fileid oldname filename file")
DESTINATION = _names(
    """destination dest destinationpath target to newpath topath tofile targetpath newname newfilename"""
)
FOLDER = _names(
    """path dirpath directory dir folder targetdirectory relativeworkspacepath root basepath cwd searchpath"""
)
PATTERN = _names("pattern globpattern glob filename query search searchterm keyword q text regex include name")
URL = _names("url urls uri link href endpoint webpage website page pageurl targeturl site address webhookurl baseurl")
LOOSE_URL = _names("prompt query input text host domain request")
COMMAND = _names(
    """command cmd commands cmds shellcommand commandline script bash code input args argv line chars action
    execute"""
)
CODE = _names("code script source program python input command query cell snippet")
ADDRESS = _names(
    """to recipients recipient emails email cc bcc toaddress toemail toaddresses emailaddress address participants
    attendees guests invitees useremail channel channelid channelname phone phonenumber tonumber chatid threadid
    user userid username"""
)
PAYEE = _names("recipient to iban payee destination account toaccount accountnumber receiver customer email userid")
QUERY = _names("query sql statement sqlquery querystring q cypher expression filter pipeline input command table")
SEARCH = _names("query q searchquery searchterm search queries keyword keywords input prompt text")
AGENT = _names(
    """subagenttype agentname agenttype agent memberid role coworker recipient assistant name targetagent tasktype"""
)
REPO = _names("repo repository repopath fullname project projectid repositoryname")
MEMORY = _names("key name id title fact memory content text query")
BODY = _names("body data json content payload form files formdata postdata message text params")


_FOLDED: dict[str, str] = {}
_MAX_FOLDED, _SHORT = 8192, 64
"""How many names of arguments are remembered, and how long they may be."""


def folded(arguments: Any) -> dict[str, Any]:
    """Return an object's members by their names without case, `_` and `-`; {} for anything else."""
    if not isinstance(arguments, dict):
        return {}
    return {_folded_name(key): value for key, value in arguments.items() if type(key) is str}


def _folded_name(key: str) -> str:
    known = _FOLDED.get(key)
    if known is None:
        known = key.replace("_", "").replace("-", "").lower()
        if len(key) <= _SHORT and len(_FOLDED) < _MAX_FOLDED:
            _FOLDED[key] = known
    return known


def texts(value: Any) -> list[str]:
    """Return the non-empty text of a value: itself, its members where it is a list, or a named part of each."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, (int, float)):
        return [str(value)]
    if isinstance(value, (list, tuple)):
        found: list[str] = []
        for member in value[:MAX_VALUES]:
            if isinstance(member, str) and member:
                found.append(member)
            elif isinstance(member, dict):
                found.extend(_part(member))
        return found
    if isinstance(value, dict):
        return _part(value)
    return []


def _part(member: dict[Any, Any]) -> list[str]:
    for key in ("path", "file_path", "filePath", "url", "email", "address", "name", "id"):
        value = member.get(key)
        if isinstance(value, str) and value:
            return [value]
    return []


def first(named: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Return the texts of the first of `keys` that has any."""
    for key in _present(named, keys):
        if found := texts(named[key]):
            return found
    return []


def every(named: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Return the texts of all of `keys`."""
    return [text for key in _present(named, keys) for text in texts(named[key])]


def _present(named: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Return those of `keys` that are there, in the order of `keys`; calls have few arguments and these are many."""
    places = _places(keys)
    found = [key for key in named if key in places]
    if len(found) > 1:
        found.sort(key=places.__getitem__)
    return found


@lru_cache(256)
def _places(keys: tuple[str, ...]) -> dict[str, int]:
    return {key: place for place, key in reversed([*enumerate(keys)])}


def bare(arguments: Any) -> list[str]:
    """Return the texts of arguments that came without names."""
    return [] if isinstance(arguments, dict) else texts(arguments)
