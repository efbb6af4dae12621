"""What is said of a rule besides its body: its mode, severity and weight, where it does not count, what if it is blind.

A rule says it itself, `overrides` of its own or an extending file say it again, and `agents` for runs of some agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

import msgspec

from spanwarden.model.finding import Mode, Severity
from spanwarden.policy.document import Field
from spanwarden.policy.exemptions import Exemption, read_exemption
from spanwarden.policy.vocabulary import Vocabulary

OnMissing = Literal["pass", "report", "finding"]


class Tuning(msgspec.Struct, frozen=True):
    """What was said of one rule; None and () where nothing was."""

    enabled: bool | None = None
    mode: Mode | None = None
    severity: Severity | None = None
    weight: int | None = None
    on_missing: OnMissing | None = None
    exemptions: tuple[Exemption, ...] = ()

    def over(self, earlier: Tuning) -> Tuning:
        """Return both together: what this one says counts, exemptions add up."""
        return Tuning(
            earlier.enabled if self.enabled is None else self.enabled,
            self.mode or earlier.mode,
            self.severity or earlier.severity,
            earlier.weight if self.weight is None else self.weight,
            self.on_missing or earlier.on_missing,
            earlier.exemptions + self.exemptions,
        )


UNTUNED = Tuning()


def read_tuning(keys: Mapping[str, Field], vocabulary: Vocabulary, *, severity: bool = True) -> Tuning:
    """Return what these keys say of a rule. Raises PolicyError.

    severity: whether `severity` is one of them; a rule's own is part of the rule.
    """
    exceptions: Iterable[Field] = keys["exceptions"].entries() if "exceptions" in keys else ()
    return Tuning(
        enabled=keys["enabled"].boolean() if "enabled" in keys else None,
        mode=cast("Mode", keys["mode"].text()) if "mode" in keys else None,
        severity=cast("Severity", keys["severity"].text()) if severity and "severity" in keys else None,
        weight=int(keys["weight"].number()) if "weight" in keys else None,
        on_missing=cast("OnMissing", keys["on_missing"].text()) if "on_missing" in keys else None,
        exemptions=tuple(read_exemption(entry, vocabulary) for entry in exceptions),
    )
