"""How sensitive the data of an event is: by what detectors find in its content, and by the names around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from spanwarden.detectors.personal import find_personal
from spanwarden.detectors.secrets import find_secrets
from spanwarden.effects.naming import words_of
from spanwarden.effects.table import squashed
from spanwarden.policy.metadata_table import CONFIDENTIAL, HEALTH, PERSONAL, PERSONAL_KEYS, SECRET_PATHS
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.content_index import CALLS, MAX_SCANNED, sensitive_in
from spanwarden.policy.rules.touched import is_sensitive, touched_paths

Level = Literal["secret", "phi", "pii", "confidential", "internal", "public"]
LEVELS: tuple[Level, ...] = ("secret", "phi", "pii", "confidential")
"""From the most to the least sensitive."""
_SECRETS = frozenset({"secret", "password"})
_PERSONAL = frozenset({"pii"})
_MAX_KEYS = 400
_MAX_PATHS = 64
_MAX_NAME = 256


def level_of(view: RunView, index: int, fields: Iterable[Literal["arguments", "result"]]) -> Level | None:
    """Return the most sensitive level that an event's fields or message text, and the names around them, give it.

    None where nothing does. What a lower level would take is not looked for once a higher one is found.
    """
    event = view.events[index]
    if event.kind == "message":
        return view.once("metadata.messages", lambda: _messages(view)).get(index)
    paths = list(_first_paths(view, index))
    if any(_is_secret(path) for path in paths) or _holds(view, index, fields, _SECRETS):
        return "secret"
    content = view.content(index)
    named = {level for field in fields for level in _of_names(_keys(getattr(content, field)))}
    named |= _of_words((event.tool or "", *paths))
    if "phi" not in named and _holds(view, index, fields, _PERSONAL):
        named.add("pii")
    return next((level for level in LEVELS if level in named), None)


def _is_secret(path: str) -> bool:
    low = path.lower().replace("\\", "/")
    return is_sensitive(path) or any(part in low for part in SECRET_PATHS)


def _holds(
    view: RunView, index: int, fields: Iterable[Literal["arguments", "result"]], categories: frozenset[str]
) -> bool:
    if view.events[index].kind not in CALLS:
        return False
    return any(sensitive_in(view, field, index, categories) for field in fields)


def _messages(view: RunView) -> dict[int, Level]:
    found: dict[int, Level] = {}
    budget = MAX_SCANNED
    for index, event in enumerate(view.events):
        text = view.content(index).text if event.kind == "message" and budget > 0 else None
        if not text:
            continue
        budget -= len(text)
        if find_secrets(text):
            found[index] = "secret"
        elif find_personal(text):
            found[index] = "pii"
    return found


def _first_paths(view: RunView, index: int) -> Iterator[str]:
    for _, path in zip(range(_MAX_PATHS), touched_paths(view.events[index]), strict=False):
        yield path[-_MAX_NAME:]


def _of_words(names: Iterable[str]) -> set[Level]:
    found: set[Level] = set()
    for name in names:
        words = set(words_of(name[-_MAX_NAME:]))
        if words & CONFIDENTIAL:
            found.add("confidential")
        if words & HEALTH:
            found.add("phi")
        if words & PERSONAL:
            found.add("pii")
    return found


def _of_names(keys: Iterable[str]) -> set[Level]:
    found: set[Level] = set()
    for key in keys:
        if squashed(key) in PERSONAL_KEYS:
            found.add("pii")
        if not HEALTH.isdisjoint(words_of(key)):
            found.add("phi")
    return found


def _keys(value: Any) -> Iterator[str]:
    """Yield the names of the fields inside a value that hold something; bounded, without recursion."""
    pending, left = [value], _MAX_KEYS
    while pending and left > 0:
        item = pending.pop()
        if isinstance(item, dict):
            for key, child in item.items():
                left -= 1
                if left <= 0:
                    return
                if child not in (None, "", [], {}):
                    yield str(key)[:_MAX_NAME]
                    pending.append(child)
        elif isinstance(item, list | tuple):
            pending.extend(item[:left])
            left -= len(item)
