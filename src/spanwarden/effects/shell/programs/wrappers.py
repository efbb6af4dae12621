"""Programs that run another program, and interpreters that are given its text."""

from __future__ import annotations

from spanwarden.effects.inline import code_effects, commands_in
from spanwarden.effects.shell.command import Command, program_name
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.escapes import ansi_c, from_base64, from_hex, printf
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each

_WRAPPERS: dict[str, tuple[str, frozenset[str]]] = {
    # name: letters with a value, long options with a value
    "sudo": ("ugpCDhrtTR", frozenset({"--user", "--group", "--chdir", "--prompt", "--host"})),
    "doas": ("uCa", frozenset()),
    "pkexec": ("", frozenset({"--user"})),
    "gosu": ("", frozenset()),
    "env": ("uCS", frozenset({"--unset", "--chdir", "--split-string"})),
    "nohup": ("", frozenset()),
    "time": ("fo", frozenset()),
    "nice": ("n", frozenset()),
    "ionice": ("cnp", frozenset()),
    "stdbuf": ("ioe", frozenset()),
    "setsid": ("", frozenset()),
    "exec": ("a", frozenset()),
    "command": ("", frozenset()),
    "builtin": ("", frozenset()),
    "busybox": ("", frozenset()),
    "toybox": ("", frozenset()),
    "strace": ("eopsuP", frozenset()),
    "ltrace": ("eopsu", frozenset()),
    "caffeinate": ("tw", frozenset()),
    "unbuffer": ("", frozenset()),
    "watch": ("nd", frozenset({"--interval"})),
    "xargs": ("adEIiLlnPs", frozenset({"--max-args", "--max-procs", "--replace", "--delimiter", "--arg-file"})),
    "parallel": ("jI", frozenset({"--jobs"})),
    "proxychains": ("f", frozenset()),
    "proxychains4": ("f", frozenset()),
    "torsocks": ("", frozenset()),
    "firejail": ("", frozenset()),
    "unshare": ("", frozenset()),
    "fakeroot": ("", frozenset()),
    "chronic": ("", frozenset()),
    "nsenter": ("tSG", frozenset({"--target"})),
}
_SKIPPED_WORDS = {"timeout": 1, "gosu": 1, "chroot": 1, "flock": 1, "taskset": 1, "su-exec": 1}
_PRIVILEGED = frozenset({"sudo", "doas", "pkexec", "gosu", "su-exec", "chroot"})
_SHELLS = ("sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "rbash")
_CODE = {
    "-c": ("python", "python2", "python3", "pypy", "pypy3"),
    "-e": ("node", "nodejs", "perl", "ruby", "lua", "deno", "bun", "osascript", "Rscript", "elixir"),
    "-r": ("php",),
}
_FETCHERS = frozenset(
    {"curl", "wget", "wget2", "fetch", "http", "https", "aria2c", "nc", "ncat", "socat", "lynx", "w3m", "iwr", "irm"}
)
_ECHO_OPTIONS = frozenset({"-n", "-e", "-E", "-ne", "-en"})
_DECODERS = frozenset({"base64", "base32", "xxd", "uudecode", "openssl", "rev", "tr", "gunzip", "zcat", "gzip"})


def _wrapper(command: Command, context: Context) -> None:
    name = command.name
    if name in _PRIVILEGED:
        context.mark("privilege")
    letters, long = _WRAPPERS.get(name, ("snpwE", frozenset()))
    arguments = split(command.words[1:], letters, long, posix=True)
    words = arguments.rest[_SKIPPED_WORDS.get(name, 0) :]
    if name in {"sudo", "env", "doas"}:
        while words and "=" in words[0] and not words[0].startswith(("/", "=")):
            words = words[1:]
    if name == "sudo" and arguments.has("-e", "--edit"):
        on_each(context, "file_write", words)
        return
    if name == "env" and (lines := arguments.values("-S", "--split-string")):
        context.read(" ".join([*lines, *words]))
        return
    if name == "xargs":
        on_each(context, "file_read", arguments.values("-a", "--arg-file"))
        if words and not any("{}" in word for word in words) and not runs_text(words[0]):
            words = [*words, "{}"]
    if name == "parallel":
        words = words[: words.index(":::")] if ":::" in words else words
    if len(words) == 1 and " " in words[0]:
        context.read(words[0])
        return
    context.inner(words, command)


def _su(command: Command, context: Context) -> None:
    context.mark("privilege")
    for text in split(command.words[1:], "csgG", {"--command", "--shell"}).values("-c", "--command"):
        context.read(text)


def _shell(command: Command, context: Context) -> None:
    """Read `sh -c TEXT`, `sh FILE`, `… | sh`, `sh <<EOF` and `sh <(curl …)`."""
    words = command.words[1:]
    if any(word.startswith("-") and not word.startswith("--") and "c" in word for word in words):
        arguments = split(words, "oO", {"--rcfile", "--init-file"})
        _downloaded(command, context)
        if arguments.rest:
            _text(command, context, arguments.rest[0])
        return
    arguments = split(words, "oO", {"--rcfile", "--init-file"}, posix=True)
    files = [] if arguments.has("-s") else arguments.rest
    if files and not files[0].startswith("<("):
        on_each(context, "file_read", files[:1])
        return
    _downloaded(command, context)
    _piped(command, context)


def _eval(command: Command, context: Context) -> None:
    _downloaded(command, context)
    _text(command, context, " ".join(command.words[1:]))


def _source(command: Command, context: Context) -> None:
    _downloaded(command, context)
    on_each(context, "file_read", [word for word in command.words[1:2] if not word.startswith("<(")])


def _text(command: Command, context: Context, text: str) -> None:
    """Read a text given to a shell; one that is only a substitution has been opened already."""
    if command.runs & _DECODERS:
        context.mark("obfuscated")
    if not (text.startswith(("$(", "`")) and text.endswith((")", "`")) and text.count("$(") + text.count("`") < 3):
        context.read(text)


def _downloaded(command: Command, context: Context) -> None:
    if command.runs & _FETCHERS:
        context.mark("remote_code")


def _piped(command: Command, context: Context) -> None:
    """Judge what a pipeline or a here-document hands to an interpreter of shell text."""
    if command.stdin is not None:
        context.read(command.stdin)
        return
    if any(stage.name in _FETCHERS or stage.runs & _FETCHERS for stage in command.upstream):
        context.mark("remote_code")
    said = _said(command.upstream, context)
    if said:
        context.read(said)


def _said(stages: tuple[Command, ...], context: Context) -> str | None:
    """Return the text that a pipeline prints, followed through decoders as far as it is known."""
    text: str | None = None
    for stage in stages:
        name, words = stage.name, stage.words
        if name in {"echo", "printf"}:
            text = printf(words[1:]) if name == "printf" else " ".join(w for w in words[1:] if w not in _ECHO_OPTIONS)
            decoded = ansi_c(text) if "-e" in words[1:3] or "-ne" in words[1:2] else text
            if decoded != text and "\\x" in text:
                context.mark("obfuscated")
            text = decoded
        elif stage.stdin is not None:
            text = stage.stdin
        if name in _DECODERS and name != "tr":
            context.mark("obfuscated")
            text = _decoded(name, words, text)
    return text


def _decoded(name: str, words: list[str], text: str | None) -> str | None:
    if text is None:
        return None
    if name == "base64" or (name == "openssl" and "base64" in words):
        return from_base64(text)
    if name == "xxd":
        return from_hex(text)
    return text[::-1] if name == "rev" else None


def _interpreter(command: Command, context: Context) -> None:
    """Read `python -c`, `node -e`, a script's name, a here-document, or what a pipeline hands over."""
    name = command.name.rstrip("0123456789.") if command.name.startswith(("python", "pypy")) else command.name
    flag = next(key for key, names in _CODE.items() if name in names or command.name in names)
    words = command.words[1:]
    if name in {"deno", "bun"} and words[:1] and words[0] in {"run", "eval"}:
        words = ["-e", *words[1:]] if words[0] == "eval" else words[1:]
    letters = {"-c": "cmWXQ", "-e": "eErIMl", "-r": "rdf"}[flag]
    arguments = split(words, letters, {"--eval", "--print", "--require"}, posix=True)
    codes = arguments.values(flag, "-E" if name == "perl" else flag, "-p", "--eval", "--print")
    modules = arguments.values("-m") if flag == "-c" else []
    if modules:
        context.inner([modules[0], *arguments.rest], command)
    elif codes or command.stdin is not None:
        _downloaded(command, context)
        for code in codes or [command.stdin or ""]:
            _code(code, context)
        if name in {"perl", "ruby"} and codes:
            in_place = any(word[:1] == "-" and word[1:2] != "-" and "i" in word for word in words)
            on_each(context, "file_write" if in_place else "file_read", arguments.rest)
    elif arguments.rest:
        on_each(context, "file_read", [word for word in arguments.rest[:1] if not word.startswith("<(")])
        _downloaded(command, context)
    elif any(stage.name in _FETCHERS for stage in command.upstream):
        context.mark("remote_code")
    else:
        said = _said(command.upstream, context)
        if said:
            _code(said, context)


def _code(text: str, context: Context) -> None:
    for effect in code_effects(text):
        context.add(effect.kind, effect.target, effect.detail)
    for line in commands_in(text):
        context.read(line)


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(_WRAPPERS, _wrapper),
    **dict.fromkeys(_SKIPPED_WORDS, _wrapper),
    **dict.fromkeys(_SHELLS, _shell),
    **dict.fromkeys((name for names in _CODE.values() for name in names), _interpreter),
    **dict.fromkeys((f"python3.{minor}" for minor in range(6, 20)), _interpreter),
    "su": _su,
    "eval": _eval,
    "source": _source,
    ".": _source,
}


def runs_file(word: str) -> bool:
    """Tell whether a program runs the file that it is given."""
    name = program_name(word)
    return PROGRAMS.get(name) in {_shell, _interpreter, _source}


def runs_text(word: str) -> bool:
    """Tell whether a program is a shell: one that is given command text."""
    return program_name(word) in _SHELLS
