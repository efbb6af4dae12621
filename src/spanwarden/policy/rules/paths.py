"""tracegate's `forbidden_paths`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.touched import paths_unknown, shown, spellings, touched_paths


@dataclass(frozen=True, slots=True)
class ForbiddenPaths:
    """No event may touch a path that fits one of the patterns: one finding an event and pattern.

    Patterns are shell globs, case-sensitive, in which `*` also crosses `/`. One that does not start with `/` fits at
    any depth: `secrets/*` is held against the path as written, resolved, and from each of its folders down. A
    pattern's leading `~/` stands for any home folder.
    """

    patterns: tuple[str, ...]
    id = "path-forbidden"
    early = True
    _compiled: tuple[re.Pattern[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        # fnmatch.translate writes atomic groups: no pattern backtracks, whatever the path.
        compiled = tuple(re.compile(_translated(pattern)) for pattern in self.patterns)
        object.__setattr__(self, "_compiled", compiled)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run."""
        known: dict[str, tuple[int, ...]] = {}
        found = False
        for index, event in enumerate(view.events):
            hits: dict[int, str] = {}
            for path in touched_paths(event):
                if path not in known:
                    known[path] = self._fitting(path)
                for number in known[path]:
                    hits.setdefault(number, path)
            for number, path in sorted(hits.items()):
                found = True
                yield Finding(
                    self.id,
                    "high",
                    "Forbidden path",
                    f"{shown(path)} fits {self.patterns[number]}, which the policy forbids.",
                    "",
                    evidence=(Evidence(index, "sink", text=shown(path)),),
                    turn=event.turn,
                    code="FORBIDDEN_PATH",
                    subject=self.patterns[number],
                )
        if not found and paths_unknown(view):
            yield NotEvaluable(self.id, ("arguments",))

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event touches a path that fits."""
        return any(self._fitting(path) for path in touched_paths(event))

    def _fitting(self, path: str) -> tuple[int, ...]:
        texts = spellings(path)
        return tuple(
            number for number, pattern in enumerate(self._compiled) if any(pattern.match(text) for text in texts)
        )


def _translated(pattern: str) -> str:
    pattern = pattern.strip()
    if not pattern.startswith("~/"):
        return fnmatch.translate(pattern)
    return f"{fnmatch.translate(pattern)}|{fnmatch.translate(pattern[2:])}"
