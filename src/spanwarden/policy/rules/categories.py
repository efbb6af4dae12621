"""The names under which tracegate's keys know an event: categories, tools, types."""

from __future__ import annotations

from collections.abc import Iterable

from spanwarden.model.event import Effect, EffectKind, Event

WEB_FETCH, SHELL, GITHUB, FILESYSTEM, MESSAGE = "WebFetch", "Shell", "GitHub", "Filesystem", "Message"
TOOL_DISCOVERY = "Tool Discovery"
EXTERNAL_CONTENT, FILE_WRITE = "ExternalContent", "FileWrite"
CATEGORIES = (WEB_FETCH, SHELL, GITHUB, FILESYSTEM, MESSAGE, TOOL_DISCOVERY)

_BY_EFFECT: dict[EffectKind, str] = {
    "network_fetch": WEB_FETCH,
    "shell": SHELL,
    "file_read": FILESYSTEM,
    "file_write": FILESYSTEM,
    "file_search": FILESYSTEM,
    "message_send": MESSAGE,
}
_READS = frozenset({"file_read", "read_file"})
_WRITES = frozenset({"file_write", "file_edit", "edit", "write_file"})
_FROM_TYPE = {"network_fetch": WEB_FETCH, "web_fetch": WEB_FETCH, "webfetch": WEB_FETCH}
_FROM_TYPE |= dict.fromkeys(("shell", "shell_command"), SHELL) | dict.fromkeys(("github", "git_action"), GITHUB)
_FROM_TYPE |= dict.fromkeys(("edit", "write_file", "read_file"), FILESYSTEM)
_FROM_TYPE |= dict.fromkeys(
    ("message", "assistant_message", "user_message", "system_message", "developer_message"), MESSAGE
)
_FROM_TOOL = dict.fromkeys(("webfetch", "web_fetch", "fetch"), WEB_FETCH)
_FROM_TOOL |= dict.fromkeys(("shell", "bash", "terminal"), SHELL) | dict.fromkeys(("github", "gh"), GITHUB)
_DISCOVERY = frozenset(
    {"toolsearch", "listmcpresourcestool", "listmcpresources", "taskcreate", "taskupdate", "todowrite"}
)
_OTHER_HOSTS = ("gitlab", "bitbucket", "gitea", "merge_request", "jira", "linear")
# What GitHub's own MCP server calls the things it works on; a local repository has none of them.
_GITHUB_WORDS = ("pullrequest", "issue", "gist", "workflow", "fork", "pushfiles", "createrepo", "createorupdatefile")
# What GitHub's command-line program works on, and the one git command whose remote is mostly GitHub and never local.
_GITHUB_DETAILS = frozenset(
    ("pr", "issue", "repo", "release", "gist", "workflow", "run", "api", "secret", "variable", "label", "push")
)
_ORDER = (WEB_FETCH, SHELL, GITHUB, FILESYSTEM, MESSAGE)


def written_category(kind: str, tool: str | None) -> str:
    """Return the category of a transcript's event from its type and tool, as tracegate tells it.

    The first of WebFetch, Shell, GitHub, Filesystem, Message, Tool Discovery that the type or the tool stands for;
    else the tool as written, else the type as written.
    """
    low, low_tool = kind.lower(), (tool or "").lower()
    from_type = FILESYSTEM if low.startswith("file_") else _FROM_TYPE.get(low)
    found = {from_type, _FROM_TOOL.get(low_tool)}
    for category in _ORDER:
        if category in found:
            return category
    return TOOL_DISCOVERY if tool_name(low_tool) in _DISCOVERY else tool or kind


def tool_name(name: str) -> str:
    """Return a tool's or category's name without `_`, `-` and case, as `forbidden_tools` compares it."""
    return name.replace("_", "").replace("-", "").lower()


def flow_name(name: str) -> str:
    """Return a name without `_`, `-`, blanks and case, as `forbidden_flows` compares it."""
    return "".join(tool_name(name).split())


