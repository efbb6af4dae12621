"""troy's rules, as they are written for that tool.

```json
{"rule_id": "no-shell", "description": "No shell.", "condition": "step['description'] == 'bash'", "weight": 40}
```

Each is worked out on every step; its findings say what troy's violations say, and add its weight to the score once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from spanwarden.model.finding import Evidence, Finding, NotEvaluable, Severity
from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.expressions.condition import compile_condition
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.running import running
from spanwarden.policy.expressions.scopes import TROY
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.when import ConditionRule, group_of
from spanwarden.policy.vocabulary import Vocabulary

Broken = Literal["refuse", "keep"]
TROY_KEYS = ("rule_id", "description", "condition", "severity", "weight", "mitigation", "tags")
DEFAULT_WEIGHT = 10
DEFAULT_SEVERITY = "medium"
MAX_WEIGHT = 1_000_000
_SEVERITIES: dict[str, Severity] = {
    "info": "info",
    "informational": "info",
    "notice": "info",
    "low": "low",
    "minor": "low",
    "medium": "medium",
    "moderate": "medium",
    "warning": "medium",
    "high": "high",
    "major": "high",
    "critical": "critical",
    "severe": "critical",
}


class TroyRule(ConditionRule):
    """A compiled rule of troy's. `severity_text` is its severity as written, `severity` the one that findings carry."""

    description: str
    severity_text: str
    severity: Severity
    weight: int
    tags: tuple[str, ...]

    def finding(self, view: RunView, index: int) -> Finding:
        """Return the finding on an event."""
        step = running(view).step_id(index)
        return Finding(
            self.id,
            self.severity,
            self.description,
            f"Rule '{self.description}' violated at step {step}",
            "",
            evidence=(Evidence(index, "sink"),),
            turn=view.events[index].turn,
            tags=self.tags,
            weight=self.weight,
        )


class BrokenRule:
    """A rule of troy's whose condition cannot be used: an error on every run, so that none counts as judged by it."""

    early = False

    weight = 0
    tags: tuple[str, ...] = ()

    def __init__(self, rule_id: str, description: str, error: PolicyError) -> None:
        self.id = rule_id
        self.description = description
        self._error = str(error)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Raise ConditionError."""
        raise ConditionError(self._error)


def is_troy(entry: Field) -> bool:
    """Tell whether an entry of `rules` is written for troy."""
    return entry.is_mapping and not {"rule_id", "condition"}.isdisjoint(entry.mapping())


def read_troy(entry: Field, vocabulary: Vocabulary, broken: Broken = "refuse") -> TroyRule | BrokenRule:
    """Compile a rule of troy's. Raises PolicyError; with broken="keep" not for what is wrong with its condition."""
    keys = entry.mapping(TROY_KEYS)
    for required in ("rule_id", "condition"):
        if required not in keys:
            entry.fail(f"a rule of troy's needs {required!r}")
    number = keys["rule_id"].plain
    rule_id = str(number) if type(number) is int else keys["rule_id"].text()
    description = keys["description"].text(empty=True) if "description" in keys else rule_id
    try:
        condition = compile_condition(keys["condition"], TROY)
    except PolicyError as error:
        if broken == "refuse":
            raise
        return BrokenRule(rule_id, description, error)
    rule = TroyRule(rule_id, condition, group_of(vocabulary))
    rule.description = description
    rule.severity_text = keys["severity"].text() if "severity" in keys else DEFAULT_SEVERITY
    rule.severity = _SEVERITIES.get(rule.severity_text.strip().lower(), "medium")
    rule.weight = _weight(keys["weight"]) if "weight" in keys else DEFAULT_WEIGHT
    rule.tags = keys["tags"].texts() if "tags" in keys else ()
    return rule


def _weight(field: Field) -> int:
    number = field.number()
    if number != int(number) or not 0 <= number <= MAX_WEIGHT:
        field.fail(f"expected a whole number from 0 to {MAX_WEIGHT}")
    return int(number)
