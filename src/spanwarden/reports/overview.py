"""What a run did, counted: the numbers under `inspect`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from spanwarden.model.event import EffectKind, Event
from spanwarden.model.finding import Finding, severity_at_least
from spanwarden.model.run import Run
from spanwarden.policy.rules.categories import (
    GITHUB,
    SHELL,
    WEB_FETCH,
    categories,
    is_read,
    is_write,
    main_category,
)


@dataclass(slots=True)
class Overview:
    """Counts of one run, by tracegate's categories."""

    tool_counts: Counter[str] = field(default_factory=Counter)
    action_counts: Counter[str] = field(default_factory=Counter)
    files_read: int = 0
    files_written: int = 0
    shell_commands: int = 0
    network_fetches: int = 0
    github_actions: int = 0

    def add(self, event: Event) -> None:
        """Count one event."""
        found = categories(event)
        self.tool_counts[main_category(event)] += 1
        if event.written is not None and event.written.action:
            self.action_counts[event.written.action] += 1
        self.files_read += is_read(event)
        self.files_written += is_write(event)
        self.shell_commands += SHELL in found
        self.network_fetches += WEB_FETCH in found
        self.github_actions += GITHUB in found

    def posture(self, findings: tuple[Finding, ...]) -> str:
        """Return LOW, MEDIUM or HIGH: what was found and what could have been done."""
        if any(severity_at_least(finding.severity, "high") for finding in findings):
            return "HIGH"
        acted = self.shell_commands or self.files_written or self.network_fetches or self.github_actions
        return "MEDIUM" if findings or acted else "LOW"


def overview(run: Run) -> Overview:
    """Return the counts of a run."""
    counts = Overview()
    for event in run.events:
        counts.add(event)
    return counts


def command_of(event: Event) -> str | None:
    """Return the shell command of an event, None where it has none."""
    if event.written is not None and event.written.command is not None:
        return event.written.command
    return _first(event, "shell")


def path_of(event: Event) -> str | None:
    """Return the first path that an event touched."""
    if event.written is not None and event.written.path is not None:
        return event.written.path
    return _first(event, "file_read", "file_write")


def url_of(event: Event) -> str | None:
    """Return the first address that an event reached."""
    if event.written is not None and event.written.url is not None:
        return event.written.url
    return _first(event, "network_fetch", "network_send")


def _first(event: Event, *kinds: EffectKind) -> str | None:
    return next((effect.target for effect in event.effects if effect.kind in kinds and effect.target), None)
