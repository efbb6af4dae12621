"""Functions of conditions that know what agents do: places, people, time, approvals, what was seen before."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import re2

from spanwarden.policy.approvals import approval_for
from spanwarden.policy.destinations import host_of
from spanwarden.policy.expressions.errors import ConditionError, UnknownError
from spanwarden.policy.expressions.running import Running
from spanwarden.policy.expressions.sayings import Sayings
from spanwarden.policy.expressions.steps import EventField
from spanwarden.policy.rules.touched import touched_paths
from spanwarden.policy.state import Sample

MAX_SAID = 1 << 20
"""Characters of what the user said in one run that values are looked up in."""
_MIN_SAID = 3
_MAX_PATH = 4_096


def minutes(number: float) -> float:
    """Return minutes in seconds."""
    return _number(number) * 60


def hours(number: float) -> float:
    """Return hours in seconds."""
    return _number(number) * 3_600


def days(number: float) -> float:
    """Return days in seconds."""
    return _number(number) * 86_400


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConditionError("a duration needs a number")
    return float(value)


def domain(value: Any) -> str | None:
    """Return the host of a URL or the domain of a mail address in lower case, None where there is none."""
    if not isinstance(value, str):
        return None
    text = value[:_MAX_PATH].strip()
    if "://" not in text and "@" in text:
        name = text.rpartition("@")[2].strip(" <>\"'").rstrip(".").lower()
        return name if name and not any(c.isspace() for c in name) else None
    return host_of(text)[0]


def path_in(value: Any, patterns: Any) -> bool:
    """Tell whether a path, one of several or one that an event touched fits a glob or one of several.

    `*` stays within a folder, `**` crosses folders. Paths are normalised first: `a/../b` is `b`, `./b` is `b`.
    """
    globs = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(globs, list | tuple | frozenset | set):
        raise ConditionError("path_in() needs a glob or a list of globs")
    if isinstance(value, EventField):
        paths: Any = list(touched_paths(value.running.events[value.index]))
    else:
        paths = value if isinstance(value, list | tuple) else [value]
    tried = [_normal(path).encode("utf-8", "replace") for path in paths[:256] if isinstance(path, str)]
    return any(_glob(pattern).fullmatch(path) for pattern in globs if isinstance(pattern, str) for path in tried)


def _normal(path: str) -> str:
    plain = unquote(path[-_MAX_PATH:]).replace("\\", "/").removeprefix("file://")
    return posixpath.normpath(plain)


@functools.lru_cache(maxsize=1_024)
def _glob(pattern: str) -> Any:
    text = pattern[:512].removeprefix("./").replace("\\", "/")
    out = ""
    for piece in re.split(r"(\*\*/|\*\*)", text):
        if piece == "**/":
            out += r"(?:.*/)?"
        elif piece == "**":
            out += r".*"
        else:
            out += _within_folder(piece)
    chosen = re2.Options()
    chosen.dot_nl = True
    return re2.compile(out.encode("utf-8", "replace"), chosen)


def _within_folder(piece: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(mark) or re2.escape(mark) for mark in piece)


def same(a: Any, b: Any, keys: Any = None) -> bool:
    """Tell whether two objects have equal values under all of some keys (all keys where none are named)."""
    if not isinstance(a, Mapping) or not isinstance(b, Mapping):
        return False
    names = (keys,) if isinstance(keys, str) else keys
    if names is None:
        return bool(a == b)
    return all(name in a and name in b and a[name] == b[name] for name in names)


def age(running: Running, index: int, event: Any) -> float:
    """Return the seconds from an earlier event's end to this event's start. Raises UnknownError without times."""
    if not isinstance(event, EventField):
        raise ConditionError("age() needs an event")
    then, now = running.events[event.index], running.events[index]
    ended = then.end or then.start
    if not ended or not now.start:
        raise UnknownError("times")
    return (now.start - ended) / 1e9


def user_said(running: Running, index: int, value: Any) -> bool:
    """Tell whether a value is in what the user or operator said before this event, without regard to case."""
    if isinstance(value, list | tuple):
        return bool(value) and all(user_said(running, index, item) for item in value)
    if value is None or isinstance(value, bool | dict):
        return False
    wanted = " ".join(str(value).lower().split())
    if len(wanted) < _MIN_SAID and not wanted.isdigit():
        return False
    said = running.view.once("expressions.said", lambda: Sayings(_said(running)))
    first = said.first(wanted)
    return first is not None and first < index


def _said(running: Running) -> list[tuple[int, str]]:
    found, left = [], MAX_SAID
    for place, event in enumerate(running.events):
        if event.role in ("user", "system", "developer") and left > 0:
            text = " ".join((running.view.content(place).text or "")[:left].lower().split())
            left -= len(text)
            found.append((place, text))
    return found


def approved(running: Running, index: int, event: Any = None) -> bool:
    """Tell whether an approval that came before an event (this one, where none is named) covers it."""
    if event is not None and not isinstance(event, EventField):
        raise ConditionError("approved() needs an event")
    return approval_for(running.view, index if event is None else event.index) is not None


def seen(running: Running, index: int, name: Any, value: Any, over: Any = None, by: Any = None) -> bool:
    """Tell whether a value was met under a name before, earlier in this run or in another one; and keep it.

    over: how long ago at most, in seconds; for ever where absent. by: "agent" or "service", whose runs count; all where
    absent. Raises UnknownError where nothing is kept across runs, or what was kept may have been forgotten.
    """
    state = running.view.state
    if state is None:
        raise UnknownError("state")
    if not isinstance(name, str) or by not in (None, *_BY):
        raise ConditionError("seen() needs a name, a value and by= agent or service")
    run, time = running.run, running.events[index].start or running.run.start
    owner = "" if by is None else str(getattr(run, _BY[by]))
    digest = hashlib.blake2b(str(value).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    met: dict[Any, int] = running.view.once("expressions.seen", dict)
    first = met.setdefault((name, owner, digest), index)
    key, topic = (owner, digest), f"{running.view.policy}/seen/{name}"
    since = 0 if over is None else max(0, time - int(_number(over) * 1e9))
    before = state.met(topic, key, run.id, since, time)
    if first == index:
        state.observe(topic, key, run.id, (Sample(time),))
    if first < index or before:
        return True
    if before is None:
        raise UnknownError("state")
    return False


_BY = {"agent": "agent", "service": "service"}
