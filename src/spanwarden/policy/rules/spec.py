"""A native rule as written, before its family compiles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from spanwarden.model.finding import Severity
from spanwarden.policy.document import Field, PolicyError

__all__ = ["WEIGHTS", "PolicyError", "RuleSpec"]

WEIGHTS: dict[Severity, int] = {"info": 0, "low": 5, "medium": 20, "high": 40, "critical": 60}
"""What a violated rule adds to the risk score (0 to 100) where it does not say so itself."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """What every native rule has, and its body for the family to compile.

    `body` is the value under the family's key (`flow:` …); its fields know their lines. `message` is None where the
    rule leaves the wording to its family. `where` is the rule itself, for errors that are not about one key.
    """

    id: str
    title: str
    severity: Severity
    body: Field
    where: Field
    tags: tuple[str, ...] = ()
    message: str | None = None
    description: str | None = None
    weight: int = 0

    def fail(self, path: str | Sequence[str | int], message: str) -> NoReturn:
        """Raise PolicyError for a place in the body, given as a dotted key path or its parts; "" is the body itself."""
        parts = [part for part in path.split(".") if part] if isinstance(path, str) else list(path)
        field = self.body
        for part in parts:
            if isinstance(part, int) and field.is_list:
                field = field.entries()[part]
            elif isinstance(part, str) and field.is_mapping and part in field.mapping():
                field = field.mapping()[part]
            else:
                break
        field.fail(message)
