"""What `inspect` points out in any run, without a policy: four rules and the policy that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import re2

from spanwarden.model.event import Content
from spanwarden.model.finding import Evidence, Finding
from spanwarden.policy.policy import Policy
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import GITHUB, SHELL, WEB_FETCH, all_categories
from spanwarden.policy.rules.touched import is_sensitive, shown, touched_paths

_PHRASE = re2.compile(
    rb"(?i)ignore\s+(?:all\s+)?previous\s+instructions|disregard\s+previous\s+instructions"
    rb"|reveal\s+your\s+system\s+prompt|developer\s+message"
)
MAX_SCANNED = 1 << 20
"""Bytes of one event's content that are searched."""


@dataclass(frozen=True, slots=True)
class InjectionPhrase:
    """Content that carries a well-known phrase of prompt injection: one finding an event, for the first phrase."""

    id = "prompt-injection-phrase"

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        for index, content in enumerate(view.contents):
            phrase = _phrase(content)
            if phrase is not None:
                yield Finding(
                    self.id,
                    "low",
                    "Injection phrase",
                    f'The content says "{phrase}".',
                    "",
                    evidence=(Evidence(index, "sink", text=phrase),),
                    turn=view.events[index].turn,
                    code="PROMPT_INJECTION_PHRASE",
                )


@dataclass(frozen=True, slots=True)
class SensitivePath:
    """A path that looks like keys, credentials or secrets: one finding an event."""

    id = "sensitive-path-access"

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        for index, event in enumerate(view.events):
            path = next((path for path in touched_paths(event) if is_sensitive(path)), None)
            if path is not None:
                yield Finding(
                    self.id,
                    "medium",
                    "Sensitive path",
                    f"{shown(path)} looks like a file with secrets.",
                    "",
                    evidence=(Evidence(index, "sink", text=shown(path)),),
                    turn=event.turn,
                    code="SENSITIVE_PATH_ACCESS",
                )


@dataclass(frozen=True, slots=True)
class FetchThenAct:
    """Something was fetched from the web and an action of one category came later: one finding a run."""

    id: str
    code: str
    category: str
    what: str

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        fetched: int | None = None
        for index, event in enumerate(view.events):
            found = all_categories(event)
            if fetched is not None and self.category in found:
                yield Finding(
                    self.id,
                    "high",
                    f"Fetch before {self.what}",
                    f"Content from the network came before {self.what}.",
                    "",
                    evidence=(Evidence(fetched, "source"), Evidence(index, "sink")),
                    turn=view.events[fetched].turn,
                    code=self.code,
                )
                return
            if fetched is None and WEB_FETCH in found:
                fetched = index


OBSERVATIONS = Policy(
    "inspect",
    "1",
    "",
    (
        InjectionPhrase(),
        SensitivePath(),
        FetchThenAct("webfetch-to-shell", "WEBFETCH_TO_SHELL", SHELL, "a shell command"),
        FetchThenAct("webfetch-to-github", "WEBFETCH_TO_GITHUB", GITHUB, "a GitHub action"),
    ),
)


def _phrase(content: Content) -> str | None:
    value = content.raw if content.raw is not None else [content.text, content.result, content.arguments, content.error]
    left = MAX_SCANNED
    for text in _texts(value):
        scanned = text[:left].encode("utf-8", "replace")
        found = _PHRASE.search(scanned)
        if found is not None:
            return " ".join(found.group().decode().lower().split())
        left -= len(text)
        if left <= 0:
            return None
    return None


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, keys included, without recursion."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            for key in reversed(item):
                pending.extend((item[key], key))
        elif isinstance(item, list):
            pending.extend(reversed(item))
