"""PowerShell cmdlets and cmd.exe commands, by their lower-case names."""

from __future__ import annotations

import re2

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.escapes import from_base64_utf16
from spanwarden.effects.shell.options import listed, split
from spanwarden.effects.shell.programs.program import Program, on_each
from spanwarden.effects.urls import urls_in

_CMDLET = re2.compile(
    r"(?i)(?:^|[|;&({=\n])\s*(?:Get|Set|Add|Remove|New|Copy|Move|Rename|Invoke|Start|Out|Write|Select|Test|Clear|Import|"
    r"Export|Expand|Compress|Send|Stop|ConvertTo|ConvertFrom|Where|ForEach|Install|Import|Format)-[A-Z][A-Za-z]+(?:\s|$|;|\|)|"
    r"\$env:[A-Za-z]|(?:^|[|;]\s*)(?:iwr|irm|iex|gci)\s|\s-(?:Path|LiteralPath|Uri|OutFile|Recurse)\s"
)
FETCHERS = frozenset({"iwr", "irm", "invoke-webrequest", "invoke-restmethod", "curl", "wget", "new-object"})
"""Commands whose output came from the network."""

_DOWNLOADS = re2.compile(r"(?i)\.Download(?:String|File|Data)")
_UPLOADS = re2.compile(r"(?i)\.Upload(?:String|File|Data|Values)")
_RUNS_TEXT = re2.compile(r"(?i)\b(?:iex|invoke-expression)\b")
_TAKES = listed(
    """-path -literalpath -destination -value -uri -outfile -method -body -infile -headers -filepath -encoding
    -filter -include -exclude -pattern -name -newname -itemtype -to -from -subject -smtpserver -attachments
    -command -file -encodedcommand -executionpolicy -windowstyle -verb -argumentlist -totalcount -tail -first
    -contenttype -e -enc -ec -c -depth -target -usebasicparsing: -version -scope -query -serverinstance -database
    -property"""
)


def looks_like_powershell(text: str) -> bool:
    """Tell whether a text is PowerShell rather than a POSIX shell's."""
    return _CMDLET.search(text[:4096]) is not None


def read_web_client(text: str, context: Context) -> None:
    """Read calls of .NET's web client, which are no commands."""
    sends = _UPLOADS.search(text) is not None
    if sends or _DOWNLOADS.search(text):
        on_each(context, "network_send" if sends else "network_fetch", urls_in(text))
        if not sends and _RUNS_TEXT.search(text):
            context.mark("remote_code")


def _named(command: Command) -> tuple[dict[str, list[str]], list[str]]:
    words = [word.lower() if word.startswith("-") else word for word in command.words[1:]]
    arguments = split(words, "", _TAKES, single_dash=True)
    named: dict[str, list[str]] = {}
    for name, value in arguments.options:
        named.setdefault(name.rstrip(":"), []).extend([value] if value is not None else [])
    return named, [part for word in arguments.rest for part in word.split(",") if part]


def _paths(command: Command, count: int | None = None) -> list[str]:
    named, rest = _named(command)
    given = [*named.get("-path", []), *named.get("-literalpath", []), *named.get("-filepath", [])]
    return given or rest[:count]


def _read(command: Command, context: Context) -> None:
    on_each(context, "file_read", _paths(command))


def _select(command: Command, context: Context) -> None:
    named, rest = _named(command)
    files = [*named.get("-path", []), *named.get("-literalpath", [])]
    on_each(context, "file_read", files or (rest if "-pattern" in named else rest[1:]))


def _write(command: Command, context: Context) -> None:
    appends = command.words[0].lower() == "add-content" or any(w.lower() == "-append" for w in command.words)
    on_each(context, "file_write", _paths(command, 1), "append" if appends else None)


def _new_item(command: Command, context: Context) -> None:
    named, _ = _named(command)
    kind = "".join(named.get("-itemtype", [])).lower()
    detail = "folder" if kind == "directory" else ("link" if "link" in kind else None)
    on_each(context, "file_write", [*_paths(command, 1), *named.get("-name", [])], detail)


def _remove(command: Command, context: Context) -> None:
    on_each(context, "file_write", [p for p in _paths(command) if not p.startswith("/") or len(p) > 2], "delete")


