"""Which paths an event touched, and what they look like."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote

from spanwarden.model.event import EffectKind, Event
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import CATEGORIES, happened

_FILE_EFFECTS: frozenset[EffectKind] = frozenset({"file_read", "file_write", "file_search"})
_PATH_EFFECTS: frozenset[EffectKind] = _FILE_EFFECTS | {"shell"}
_SENSITIVE = ("*secret*", "*credential*", "*id_rsa*", "*kubeconfig*", ".env", ".env.*", "*.pem", "*.key")
# fnmatch.translate writes atomic groups: no pattern backtracks, whatever the path.
_SENSITIVE_PATH = re.compile("|".join(map(fnmatch.translate, _SENSITIVE)))
MAX_PATH = 4096
MAX_PARTS = 64
MAX_SHOWN = 300


def touched_paths(event: Event) -> Iterator[str]:
    """Yield every path the event touched, as the agent wrote it: its own, and those in its arguments and commands."""
    seen = set()
    if event.written is not None and event.written.path:
        seen.add(event.written.path)
        yield event.written.path
    if not happened(event):
        return
    for effect in event.effects:
        path = _path_of(effect.kind, effect.target)
        if path and path not in seen:
            seen.add(path)
            yield path


def written_paths(event: Event) -> Iterator[str]:
    """Yield the paths that the keys about sensitive files look at.

    For a transcript's event it is the path written in it, as with tracegate, unless its tool is one that tracegate
    knows nothing of; for telemetry every path touched.
    """
    if event.written is not None and event.written.category in CATEGORIES:
        if event.written.path:
            yield event.written.path
    else:
        yield from touched_paths(event)


def spellings(path: str) -> tuple[str, ...]:
    """Return what a pattern is held against: the path, its resolved form and everything from each folder down.

    Resolving is by text alone (`.`, `..`, doubled and backward slashes). Of a path beyond 4096 characters (no system
    opens one) only the end counts, and only its last 64 folders are tried one by one.
    """
    path = path.strip()[-MAX_PATH:]
    forward = path.replace("\\", "/")
    resolved = posixpath.normpath(forward) if forward else forward
    found = dict.fromkeys((path, forward, resolved))
    parts = [part for part in resolved.split("/") if part]
    for start in range(max(0, len(parts) - MAX_PARTS), len(parts)):
        found["/".join(parts[start:])] = None
    return tuple(found)


def shown(path: str) -> str:
    """Return a path as a finding quotes it, its middle cut out where it is very long."""
    return path if len(path) <= MAX_SHOWN else f"{path[:80]}…{path[80 - MAX_SHOWN :]}"


def is_sensitive(path: str) -> bool:
    """Tell whether a path, by its name, looks like one that holds keys, credentials or secrets."""
    low = path.strip().lower()[-MAX_PATH:]
    return bool(_SENSITIVE_PATH.match(low) or _SENSITIVE_PATH.match(low.replace("\\", "/").rsplit("/", 1)[-1]))


def paths_unknown(view: RunView) -> bool:
    """Tell whether a tool touched files or ran a command that the telemetry does not name."""
    return any(
        effect.kind in _PATH_EFFECTS and effect.target is None
        for event in view.events
        if event.written is None and happened(event)
        for effect in event.effects
    )


def _path_of(kind: EffectKind, target: str | None) -> str | None:
    if target is None:
        return None
    if kind in _FILE_EFFECTS:
        return target
    if kind == "network_fetch" and target[:5].lower() == "file:":
        return unquote(target[5:]).removeprefix("//").removeprefix("localhost")
    return None
