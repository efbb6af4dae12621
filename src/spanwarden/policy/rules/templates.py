"""Messages of rules with places for facts: "{to.tool} used {value}, which came from {from.tool}".

Only names and dotted facts are places; nothing of the text is run, and what comes from a trace is cut and, where it is
content, masked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import re2

from spanwarden.detectors.masking import masked
from spanwarden.policy.document import Field, nearest
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.fields import FACTS, MISSING, Path, path_of

MAX_SHOWN = 80
MAX_PLACES = 50
_PIECE = re2.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
_NAME = re2.compile(r"[a-z_][a-z0-9_]*")
_CONTENT = ("args", "result", "text", "error", "metadata", "target")
OF_RUN = ("run", "rule", "agent", "conversation", "service")
"""Places that every message may have."""


class _Place(NamedTuple):
    name: str
    fact: Path | None


class Template:
    """A message with places. `check` must be called once before `render`."""

    __slots__ = ("_parts", "_where")

    def __init__(self, where: Field, parts: list[str | _Place]) -> None:
        self._where = where
        self._parts = parts

    def check(self, events: Collection[str], facts: Collection[str] = ()) -> None:
        """Raise PolicyError unless every place is a fact of one of these events, a plain fact or one of the run."""
        known = (*events, *facts, *OF_RUN)
        for part in self._parts:
            if isinstance(part, str):
                continue
            allowed = events if part.fact is not None else (*facts, *OF_RUN)
            if part.name not in allowed:
                if part.name in events:
                    hint = f"; write {{{part.name}.tool}} or the like"
                elif part.name in FACTS and events:
                    hint = f"; write {{{next(iter(events))}.{part.name}}}"
                else:
                    hint = nearest(part.name, known)
                self._where.fail(f"{{{part.name[:60]}}} stands for nothing here{hint}")

    def render(self, view: RunView, bound: Mapping[str, int], facts: Mapping[str, object]) -> str:
        """Return the message, its places filled in; "?" where a fact is not known."""
        return "".join(
            part if isinstance(part, str) else self._filled(part, view, bound, facts) for part in self._parts
        )

    def _filled(self, part: _Place, view: RunView, bound: Mapping[str, int], facts: Mapping[str, object]) -> str:
        if part.fact is not None:
            index = bound.get(part.name)
            value = MISSING if index is None else part.fact(view, index)
            secret = part.fact.name.split(".")[0] in _CONTENT
        else:
            run = view.run
            of_run = {"run": run.id, "agent": run.agent, "conversation": run.conversation, "service": run.service}
            value = facts.get(part.name, of_run.get(part.name))
            secret = part.name == "value"
        if value is MISSING or value is None:
            return "?"
        shown = " ".join(str(value)[: 4 * MAX_SHOWN].split())
        if secret and not isinstance(value, bool | int | float):
            return masked(shown)
        return shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"


def read_template(where: Field) -> Template:
    """Return a message as written. Raises PolicyError for a brace that is no place."""
    text = where.text()
    parts: list[str | _Place] = []
    at = 0
    for piece in _PIECE.finditer(text):
        parts.append(text[at : piece.start()])
        at = piece.end()
        found = piece.group()
        if found in ("{{", "}}"):
            parts.append(found[0])
            continue
        inner = found[1:-1]
        name, dot, path = inner.partition(".")
        if len(found) < 3 or not _NAME.fullmatch(name):
            where.fail(f"{found[:60]!r} is no place for a fact; a brace itself is written twice")
        if dot and name in FACTS and path.partition(".")[0] not in FACTS:
            where.fail(f"{found[:60]!r} does not say of which event; write {{to.{inner[:60]}}} or the like")
        parts.append(_Place(name, path_of(where, path) if dot else None))
        if len(parts) > 2 * MAX_PLACES:
            where.fail(f"more than {MAX_PLACES} places")
    parts.append(text[at:])
    return Template(where, parts)