def is_read(event: Event) -> bool:
    """Tell whether the event read a file."""
    if event.written is not None:
        return event.written.type.lower() in _READS or (_unnamed(event) and _has(event, "file_read"))
    return happened(event) and _has(event, "file_read")


def is_write(event: Event) -> bool:
    """Tell whether the event wrote, changed or removed a file."""
    if event.written is not None:
        return event.written.type.lower() in _WRITES or (_unnamed(event) and _has(event, "file_write"))
    return happened(event) and _has(event, "file_write")


def happened(event: Event) -> bool:
    """Tell whether the action took place as far as telemetry says: a denied call did not."""
    return event.written is not None or event.status != "denied"


def categories(event: Event) -> tuple[str, ...]:
    """Return every category the event falls in, none for an event that is no action.

    A transcript's event has the one it was written with; where its tool has no category of its own, and for
    telemetry always, the effects add theirs.
    """
    written = event.written
    if written is not None and not _unnamed(event):
        return (written.category,)
    found = [written.category] if written is not None else []
    if event.kind == "message" and MESSAGE not in found:
        found.append(MESSAGE)
    if happened(event):
        for category in _from_effects(event):
            # In a transcript, Message means the conversation; a tool that sends mail goes by its own name there.
            if category not in found and not (written is not None and category == MESSAGE):
                found.append(category)
        if written is None and event.tool and tool_name(event.tool) in _DISCOVERY:
            found.append(TOOL_DISCOVERY)
    return tuple(found)


def all_categories(event: Event) -> tuple[str, ...]:
    """Return the categories of an event with those of its effects, also where tracegate has one of its own for it."""
    found = dict.fromkeys(categories(event))
    if event.kind != "message" and event.status != "denied":
        found.update(dict.fromkeys(_from_effects(event)))
    return tuple(found)


def main_category(event: Event) -> str:
    """Return the one category under which an event is counted and shown."""
    if event.written is not None:
        return event.written.category
    found = categories(event)
    for category in CATEGORIES:
        if category in found:
            return category
    return event.tool or event.kind


def flow_names(event: Event) -> frozenset[str]:
    """Return every name, as `flow_name` spells them, under which `forbidden_flows` may mean the event.

    A transcript's event goes by its categories alone, as with tracegate: where it has one of that tool's, neither its
    tool's name nor its type is another.
    """
    if not happened(event):
        return frozenset()
    names = list(categories(event))
    if WEB_FETCH in names:
        names.append(EXTERNAL_CONTENT)
    if is_write(event):
        names.append(FILE_WRITE)
    if event.written is None and event.tool:
        names.append(event.tool)
    return frozenset(map(flow_name, names))


def on_github(effect: Effect, tool: str | None) -> bool:
    """Tell whether a version-control effect reached GitHub rather than a local repository or another host."""
    if effect.kind not in {"vcs_read", "vcs_write"}:
        return False
    told = f"{effect.target or ''} {effect.detail or ''} {tool or ''}".lower()
    if "github" in told or told.lstrip().startswith("gh "):
        return True
    if any(host in told for host in _OTHER_HOSTS):
        return False
    if (effect.detail or "").partition(" ")[0] in _GITHUB_DETAILS:
        return True
    return any(word in tool_name(tool or "") for word in _GITHUB_WORDS)


def _from_effects(event: Event) -> Iterable[str]:
    for effect in event.effects:
        category = GITHUB if on_github(effect, event.tool) else _BY_EFFECT.get(effect.kind)
        if category is not None:
            yield category


def _unnamed(event: Event) -> bool:
    """Tell whether tracegate has no category of its own for this event, only the tool's or type's name."""
    return event.written is not None and event.written.category not in CATEGORIES


def _has(event: Event, kind: EffectKind) -> bool:
    return any(effect.kind == kind for effect in event.effects)
