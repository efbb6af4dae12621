"""Which findings are told once only: `dedup`."""

from __future__ import annotations

import hashlib

import msgspec

from spanwarden.model.finding import Finding
from spanwarden.policy.document import Field, nearest
from spanwarden.policy.exemptions import ROLES, bound_by
from spanwarden.policy.grammar import seconds
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.fields import MISSING, Path, path_of
from spanwarden.policy.shapes import DEDUP

_OF_FINDING = ("rule", "severity", "subject")
_OF_RUN = ("run", "agent", "conversation", "service")


class Dedup(msgspec.Struct, frozen=True):
    """What must be alike for two findings to be one, and for how many seconds; 0 is for the run only."""

    plain: tuple[str, ...]
    facts: tuple[tuple[str, Path], ...]
    seconds: float = 0.0

    def key(self, view: RunView, finding: Finding) -> str:
        """Return a digest of all that must be alike."""
        bound = bound_by(finding)
        parts = [str(getattr(finding, name)) for name in self.plain if name in _OF_FINDING]
        run = {"run": view.run.id} | {name: getattr(view.run, name) for name in _OF_RUN if name != "run"}
        parts += [str(run[name]) for name in self.plain if name in _OF_RUN]
        for name, fact in self.facts:
            value = fact(view, bound[name]) if name in bound else MISSING
            parts.append(f"{name}.{fact.name}={str(value)[:4096]}")
        joined = "\x1f".join((finding.rule, *parts)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(joined, digest_size=16).hexdigest()


def read_dedup(field: Field) -> Dedup:
    """Compile `dedup`. Raises PolicyError for a name that stands for nothing."""
    keys = DEDUP.fields(field)
    plain: list[str] = []
    facts: list[tuple[str, Path]] = []
    for entry in keys["by"].entries():
        name, dot, path = entry.text().partition(".")
        if dot and name in ROLES.values():
            facts.append((name, path_of(entry, path)))
        elif not dot and name in _OF_FINDING + _OF_RUN:
            plain.append(name)
        else:
            known = (*_OF_FINDING, *_OF_RUN, *(f"{role}.tool" for role in ROLES.values()))
            entry.fail(f"{entry.text()[:60]!r} is not one of {', '.join(known)}{nearest(entry.text(), known)}")
    return Dedup(tuple(plain), tuple(facts), seconds(keys["for"]) if "for" in keys else 0.0)
