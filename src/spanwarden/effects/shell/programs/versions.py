"""Version control: git and the command lines of its hosts."""

from __future__ import annotations

from spanwarden.effects.patches import files_of_patch
from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import listed, split
from spanwarden.effects.shell.programs.program import Program, on_each
from spanwarden.model.event import Effect

_GIT_READ = listed(
    """status log diff show blame annotate grep ls-files rev-parse describe shortlog reflog cat-file ls-tree rev-list
    for-each-ref whatchanged name-rev merge-base check-ignore count-objects help version var archive show-ref
    show-branch cherry range-diff diff-tree diff-index diff-files fsck verify-commit verify-tag bundle clone fetch
    ls-remote check-attr symbolic-ref range-diff --version --help format-patch"""
)
_LETTERS = {
    "clone": "bojcu",
    "commit": "mFCct",
    "log": "nGSL",
    "push": "o",
    "fetch": "jo",
    "pull": "josX",
    "checkout": "bB",
    "switch": "cC",
    "tag": "mFu",
    "merge": "msXF",
    "restore": "s",
    "rebase": "xs",
}
"""Short options of git's commands that take a value."""
_LISTING = listed("-l --list -a -r -v -vv --all --contains --merged")
_LISTS = {
    "branch": ("-d", "-D", "-m", "-M", "-c", "-C", "--delete", "--move", "--copy", "-f", "--set-upstream-to", "-u"),
    "tag": ("-d", "-a", "-s", "-f", "-m", "--delete", "--annotate", "--force"),
}
_SUBREADS = {
    "stash": {"list", "show"},
    "remote": {"", "show", "get-url", "-v", "--verbose"},
    "worktree": {"list"},
    "submodule": {"", "status", "summary"},
    "notes": {"", "list", "show"},
    "bisect": {"log", "view", "visualize"},
    "lfs": {"ls-files", "status", "env"},
    "config": {"--get", "--list", "-l", "--get-all", "--get-regexp", "list", "get"},
}
_HOST_READ = frozenset(
    [
        "view",
        "list",
        "status",
        "diff",
        "checks",
        "browse",
        "search",
        "ls",
        "show",
        "download",
        "watch",
        "logs",
        "inspect",
        "help",
        "get",
        "verify",
        "--version",
    ]
)


def _git(command: Command, context: Context) -> None:
    head = split(command.words[1:], "Cc", {"--git-dir", "--work-tree", "--namespace", "--exec-path"}, posix=True)
    if not head.rest:
        context.add("vcs_read", None, None)
        return
    verb, words = head.rest[0], head.rest[1:]
    rest = split(
        words, _LETTERS.get(verb, ""), {"--branch", "--depth", "--message", "--author", "--date", "--format"}
    ).rest
    _git_network(verb, words, rest, context)
    _git_files(verb, words, rest, command.stdin, context)
    if _reads(verb, words, rest):
        context.add("vcs_read", rest[0] if verb == "clone" and rest else None, verb.lstrip("-"))
        return
    forced = verb == "push" and any(
        w in {"-f", "--force", "--mirror"} or w.startswith(("--force-", "+")) for w in words
    )
    context.add("vcs_write", rest[0] if verb == "push" and rest else None, "force" if forced else verb)


def _reads(verb: str, words: list[str], rest: list[str]) -> bool:
    if verb in _GIT_READ:
        return True
    if verb in _LISTS:
        listing = any(
            word in {"-l", "--list", "-a", "-r", "-v", "-vv", "--all", "--contains", "--merged"} for word in words
        )
        return listing or (not rest and not any(word in _LISTS[verb] for word in words))
    if verb == "config":
        return any(word in _SUBREADS[verb] for word in words[:2]) or len([w for w in words if w[:1] != "-"]) == 1
    return verb in _SUBREADS and (words[0] if words else "") in _SUBREADS[verb]


def _git_network(verb: str, words: list[str], rest: list[str], context: Context) -> None:
    if verb in {"clone", "fetch", "pull", "ls-remote"}:
        context.add("network_fetch", rest[0] if rest else None)
        if verb == "clone":
            on_each(context, "file_write", rest[1:2])
    elif verb == "push":
        context.add("network_send", rest[0] if rest else None)
    elif verb == "submodule" and words[:1] and words[0] in {"add", "update"}:
        context.add("network_fetch", rest[1] if words[0] == "add" and len(rest) > 1 else None)
    elif verb == "remote" and words[:1] == ["update"]:
        context.add("network_fetch")


def _git_files(verb: str, words: list[str], rest: list[str], stdin: str | None, context: Context) -> None:
    if verb == "rm":
        if "--cached" not in words:
            on_each(context, "file_write", rest, "delete")
    elif verb == "mv":
        on_each(context, "file_write", rest[:-1], "move")
        on_each(context, "file_write", rest[-1:])
    elif verb == "clean":
        if not any(word in {"-n", "--dry-run"} for word in words):
            context.add("file_write", next(iter(rest), None), "delete")
    elif verb in {"apply", "am"}:
        on_each(context, "file_read", rest)
        touched = files_of_patch(stdin) if stdin else []
        for effect in touched or (Effect("file_write"),):
            context.add(effect.kind, effect.target, effect.detail)
    elif verb in {"checkout", "restore"}:
        at = words.index("--") + 1 if "--" in words else None
        files = words[at:] if at is not None else (rest if verb == "restore" else [])
        on_each(context, "file_write", files)
    elif verb == "show":
        on_each(context, "file_read", [path for word in rest if (path := word.partition(":")[2])])


def _host(command: Command, context: Context) -> None:
    """Take gh, glab and tea: `gh pr create`, `gh api`, `gh repo clone`."""
    arguments = split(command.words[1:], "RtbBFHlamrfXqL", {"--repo", "--title", "--body", "--method", "--field"})
    repo = next(iter(arguments.values("-R", "--repo")), None)
    topic, verb = [*arguments.rest, "", ""][:2]
    detail = f"{topic} {verb}".strip() or None
    if topic == "api":
        method = next(iter(arguments.values("-X", "--method")), None)
        fields = arguments.has("-f", "-F", "--field", "--raw-field", "--input")
        writes = method.upper() not in {"GET", "HEAD"} if method else fields
        context.add("vcs_write" if writes else "vcs_read", verb or None, "api")
        context.add("network_send" if writes else "network_fetch", verb or None)
        return
    if topic in {"auth", "config", "alias", "completion", "extension", ""}:
        if topic == "extension" and verb == "install":
            context.add("network_fetch", next(iter(arguments.rest[2:]), None), "install")
        return
    target = repo or (next(iter(arguments.rest[2:]), None) if topic == "repo" else None)
    reads = verb in _HOST_READ or topic in {"search", "browse", "status"} or verb in {"clone", "checkout"}
    context.add("vcs_read" if reads else "vcs_write", target, detail)
    context.add("network_fetch" if reads else "network_send", target)
    if topic == "gist" and verb == "create":
        on_each(context, "file_read", arguments.rest[2:])


def _older(command: Command, context: Context) -> None:
    """Take svn, hg, jj, fossil: the verbs that only look are few."""
    verb = next(iter(split(command.words[1:]).rest), "")
    reads = {"status", "st", "log", "diff", "info", "ls", "list", "cat", "blame", "show", "annotate", "id", "summary"}
    context.add("vcs_read" if verb in reads else "vcs_write", None, verb or None)


PROGRAMS: dict[str, Program] = {
    "git": _git,
    **dict.fromkeys(("gh", "glab", "tea", "hub"), _host),
    **dict.fromkeys(("svn", "hg", "jj", "fossil", "bzr"), _older),
}
