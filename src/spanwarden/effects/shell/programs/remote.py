"""Connections to other machines: ssh, scp, rsync, netcat, object stores."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each

_SSH = "bcDEeFIiJLlmOopQRSWw"
_BUCKETS = ("s3://", "gs://", "az://", "oss://", "b2://")


def _ssh(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], _SSH, posix=True)
    context.add("network_fetch", next(iter(arguments.rest), None))
    on_each(context, "file_read", arguments.values("-i"))
    sends = command.upstream or command.stdin is not None or any(r.operator == "<" for r in command.redirects)
    if sends:
        context.add("network_send", next(iter(arguments.rest), None))


def _is_remote(word: str) -> bool:
    if "://" in word:
        return True
    head, mark, _ = word.partition(":")
    return bool(mark) and len(head) > 1 and "/" not in head


def _copy_between(command: Command, context: Context) -> None:
    """Take scp and rsync: the side with a host is the far one."""
    letters = "cDFiJloPSX" if command.name == "scp" else "efBMT"
    arguments = split(
        command.words[1:], letters, {"--rsh", "--exclude", "--include", "--filter", "--files-from", "--password-file"}
    )
    sources, destination = arguments.rest[:-1], arguments.rest[-1:]
    _between(context, sources, destination, _is_remote)


def _between(context: Context, sources: list[str], destination: list[str], far: Callable[[str], bool]) -> None:
    for source in sources:
        context.add("network_fetch" if far(source) else "file_read", source)
    for target in destination:
        context.add("network_send" if far(target) else "file_write", target)


def _netcat(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "eciopqswxXTIOLm", {"--exec", "--sh-exec", "--proxy", "--source-port"})
    host = arguments.rest[:2]
    target = ":".join(host) or None
    if not arguments.has("-z"):
        context.add("network_send", target)
    if arguments.has("-l", "--listen", "-z"):
        context.add("network_fetch", target)
    for program in arguments.values("-e", "-c", "--exec", "--sh-exec"):
        context.mark("remote_code")
        context.read(program)


def _telnet(command: Command, context: Context) -> None:
    rest = split(command.words[1:], "belnX").rest
    context.add("network_send", ":".join(rest[:2]) or None)


def _socat(command: Command, context: Context) -> None:
    for word in split(command.words[1:], "bdtTlL").rest:
        kind, _, rest = word.partition(":")
        if kind.upper().startswith(("TCP", "UDP", "SSL", "OPENSSL", "SOCKS", "PROXY")):
            context.add("network_send", rest.partition(",")[0] or None)
        elif kind.upper() in {"EXEC", "SYSTEM"}:
            context.mark("remote_code")
            context.read(rest.partition(",")[0])
        elif kind.upper() in {"FILE", "OPEN"}:
            context.add("file_read", rest.partition(",")[0])
        elif kind.upper() == "CREATE":
            context.add("file_write", rest.partition(",")[0])


def _openssl(command: Command, context: Context) -> None:
    words = command.words[1:]
    for option, value in pairwise(words):
        if option == "-connect":
            context.add("network_send", value)
        elif option in {"-in", "-key", "-inkey", "-cert"}:
            context.add("file_read", value)
        elif option in {"-out", "-keyout"}:
            context.add("file_write", value)


def _bucket(word: str) -> bool:
    return word.startswith(_BUCKETS)


def _cloud(command: Command, context: Context) -> None:
    """Take aws, gsutil, gcloud, az, s3cmd, rclone: copies to and from a store; everything else asks a service."""
    words = [word for word in command.words[1:] if not word.startswith("-")]
    verbs = {"cp", "mv", "sync", "rsync", "copy", "put", "get", "move"}
    at = next((index for index, word in enumerate(words[:3]) if word in verbs), None)
    far = _is_remote if command.name == "rclone" else _bucket
    if at is not None and len(words) >= at + 3:
        _between(context, words[at + 1 : at + 2], words[at + 2 : at + 3], far)
        return
    targets = [word for word in words if _bucket(word)]
    on_each(context, "network_fetch", targets)
    if not targets:
        context.add("network_fetch")


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(("ssh", "autossh", "mosh"), _ssh),
    **dict.fromkeys(("scp", "rsync"), _copy_between),
    **dict.fromkeys(("nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"), _netcat),
    **dict.fromkeys(("telnet", "ftp", "sftp", "lftp", "tftp"), _telnet),
    **dict.fromkeys(("aws", "gsutil", "gcloud", "az", "s3cmd", "rclone", "mc"), _cloud),
    "socat": _socat,
    "openssl": _openssl,
}
