"""Programs that read, write, move and remove files."""

from __future__ import annotations

from spanwarden.effects.inline import awk_files
from spanwarden.effects.patches import files_of_patch, looks_like_patch
from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each

READ_ALL = {
    "cat": "",
    "tac": "",
    "nl": "bdfhilnsvw",
    "head": "nc",
    "tail": "ncs",
    "less": "bhjkpPtTxyz",
    "more": "n",
    "bat": "lrH",
    "batcat": "lrH",
    "most": "",
    "zcat": "",
    "bzcat": "",
    "xzcat": "",
    "zless": "",
    "wc": "",
    "sort": "kotTS",
    "uniq": "fsw",
    "cut": "bcdf",
    "paste": "d",
    "column": "cstoN",
    "rev": "",
    "fold": "w",
    "fmt": "w",
    "expand": "t",
    "strings": "nte",
    "xxd": "clogs",
    "hexdump": "nse",
    "od": "AjNtwS",
    "base64": "w",
    "base32": "w",
    "md5sum": "",
    "sha1sum": "",
    "sha256sum": "",
    "sha512sum": "",
    "shasum": "a",
    "cksum": "",
    "diff": "UCLIxXFSW",
    "cmp": "in",
    "comm": "",
    "join": "12aejotv",
    "colordiff": "UCLIxXFSW",
    "file": "efFmP",
    "stat": "cft",
    "source": "",
    ".": "",
    "view": "cu",
    "iconv": "fto",
    "pdftotext": "flrxyWH",
    "readelf": "",
    "objdump": "",
    "gzcat": "",
    "mapfile": "dnOsuCc",
    "split": "abCln",
    "xz": "",
    "gpg": "rou",
    "gunzip": "",
    "visudo": "f",
}
"""Programs whose arguments are all files to read, with their short options that take a value."""

_EDITORS = ("vi", "vim", "nvim", "nano", "emacs", "ed", "ex", "code", "pico", "micro")
_WRITE_ALL = {"touch": "drt", "mkdir": "m", "mkfifo": "m", "mknod": "m", "truncate": "srio", "mktemp": "pt"}
_REMOVE_ALL = {"rm": "", "rmdir": "", "unlink": "", "shred": "ns", "srm": "", "trash": "", "wipefs": "", "rimraf": ""}
_WRITE_DETAIL = {"mkdir": "folder"}


def _read_all(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], READ_ALL[command.name], {"--lines", "--bytes"})
    files = [word for word in arguments.rest if not word.startswith("+")]
    if command.name in {"source", "."}:
        files = files[:1]
    on_each(context, "file_read", files)
    if command.name == "sort":
        on_each(context, "file_write", arguments.values("-o", "--output"))


def _write_all(command: Command, context: Context) -> None:
    name = command.name
    arguments = split(command.words[1:], _WRITE_ALL[name], {"--reference", "--date", "--mode", "--size"})
    on_each(context, "file_write", arguments.rest, _WRITE_DETAIL.get(name))


def _remove_all(command: Command, context: Context) -> None:
    files = split(command.words[1:], _REMOVE_ALL[command.name]).rest
    on_each(context, "file_write", files, "delete")
    if not files:
        context.add("file_write", None, "delete")


def _edit(command: Command, context: Context) -> None:
    files = [word for word in split(command.words[1:], "cSuT").rest if not word.startswith("+")]
    on_each(context, "file_read", files)
    on_each(context, "file_write", files)


def _copy(command: Command, context: Context) -> None:
    """Take cp, mv, ln and install: sources, then a destination, unless -t names it first."""
    name = command.name
    arguments = split(command.words[1:], "tSmgo", {"--target-directory", "--suffix", "--mode", "--owner", "--group"})
    into = arguments.values("-t", "--target-directory")
    sources, destinations = (arguments.rest, into) if into else (arguments.rest[:-1], arguments.rest[-1:])
    if name == "install" and arguments.has("-d", "--directory"):
        on_each(context, "file_write", arguments.rest, "folder")
        return
    on_each(context, "file_read", sources)
    if name == "mv":
        on_each(context, "file_write", sources, "move")
    on_each(context, "file_write", destinations, "link" if name == "ln" else None)


def _tee(command: Command, context: Context) -> None:
    arguments = split(command.words[1:])
    on_each(context, "file_write", arguments.rest, "append" if arguments.has("-a", "--append") else None)


