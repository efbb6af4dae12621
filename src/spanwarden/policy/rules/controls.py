"""tracegate's `allow_network`, `allow_file_writes`, `allow_git_actions` and `allow_sensitive_files`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import GITHUB, WEB_FETCH, categories, is_write
from spanwarden.policy.rules.counting import counted
from spanwarden.policy.rules.touched import is_sensitive, paths_unknown, shown, written_paths


@dataclass(frozen=True, slots=True)
class Forbidden:
    """No event of a run may be of one sort: one finding a run, with the count and the events."""

    id: str
    code: str
    title: str
    what: str
    wanted: Callable[[Event], bool]
    early = True

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event is of that sort."""
        return self.wanted(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        count, evidence = counted(view, self.wanted)
        if count:
            times = "once" if count == 1 else f"{count} times"
            message = f"The run {self.what} {times}, the policy forbids it."
            yield Finding(self.id, "high", self.title, message, "", evidence=evidence, code=self.code)


def network_forbidden() -> Forbidden:
    """Return the rule for `allow_network: false`."""
    return Forbidden(
        "network-forbidden",
        "NETWORK_FORBIDDEN",
        "Network access",
        "fetched from the network",
        lambda event: WEB_FETCH in categories(event) or (event.written is None and _sends(event)),
    )


def file_writes_forbidden() -> Forbidden:
    """Return the rule for `allow_file_writes: false`."""
    return Forbidden("file-writes-forbidden", "FILE_WRITES_FORBIDDEN", "File written", "wrote to files", is_write)


def git_actions_forbidden() -> Forbidden:
    """Return the rule for `allow_git_actions: false`."""
    return Forbidden(
        "git-actions-forbidden",
        "GIT_ACTIONS_FORBIDDEN",
        "GitHub action",
        "acted on GitHub",
        lambda event: GITHUB in categories(event),
    )


@dataclass(frozen=True, slots=True)
class SensitiveFilesForbidden:
    """No event may touch a path that looks like keys, credentials or secrets: one finding an event."""

    id = "sensitive-files-forbidden"
    early = True

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event touches such a path."""
        return any(is_sensitive(path) for path in written_paths(event))

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run."""
        found = False
        for index, event in enumerate(view.events):
            path = next((path for path in written_paths(event) if is_sensitive(path)), None)
            if path is not None:
                found = True
                yield Finding(
                    self.id,
                    "high",
                    "Sensitive file",
                    f"{shown(path)} looks like a file with secrets, the policy forbids touching one.",
                    "",
                    evidence=(Evidence(index, "sink", text=shown(path)),),
                    turn=event.turn,
                    code="SENSITIVE_FILES_FORBIDDEN",
                )
        if not found and paths_unknown(view):
            yield NotEvaluable(self.id, ("arguments",))


def _sends(event: Event) -> bool:
    return event.status != "denied" and any(effect.kind == "network_send" for effect in event.effects)
