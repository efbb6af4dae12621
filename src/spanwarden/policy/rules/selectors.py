"""Which events a rule speaks of: by tool, by effect and its target, by what their result carries, by how they ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import re2

from spanwarden.detectors.actions import deed
from spanwarden.detectors.outcomes import outcome
from spanwarden.model.event import EffectKind, Event
from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import RunView

EFFECT_KINDS: tuple[EffectKind, ...] = EffectKind.__args__  # type: ignore[attr-defined]
GROUPS: dict[str, frozenset[str]] = {
    "write": frozenset(
        ["file_write", "shell", "network_send", "message_send", "vcs_write", "memory_write", "agent_spawn"]
    ),
    "egress": frozenset(["network_fetch", "network_send", "message_send", "vcs_write"]),
    "send": frozenset(["network_send", "message_send"]),
}
"""Names for several effect kinds. `write` also takes in tools whose name says that they change something."""
CARRIES = ("instruction",)
FINDS = ("secret", "password", "pii")
"""`secret` is a key or token by its shape or by its line in a settings file, `password` what text merely calls one."""
OUTCOMES = ("done", "pending", "failed")
SELECTOR_KEYS = ("tool", "effect", "target", "detail", "carries", "finds", "outcome")
MAX_PATTERNS = 200


class Selector(msgspec.Struct, frozen=True):
    """A compiled selector. Keys that were not written are empty and hold for every event."""

    tools: tuple[Any, ...] = ()
    effects: frozenset[str] = frozenset()
    acting: bool = False
    targets: tuple[Any, ...] = ()
    details: frozenset[str] = frozenset()
    carries: frozenset[str] = frozenset()
    finds: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()

    def takes(self, event: Event) -> bool:
        """Tell whether an event is of the kind that is meant, content aside."""
        if event.kind not in ("tool_call", "retrieval"):
            return False
        if self.tools and not any(pattern.fullmatch((event.tool or "")[:256]) for pattern in self.tools):
            return False
        if not self.effects:
            return True
        if self.acting and event.tool and deed(event.tool).manner == "act":
            return True
        return any(self.takes_effect(effect.kind, effect.target, effect.detail) for effect in event.effects)

    def takes_effect(self, kind: str, target: str | None, detail: str | None) -> bool:
        """Tell whether an effect is of a kind, on a target and with a detail that are meant.

        A target pattern without "/" is held against the last part of a path.
        """
        if kind not in self.effects or (self.details and self.details.isdisjoint((detail or "").split(","))):
            return False
        if not self.targets:
            return True
        path = (target or "")[:4096]
        name = path.replace("\\", "/").rpartition("/")[2]
        return any(pattern.fullmatch(path if "/" in pattern.pattern else name) for pattern in self.targets)

    def ended(self, view: RunView, index: int) -> bool:
        """Tell whether an event ended as asked for."""
        if not self.outcomes:
            return True
        content = view.content(index)
        return outcome(content.result, content.error) in self.outcomes


def read_selector(field: Field, allowed: Iterable[str] = SELECTOR_KEYS) -> Selector:
    """Compile a selector. Raises PolicyError for an unknown key or name, saying which is nearest."""
    keys = field.mapping(frozenset(allowed))
    if not keys:
        field.fail(f"expected at least one of {', '.join(sorted(allowed))}")
    names = _names(keys["effect"], (*EFFECT_KINDS, *GROUPS)) if "effect" in keys else ()
    if not names and ("target" in keys or "detail" in keys):
        field.fail("'target' and 'detail' refine an 'effect'; name one")
    return Selector(
        tools=_globs(keys.get("tool"), case_sensitive=False),
        effects=frozenset(kind for name in names for kind in GROUPS.get(name, (name,))),
        acting="write" in names and "target" not in keys and "detail" not in keys,
        targets=_globs(keys.get("target"), case_sensitive=False),
        details=frozenset(_texts(keys["detail"])) if "detail" in keys else frozenset(),
        carries=frozenset(_names(keys["carries"], CARRIES)) if "carries" in keys else frozenset(),
        finds=frozenset(_names(keys["finds"], FINDS)) if "finds" in keys else frozenset(),
        outcomes=frozenset(_names(keys["outcome"], OUTCOMES)) if "outcome" in keys else frozenset(),
    )


def _texts(field: Field) -> tuple[str, ...]:
    texts = field.texts() if field.is_list else (field.text(),)
    if not texts:
        field.fail("must not be empty")
    if len(texts) > MAX_PATTERNS:
        field.fail(f"more than {MAX_PATTERNS} entries")
    return texts


def _names(field: Field, known: tuple[str, ...]) -> tuple[str, ...]:
    if field.is_list:
        if not field.entries():
            field.fail("must not be empty")
        return tuple(entry.choice(known) for entry in field.entries())
    return (field.choice(known),)


def _globs(field: Field | None, *, case_sensitive: bool) -> tuple[Any, ...]:
    """Compile globs: `*` any characters, `?` one; every other character stands for itself."""
    if field is None:
        return ()
    chosen = re2.Options()
    chosen.case_sensitive = case_sensitive
    chosen.dot_nl = True
    compiled = []
    for text in _texts(field):
        if len(text) > 256:
            field.fail("a pattern has at most 256 characters")
        pattern = "".join({"*": ".*", "?": "."}.get(character) or re2.escape(character) for character in text)
        compiled.append(re2.compile(pattern, chosen))
    return tuple(compiled)
