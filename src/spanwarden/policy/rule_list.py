"""The `rules:` list of a policy file: what every native rule has, and which family compiles its body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from spanwarden.model.finding import Mode, Severity
from spanwarden.policy.document import Field
from spanwarden.policy.grammar import Anything
from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.families import BODIES
from spanwarden.policy.rules.spec import WEIGHTS, RuleSpec
from spanwarden.policy.rules.templates import read_template
from spanwarden.policy.shapes import COMPANION_KEYS, COMPANIONS, RULE_KEYS, rule_shape
from spanwarden.policy.tags import known_tag
from spanwarden.policy.telling import Dedup, read_dedup
from spanwarden.policy.tracegate_keys import RULE_IDS
from spanwarden.policy.troy import Broken, is_troy, read_troy
from spanwarden.policy.tuning import UNTUNED, Tuning, read_tuning
from spanwarden.policy.vocabulary import Vocabulary

SHARED_KEYS = frozenset(RULE_KEYS | COMPANION_KEYS)
RULE = rule_shape(dict.fromkeys(BODIES, Anything()))
DEFAULT_SEVERITY: Severity = "medium"


@dataclass(frozen=True, slots=True)
class NativeRule:
    """A compiled rule and what its own keys say of it."""

    rule: Rule
    tuning: Tuning
    where: Field
    status: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    dedup: Dedup | None = None


def read_rules(
    field: Field, vocabulary: Vocabulary, mode: Mode | None = None, broken: Broken = "refuse"
) -> list[NativeRule]:
    """Compile a list of native rules and of troy's, in file order.

    mode: that of rules that do not say it themselves. broken: what becomes of troy's rules whose condition cannot be
    used. Raises PolicyError for an unknown or missing key, an id used
    twice and a rule without exactly one body.
    """
    rules: dict[str, NativeRule] = {}
    for entry in field.entries():
        native = _read_troy(entry, vocabulary, mode, broken) if is_troy(entry) else _read(entry, vocabulary, mode)
        if native.rule.id in rules:
            id_of(entry).fail(f"{native.rule.id!r} is the id of an earlier rule")
        rules[native.rule.id] = native
    return list(rules.values())


def id_of(entry: Field) -> Field:
    """Return the place of a rule's id."""
    keys = entry.mapping()
    return keys["id"] if "id" in keys else keys["rule_id"]


def _read_troy(entry: Field, vocabulary: Vocabulary, mode: Mode | None, broken: Broken) -> NativeRule:
    rule = read_troy(entry, vocabulary, broken)
    return NativeRule(rule, Tuning(mode=mode, weight=rule.weight), entry, description=rule.description, tags=rule.tags)


def unknown_tags(native: NativeRule) -> list[str]:
    """Return a warning, with file and line, for every tag of a known list that is not in it."""
    if "tags" not in native.where.mapping():
        return []
    places = native.where.mapping()["tags"].entries()
    return [
        f"{place.source}:{place.line}: {place.key}: {tag!r} is not in the list it names"
        for place, tag in zip(places, native.tags, strict=True)
        if not known_tag(tag)
    ]


def _read(entry: Field, vocabulary: Vocabulary, mode: Mode | None) -> NativeRule:
    keys = RULE.fields(entry)
    family = next(key for key in keys if key in BODIES)
    for key, families in COMPANIONS.items():
        if key in keys and family not in families:
            keys[key].fail(f"goes with {' and '.join(families)} only")
    severity = cast("Severity", keys["severity"].text()) if "severity" in keys else DEFAULT_SEVERITY
    weight = int(keys["weight"].number()) if "weight" in keys else WEIGHTS[severity]
    name = _id(keys["id"])
    spec = RuleSpec(
        id=name,
        title=keys["title"].text() if "title" in keys else name.replace("-", " ").capitalize(),
        severity=severity,
        body=keys[family],
        where=entry,
        tags=keys["tags"].texts() if "tags" in keys else (),
        message=read_template(keys["message"]) if "message" in keys else None,
        description=keys["description"].text() if "description" in keys else None,
        weight=weight,
        vocabulary=vocabulary,
    )
    rule = BODIES[family](spec)
    tuning = read_tuning(keys, vocabulary, severity=False)
    return NativeRule(
        rule,
        tuning.over(Tuning(mode=mode) if mode else UNTUNED),
        entry,
        status=keys["status"].text() if "status" in keys else None,
        description=spec.description,
        tags=spec.tags,
        dedup=read_dedup(keys["dedup"]) if "dedup" in keys else None,
    )


def _id(field: Field) -> str:
    text = field.text()
    if text in RULE_IDS:
        field.fail(f"{text!r} is the id of a built-in rule")
    return text
