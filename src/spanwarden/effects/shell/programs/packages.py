"""Package managers: what they install comes from the network and runs here."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import listed, split
from spanwarden.effects.shell.programs.program import Program, on_each

_INSTALLS = listed(
    """install add i get ci update upgrade sync download require tool inject reinstall dist-upgrade full-upgrade
    build-dep source fetch localinstall groupinstall"""
)
_RUNS = {"run": "uv poetry pipenv npm pnpm yarn bun pdm rye hatch", "exec": "npm pnpm bundle poetry", "x": "uv bun"}
_ONE_SHOT = ("npx", "uvx", "bunx", "pipx", "pnpx")
_VALUES = {"--index-url", "--extra-index-url", "--target", "--prefix", "--registry", "--root", "--python", "--version"}
_NO_INSTALL = {"list", "show", "freeze", "search", "info", "view", "check", "outdated", "audit", "why", "tree"}


def _manage(command: Command, context: Context) -> None:
    name, words = command.name, command.words[1:]
    arguments = split([w for w in words if w not in {"-S", "-Sy", "-Syu"}], "rciteftCqo", _VALUES)
    rest = arguments.rest
    if words[:1] and words[0] in {"-S", "-Sy", "-Syu"}:
        _install(context, rest)
        return
    verb = next(iter(rest), "")
    if name == "uv" and rest[:2] == ["pip", "install"]:
        verb, rest = "install", rest[1:]
    if name in _RUNS.get(verb, "").split():
        at = words.index(verb) + 1
        if name in {"uv", "poetry", "pipenv", "pdm", "rye", "hatch", "bundle"} or verb != "run":
            context.inner(_after_options(words[at:]), command)
        return
    if verb == "publish":
        context.add("network_send")
        return
    if verb not in _INSTALLS and not (not verb and name == "yarn"):
        return
    on_each(context, "file_read", arguments.values("-r", "--requirement", "-c", "--constraint"))
    index = arguments.values("--index-url", "--extra-index-url", "--registry", "-i")
    on_each(context, "network_fetch", [url for url in index if "://" in url])
    _install(context, rest[1:])


def _install(context: Context, packages: list[str]) -> None:
    on_each(context, "network_fetch", packages, "install")
    if not packages:
        context.add("network_fetch", None, "install")


def _after_options(words: list[str]) -> list[str]:
    return split(words, "p", {"--with", "--python", "--from", "--package", "--extra", "--group"}, posix=True).rest


def _one_shot(command: Command, context: Context) -> None:
    words = command.words[1:]
    if command.name == "pipx":
        if words[:1] and words[0] in {"install", "inject", "upgrade"}:
            _install(context, split(words[1:]).rest)
            return
        words = words[1:] if words[:1] == ["run"] else []
    inner = _after_options(words)
    if inner:
        _install(context, inner[:1])
        context.inner(inner, command)


def _go(command: Command, context: Context) -> None:
    words = command.words[1:]
    verb = next(iter(words), "")
    rest = split(words[1:]).rest
    if verb in {"get", "install"}:
        _install(context, rest)
    elif verb == "mod" and rest[:1] == ["download"]:
        _install(context, rest[1:])
    elif verb == "run":
        on_each(context, "network_fetch", [word for word in rest[:1] if "@" in word], "install")
        on_each(context, "file_read", [word for word in rest[:1] if word.endswith(".go")])


def _container(command: Command, context: Context) -> None:
    words = command.words[1:]
    verb = next(iter(words), "")
    values = {
        "--name",
        "--env",
        "--volume",
        "--network",
        "--user",
        "--workdir",
        "--entrypoint",
        "--platform",
        "--publish",
    }
    arguments = split(words[1:], "evpuwhfltmac", values, posix=verb in {"run", "exec", "create"})
    if verb == "pull":
        _install(context, arguments.rest)
    elif verb == "push":
        context.add("network_send", next(iter(arguments.rest), None))
    elif verb in {"run", "create", "exec"}:
        if arguments.has("--privileged"):
            context.mark("privilege")
        context.inner(arguments.rest[1:], command)
    elif verb == "cp" and len(arguments.rest) == 2:
        context.add("file_read", arguments.rest[0])
        context.add("file_write", arguments.rest[1])


_MANAGERS = """pip pip3 pip3.10 pip3.11 pip3.12 pip3.13 uv poetry pipenv pdm rye conda mamba micromamba npm pnpm
    yarn bun apt apt-get aptitude dnf yum zypper apk brew port pacman yay snap flatpak nix-env gem bundle cargo
    composer cpan cpanm luarocks helm choco winget scoop rustup nvm pyenv asdf mix opam easy_install hatch deno dotnet
    nuget"""


def _twine(command: Command, context: Context) -> None:
    rest = split(command.words[1:], "rupisc", {"--repository", "--repository-url", "--username", "--password"}).rest
    if rest[:1] == ["upload"]:
        on_each(context, "file_read", rest[1:])
        context.add("network_send")


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(_MANAGERS.split(), _manage),
    **dict.fromkeys(_ONE_SHOT, _one_shot),
    **dict.fromkeys(("docker", "podman", "nerdctl"), _container),
    "go": _go,
    "twine": _twine,
}
