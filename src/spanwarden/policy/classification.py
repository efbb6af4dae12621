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
from spanwarden.policy.rules.content_index import MAX_SCANNED, sensitive
from spanwarden.policy.rules.touched import is_sensitive, touched_paths

Level = Literal["secret", "phi", "pii", "confidential", "internal", "public"]
LEVELS: tuple[Level, ...] = ("secret", "phi", "pii", "confidential")
"""From the most to the least sensitive."""
_MAX_KEYS = 400
_MAX_PATHS = 64
_MAX_NAME = 256


def levels(view: RunView, index: int, fields: Iterable[Literal["arguments", "result"]]) -> frozenset[Level]:
    """Return every level that an event's arguments, result or message text, and the names around them, give it."""
    event = view.events[index]
    if event.kind == "message":
        return view.once("metadata.messages", lambda: _messages(view)).get(index, frozenset())
    content = view.content(index)
    found: set[Level] = set()
    for field in fields:
        by_event = view.once(("metadata.levels", field), lambda field=field: _by_event(view, field))  # type: ignore[misc]
        found |= by_event.get(index, frozenset())
        found |= _of_names(_keys(getattr(content, field)))
    names = [event.tool or ""]
    for path in _first_paths(view, index):
        low = path.lower().replace("\\", "/")
        if is_sensitive(path) or any(part in low for part in SECRET_PATHS):
            found.add("secret")
        names.append(path)
    return frozenset(found | _of_words(names))


def first(found: Iterable[Level]) -> Level | None:
    """Return the most sensitive level, None without any."""
    held = set(found)
    return next((level for level in LEVELS if level in held), None)


def _by_event(view: RunView, field: str) -> dict[int, frozenset[Level]]:
    found: dict[int, set[Level]] = {}
    for item in sensitive(view, field):
        found.setdefault(item.event, set()).add("pii" if item.category == "pii" else "secret")
    return {index: frozenset(held) for index, held in found.items()}


def _messages(view: RunView) -> dict[int, frozenset[Level]]:
    found: dict[int, frozenset[Level]] = {}
    budget = MAX_SCANNED
    for index, event in enumerate(view.events):
        text = view.content(index).text if event.kind == "message" and budget > 0 else None
        if not text:
            continue
        budget -= len(text)
        held: set[Level] = set()
        if find_secrets(text):
            held.add("secret")
        if find_personal(text):
            held.add("pii")
        if held:
            found[index] = frozenset(held)
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