def _dd(command: Command, context: Context) -> None:
    for word in command.words[1:]:
        key, _, value = word.partition("=")
        if key == "if":
            context.add("file_read", value)
        elif key == "of":
            context.add("file_write", value)


def _permissions(command: Command, context: Context) -> None:
    arguments = split([w for w in command.words[1:] if not _is_mode(w)], "", {"--reference", "--from"})
    owner_first = command.name != "chmod" and not arguments.has("--reference")
    files = arguments.rest[1:] if owner_first else arguments.rest
    on_each(context, "file_write", files, "permissions")
    if command.name == "chmod" and any(_sets_user_id(word) for word in command.words[1:3]):
        context.mark("privilege")


def _is_mode(word: str) -> bool:
    """Tell a mode of chmod from a file: octal digits, or symbolic as in `u+x,go-w`."""
    if word.isdigit():
        return len(word) <= 5
    return len(word) < 24 and word.strip("ugoa+-=rwxXst,") == "" and any(sign in word for sign in "+-=")


def _sets_user_id(word: str) -> bool:
    if word.isdigit():
        return len(word) >= 4 and word[-4] in "4567"
    return _is_mode(word) and "+" in word and "s" in word.partition("+")[2]


def _sed(command: Command, context: Context) -> None:
    words = command.words[1:]
    in_place = any(
        w.startswith(("-i", "--in-place")) or (w[:1] == "-" and w[1:2] != "-" and "i" in w[1:4]) for w in words
    )
    words = [word for at, word in enumerate(words) if word or at == 0 or words[at - 1] != "-i"]  # BSD's `-i ''`
    words = [word for word in words if not word.startswith("-i")]
    arguments = split(words, "efl", {"--expression", "--file"})
    scripted = arguments.has("-e", "--expression", "-f", "--file")
    files = arguments.rest if scripted else arguments.rest[1:]
    on_each(context, "file_read", arguments.values("-f", "--file"))
    on_each(context, "file_write" if in_place else "file_read", [file for file in files if file])


def _awk(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "Fvf", {"--file", "--assign", "--field-separator"})
    programs = arguments.values("-f", "--file")
    files = arguments.rest if programs else arguments.rest[1:]
    on_each(context, "file_read", [*programs, *(file for file in files if "=" not in file)])
    if not programs and arguments.rest:
        for effect in awk_files(arguments.rest[0]):
            context.add(effect.kind, effect.target)


def _jq(command: Command, context: Context) -> None:
    words = command.words[1:]
    arguments = split(words, "fL", {"--from-file", "--indent"})
    skipped = sum(2 for option in ("--arg", "--argjson") if option in words)
    filters = 0 if arguments.has("-f", "--from-file") else 1
    rest = arguments.rest[skipped:] if skipped else arguments.rest
    on_each(context, "file_read", [*arguments.values("-f", "--from-file"), *rest[filters:]])
    if command.name == "yq" and arguments.has("-i", "--inplace"):
        on_each(context, "file_write", rest[filters:])


def _patch(command: Command, context: Context) -> None:
    """Take patch and apply_patch; a patch written into the command tells its files itself."""
    for text in (command.stdin, *command.words[1:]):
        if text and looks_like_patch(text):
            for effect in files_of_patch(text):
                context.add(effect.kind, effect.target, effect.detail)
            return
    arguments = split(command.words[1:], "pidoDFBYzVr", {"--input", "--directory", "--output", "--strip"})
    on_each(context, "file_read", arguments.values("-i", "--input"))
    on_each(context, "file_read", arguments.rest[1:2])
    context.add("file_write", next(iter(arguments.rest), None))


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(READ_ALL, _read_all),
    **dict.fromkeys(_WRITE_ALL, _write_all),
    **dict.fromkeys(_REMOVE_ALL, _remove_all),
    **dict.fromkeys(_EDITORS, _edit),
    **dict.fromkeys(("cp", "mv", "ln", "install"), _copy),
    **dict.fromkeys(("chmod", "chown", "chgrp", "chattr", "setfacl"), _permissions),
    **dict.fromkeys(("sed", "gsed"), _sed),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
    **dict.fromkeys(("jq", "yq"), _jq),
    "tee": _tee,
    "sponge": _tee,
    "dd": _dd,
    **dict.fromkeys(("patch", "apply_patch", "applypatch"), _patch),
}
