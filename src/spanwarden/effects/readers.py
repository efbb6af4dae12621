"""From what a tool does and what it was given to effects: one reader for each action."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from spanwarden.effects import reading
from spanwarden.effects.inline import code_effects
from spanwarden.effects.patches import files_of_patch, looks_like_patch
from spanwarden.effects.reading import bare, every, first
from spanwarden.effects.scripts import script_calls
from spanwarden.effects.shell.language import shell_effects
from spanwarden.effects.table import Action, ToolTable
from spanwarden.effects.urls import is_url, urls_in
from spanwarden.model.event import Effect, EffectKind

Named = dict[str, Any]
Reader = Callable[[Named, Any], Iterable[Effect]]

_EDIT_COMMANDS = {"view": "file_read", "read": "file_read", "open": "file_read", "cat": "file_read"}
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def effects_for(action: Action, named: Named, arguments: Any, table: ToolTable) -> Iterable[Effect]:
    """Return the effects of one action. `named` is `reading.folded(arguments)`; arguments are unwrapped.

    table: what the tools that a script calls do.
    """
    return _script(named, arguments, table) if action == "script" else _READERS[action](named, arguments)


def _each(kind: EffectKind, targets: list[str], detail: str | None = None) -> list[Effect]:
    return [Effect(kind, target, detail) for target in targets] or [Effect(kind, None, detail)]


def _on_path(kind: EffectKind, detail: str | None = None) -> Reader:
    def read(named: Named, arguments: Any) -> list[Effect]:
        return _each(kind, first(named, reading.PATH) or bare(arguments), detail)

    return read


def _edit(named: Named, arguments: Any) -> list[Effect]:
    """Tools that also view: the sub-command says which. A patch instead of a path is read as one."""
    command = named.get("command")
    kind = _EDIT_COMMANDS.get(command.lower()) if isinstance(command, str) else None
    if kind:
        return _each("file_read", first(named, reading.PATH))
    paths = first(named, reading.PATH)
    if not paths:
        changes = named.get("edits") or named.get("changes") or named.get("replacements")
        paths = list(dict.fromkeys(p for change in _objects(changes) for p in first(change, reading.PATH)))
    if not paths and (patch := _patch_text(named, arguments)):
        return files_of_patch(patch)
    return _each("file_write", paths or bare(arguments))


def _objects(value: Any) -> list[Named]:
    if not isinstance(value, (list, tuple)):
        return []
    return [reading.folded(member) for member in value[:32] if isinstance(member, dict)]


def _patch(named: Named, arguments: Any) -> list[Effect]:
    text = _patch_text(named, arguments)
    effects = files_of_patch(text) if text else []
    if effects:
        return effects
    changes = named.get("changes")
    if isinstance(changes, dict):
        return _each("file_write", [path for path in list(changes)[:32] if isinstance(path, str)])
    return _each("file_write", first(named, reading.PATH))


def _patch_text(named: Named, arguments: Any) -> str:
    for value in (arguments, *(named.get(key) for key in ("input", "patch", "diff", "content", "patchtext"))):
        if isinstance(value, str) and looks_like_patch(value):
            return value
    command = named.get("command") or named.get("args")
    for text in reading.texts(command):
        if looks_like_patch(text):
            return text
    return ""


def _move(named: Named, _arguments: Any) -> list[Effect]:
    sources = first(named, reading.SOURCE)
    destination = first(named, reading.DESTINATION)
    effects = [Effect("file_read", source) for source in sources]
    effects += [Effect("file_write", source, "move") for source in sources]
    return effects + _each("file_write", destination)


def _search(named: Named, arguments: Any) -> list[Effect]:
    where = first(named, reading.FOLDER) or first(named, reading.PATTERN) or bare(arguments)
    return _each("file_search", where)


def _shell(named: Named, arguments: Any) -> Iterable[Effect]:
    command: Any = next((named[key] for key in reading.COMMAND if named.get(key)), None)
    extra = named.get("args")
    if command is None and not isinstance(arguments, dict):
        command = arguments
    if isinstance(command, dict):
        inside = reading.folded(command)
        return _shell(inside, command) if inside and inside != named else [Effect("shell")]
    if isinstance(command, str) and isinstance(extra, (list, tuple)) and command is not extra:
        command = [command, *extra]
    return shell_effects(command)


def _code(named: Named, arguments: Any) -> list[Effect]:
    text = "\n".join(first(named, reading.CODE) or bare(arguments))
    return [Effect("shell", text or None, "code"), *code_effects(text)]


def _fetch(named: Named, arguments: Any) -> list[Effect]:
    urls = first(named, reading.URL)
    if not urls:
        loose = every(named, reading.LOOSE_URL) or bare(arguments)
        urls = [url for text in loose for url in urls_in(text)] or [text for text in loose if _host_like(text)]
    method = named.get("method")
    if isinstance(method, str) and method.upper() not in _READ_METHODS:
        return _each("network_send", urls)
    return _each("network_fetch", urls)


def _host_like(text: str) -> bool:
    return "." in text and not any(character.isspace() for character in text)


def _http(named: Named, arguments: Any) -> list[Effect]:
    urls = first(named, reading.URL) or [url for text in bare(arguments) for url in urls_in(text)]
    method = named.get("method") or named.get("verb")
    if isinstance(method, str):
        sends = method.upper() not in _READ_METHODS
    else:
        sends = any(named.get(key) for key in reading.BODY)
    return _each("network_send" if sends else "network_fetch", urls)


def _send(named: Named, arguments: Any) -> list[Effect]:
    loose = every(named, reading.LOOSE_URL) or bare(arguments)
    return _each("network_send", first(named, reading.URL) or [url for text in loose for url in urls_in(text)])


def _download(named: Named, arguments: Any) -> list[Effect]:
    urls = first(named, reading.URL) or [text for text in bare(arguments) if is_url(text)]
    saved = first(named, ("savepath", "savedir", "outputpath", "output", "destination", "path", "filepath"))
    effects = [Effect("network_fetch", url) for url in urls] + [Effect("file_write", path) for path in saved]
    if effects:
        return effects
    return _each("file_read", first(named, reading.PATH) or bare(arguments))


def _upload(named: Named, _arguments: Any) -> list[Effect]:
    files = first(named, ("filepath", "path", "file", "files", "paths", "localpath", "source", "filename", "fileid"))
    return [*(Effect("file_read", path) for path in files), *_each("network_send", first(named, reading.URL))]


def _addressed(kind: EffectKind, keys: tuple[str, ...], detail: str | None = None, *, needed: bool = False) -> Reader:
    def read(named: Named, arguments: Any) -> list[Effect]:
        found = first(named, keys) or bare(arguments)
        if not found and needed:
            return []
        copies = [text for text in every(named, ("cc", "bcc")) if text not in found] if kind == "message_send" else []
        return _each(kind, found + copies, detail)

    return read


def _pay(named: Named, _arguments: Any) -> list[Effect]:
    return _each("network_send", first(named, reading.PAYEE), "payment")


def _web_search(named: Named, arguments: Any) -> list[Effect]:
    return _each("network_fetch", first(named, reading.SEARCH) or bare(arguments), "search")


def _repo(kind: EffectKind, detail: str | None = None) -> Reader:
    def read(named: Named, _arguments: Any) -> list[Effect]:
        owner, repo = first(named, ("owner", "org", "organization")), first(named, reading.REPO)
        target = [f"{owner[0]}/{repo[0]}"] if owner and repo and "/" not in repo[0] else repo
        return _each(kind, target, detail)

    return read


def _query(named: Named, arguments: Any) -> list[Effect]:
    return _each("db_query", first(named, reading.QUERY) or bare(arguments))


def _script(named: Named, arguments: Any, table: ToolTable) -> Iterable[Effect]:
    """`exec` is a shell in most programs and a JavaScript wrapper around other tools in Codex."""
    text = arguments if isinstance(arguments, str) else next(iter(first(named, ("code", "input", "script"))), None)
    if text is None:
        return _shell(named, arguments)
    calls = script_calls(text)
    if calls is None:
        return _shell(named, arguments)
    return _nested(calls, table)


def _nested(calls: list[tuple[str, Any]], table: ToolTable) -> Iterable[Effect]:
    from spanwarden.effects.classify import effects_of

    for tool, arguments in calls:
        if tool != "exec":
            yield from effects_of(tool, arguments, table=table)


_READERS: dict[Action, Reader] = {
    "file_read": _on_path("file_read"),
    "file_write": _on_path("file_write"),
    "file_append": _on_path("file_write", "append"),
    "file_delete": _on_path("file_write", "delete"),
    "folder_create": _on_path("file_write", "folder"),
    "file_move": _move,
    "file_search": _search,
    "edit": _edit,
    "patch": _patch,
    "shell": _shell,
    "code": _code,
    "fetch": _fetch,
    "web_search": _web_search,
    "http": _http,
    "send": _send,
    "download": _download,
    "upload": _upload,
    "message": _addressed("message_send", reading.ADDRESS),
    "share": _addressed("message_send", (*reading.ADDRESS, "user"), "share"),
    "invite": _addressed(
        "message_send",
        ("participants", "attendees", "guests", "invitees", "useremail", "emails", "email", "recipients", "to", "user"),
        "invite",
        needed=True,
    ),
    "pay": _pay,
    "vcs_read": _repo("vcs_read"),
    "vcs_write": _repo("vcs_write"),
    "vcs_delete": _repo("vcs_write", "delete"),
    "db_query": _query,
    "memory_read": _addressed("memory_read", ("query", *reading.MEMORY)),
    "memory_write": _addressed("memory_write", reading.MEMORY),
    "memory_delete": _addressed("memory_write", reading.MEMORY, "delete"),
    "agent_spawn": _addressed("agent_spawn", reading.AGENT),
    "approval": _addressed("approval", ("question", "action", "plan", "message", "prompt")),
    "none": lambda _named, _arguments: [],
}