def _copy(command: Command, context: Context) -> None:
    named, rest = _named(command)
    sources = [*named.get("-path", []), *named.get("-literalpath", [])] or rest[:1]
    destinations = [*named.get("-destination", []), *named.get("-newname", [])] or rest[
        1 if sources == rest[:1] else 0 :
    ][:1]
    on_each(context, "file_read", sources)
    if command.words[0].lower() in {"move-item", "rename-item", "move", "mi", "ren", "rni"}:
        on_each(context, "file_write", sources, "move")
    on_each(context, "file_write", destinations)


def _web(command: Command, context: Context) -> None:
    named, rest = _named(command)
    urls = named.get("-uri") or rest[:1]
    method = "".join(named.get("-method", [])).upper()
    sends = method not in {"", "GET", "HEAD", "OPTIONS"} or "-body" in named or "-infile" in named
    on_each(context, "network_send" if sends else "network_fetch", urls)
    on_each(context, "file_read", named.get("-infile", []))
    on_each(context, "file_write", named.get("-outfile", []))


def _search(command: Command, context: Context) -> None:
    paths = [path for path in _paths(command) if not (command.name.lower() == "dir" and path.startswith("/"))]
    on_each(context, "file_search", paths)
    if not paths:
        context.add("file_search")


def _invoke_text(command: Command, context: Context) -> None:
    if any(stage.name.lower() in FETCHERS for stage in command.upstream):
        context.mark("remote_code")
    text = " ".join(command.words[1:])
    if text and not text.startswith("-"):
        context.read(text)


def _powershell(command: Command, context: Context) -> None:
    named, rest = _named(command)
    for option, values in named.items():
        if option in {"-encodedcommand", "-e", "-enc", "-ec"}:
            context.mark("obfuscated")
            for text in filter(None, map(from_base64_utf16, _as_written(command, values))):
                context.read(text)
        elif option == "-file":
            on_each(context, "file_read", values)
    at = next((i for i, w in enumerate(command.words) if w.lower() in {"-command", "-c"}), None)
    if at is not None:
        context.read(" ".join(command.words[at + 1 :]))
    elif rest and not named.get("-file"):
        context.read(" ".join(rest))


def _as_written(command: Command, values: list[str]) -> list[str]:
    return [word for word in command.words if word in values]


def _cmd(command: Command, context: Context) -> None:
    at = next((i for i, word in enumerate(command.words) if word.lower() in {"/c", "/k"}), None)
    if at is not None:
        context.read(" ".join(command.words[at + 1 :]))


def _start(command: Command, context: Context) -> None:
    named, rest = _named(command)
    if "runas" in [verb.lower() for verb in named.get("-verb", [])]:
        context.mark("privilege")
    program = named.get("-filepath") or rest[:1]
    context.inner([*program, *(part for text in named.get("-argumentlist", []) for part in text.split())], command)


def _certutil(command: Command, context: Context) -> None:
    urls = [word for word in command.words if "://" in word]
    on_each(context, "network_fetch", urls)
    if urls:
        on_each(context, "file_write", [word for word in command.words[-1:] if word not in urls])


def _send_mail(command: Command, context: Context) -> None:
    named, _ = _named(command)
    on_each(context, "message_send", named.get("-to", []))
    on_each(context, "file_read", named.get("-attachments", []))


def _runas(command: Command, context: Context) -> None:
    context.mark("privilege")
    context.read(" ".join(word for word in command.words[1:] if not word.startswith("/")))


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(("get-content", "gc", "type", "import-csv", "get-filehash"), _read),
    **dict.fromkeys(("select-string", "sls", "findstr"), _select),
    **dict.fromkeys(("set-content", "add-content", "out-file", "clear-content", "export-csv", "tee-object"), _write),
    **dict.fromkeys(("new-item", "ni", "md"), _new_item),
    **dict.fromkeys(("remove-item", "ri", "del", "erase", "rd"), _remove),
    **dict.fromkeys(
        ("copy-item", "move-item", "rename-item", "copy", "move", "xcopy", "ren", "cpi", "mi", "rni"), _copy
    ),
    **dict.fromkeys(("invoke-webrequest", "invoke-restmethod", "iwr", "irm", "start-bitstransfer"), _web),
    **dict.fromkeys(("get-childitem", "gci", "get-item"), _search),
    **dict.fromkeys(("invoke-expression", "iex"), _invoke_text),
    **dict.fromkeys(("powershell", "pwsh"), _powershell),
    **dict.fromkeys(("start-process", "saps"), _start),
    "cmd": _cmd,
    "certutil": _certutil,
    "send-mailmessage": _send_mail,
    "runas": _runas,
}
