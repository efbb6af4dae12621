"""The `rules:` list of a policy file: what every native rule has, and which family compiles its body."""

from __future__ import annotations

from typing import cast

import re2

from spanwarden.model.finding import SEVERITIES, Severity
from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.families import BODIES
from spanwarden.policy.rules.spec import WEIGHTS, RuleSpec
from spanwarden.policy.tracegate_keys import RULE_IDS

SHARED_KEYS = frozenset({"id", "title", "description", "severity", "tags", "message", "weight"})
_ID = re2.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
MAX_WEIGHT = 100


def read_rules(field: Field) -> tuple[list[Rule], dict[str, int]]:
    """Compile a list of native rules; return them in file order, with the weight of each by its id.

    Raises PolicyError for an unknown or missing key, an id used twice and a rule without exactly one body.
    """
    rules: list[Rule] = []
    weights: dict[str, int] = {}
    for entry in field.entries():
        spec, family = _spec(entry)
        if spec.id in weights:
            entry.mapping()["id"].fail(f"{spec.id!r} is the id of an earlier rule")
        weights[spec.id] = spec.weight
        rules.append(BODIES[family](spec))
    return rules, weights


def _spec(entry: Field) -> tuple[RuleSpec, str]:
    keys = entry.mapping(SHARED_KEYS | BODIES.keys())
    for required in ("id", "title", "severity"):
        if required not in keys:
            entry.fail(f"a rule needs {required!r}")
    families = [key for key in keys if key in BODIES]
    if len(families) != 1:
        found = " and ".join(families) if families else "none"
        entry.fail(f"a rule needs exactly one of {', '.join(sorted(BODIES))}; this has {found}")
    severity = cast("Severity", keys["severity"].choice(SEVERITIES))
    spec = RuleSpec(
        id=_id(keys["id"]),
        title=keys["title"].text(),
        severity=severity,
        body=keys[families[0]],
        where=entry,
        tags=keys["tags"].texts() if "tags" in keys else (),
        message=keys["message"].text() if "message" in keys else None,
        description=keys["description"].text() if "description" in keys else None,
        weight=_weight(keys["weight"]) if "weight" in keys else WEIGHTS[severity],
    )
    return spec, families[0]


def _id(field: Field) -> str:
    text = field.text()
    if not _ID.fullmatch(text):
        field.fail("an id is lower-case letters, digits, '-', '_' and '.', at most 100")
    if text in RULE_IDS:
        field.fail(f"{text!r} is the id of a built-in rule")
    return text


def _weight(field: Field) -> int:
    number = field.number()
    if number != int(number) or not 0 <= number <= MAX_WEIGHT:
        field.fail(f"expected a whole number from 0 to {MAX_WEIGHT}")
    return int(number)
