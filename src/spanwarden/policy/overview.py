"""What a policy is made of, rule by rule, for lists and for the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from spanwarden.policy.document import Field, Node
from spanwarden.policy.documents import Document, gather
from spanwarden.policy.metadata import DERIVED
from spanwarden.policy.policy import Policy
from spanwarden.policy.rule_list import NativeRule
from spanwarden.policy.rules.families import BODIES
from spanwarden.policy.rules.spec import WEIGHTS

_METADATA = re.compile(r"\bmetadata\.(?:get\(\s*['\"])?([a-z_][a-z0-9_]*)")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_LITERAL = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_CONTENT = {
    "arguments": re.compile(r"\b(args|effects|metadata|input)\b"),
    "results": re.compile(r"\b(result|output|error)\b"),
    "messages": re.compile(r"\b(text|user_said|role)\b"),
}
"""What of the content conditions rest on: effects and metadata follow from arguments."""


class RuleOverview(msgspec.Struct, frozen=True):
    """One rule, as lists show it. `needs` are facts that telemetry or the sender must bring for it to be judged."""

    id: str
    title: str
    severity: str
    weight: int
    status: str
    mode: str
    family: str
    tags: tuple[str, ...]
    description: str
    needs: tuple[str, ...]


def summary(name: str, policy: Policy) -> dict[str, Any]:
    """Return what `policies list --json` prints of a pack."""
    rules = rule_overviews(policy, f"pack:{name}")
    statuses = sorted({rule.status for rule in rules})
    return {
        "pack": name,
        "name": policy.name,
        "version": policy.version,
        "description": description_of(f"pack:{name}"),
        "rules": len(rules),
        "statuses": {status: sum(rule.status == status for rule in rules) for status in statuses},
        "tests": len(policy.tests),
    }


def description_of(source: str) -> str:
    """Return the description of a policy file or pack, "" where it has none. Raises PolicyError."""
    place = gather(source)[-1].top.get("description")
    return " ".join(place.text(empty=True).split()) if place is not None else ""


def rule_overviews(policy: Policy, source: str) -> tuple[RuleOverview, ...]:
    """Return every rule that is written out in a policy, in order. `source` is what the policy was loaded from."""
    documents = gather(source)
    macros = {document.source: macros_for(document, documents) for document in documents}
    return tuple(_overview(native, macros[native.where.source]) for native in policy.rule_list)


def macros_for(document: Document, documents: Sequence[Document]) -> Mapping[str, str]:
    """Return the macros that a document's rules may use: its own, and those of the documents beside it."""
    found: dict[str, str] = {}
    for each in (*documents, document):
        place = each.top.get("macros")
        if place is not None and place.is_mapping:
            found |= {name: text.text() for name, text in place.mapping().items()}
    return found


def texts_of(place: Field) -> Iterator[Field]:
    """Yield every text below a place of a policy file, in no special order, without recursion."""
    pending = [place]
    while pending:
        field = pending.pop()
        value = field.node.value
        if isinstance(value, str):
            yield field
        elif isinstance(value, dict):
            pending.extend(_below(field, name, node) for name, node in value.items())
        elif isinstance(value, tuple):
            pending.extend(Field(field.source, field.key, node) for node in value)


def opened(text: str, macros: Mapping[str, str]) -> str:
    """Return a condition with all that its macros say behind it, without literals: what it speaks of."""
    found: dict[str, str] = {}
    pending = [_LITERAL.sub("''", text)]
    parts = list(pending)
    while pending:
        for word in set(_WORD.findall(pending.pop())) & macros.keys() - found.keys():
            found[word] = _LITERAL.sub("''", macros[word])
            pending.append(found[word])
            parts.append(found[word])
    return " ".join(parts)


def _below(field: Field, name: str, node: Node) -> Field:
    return Field(field.source, f"{field.key}.{name}" if field.key else name, node)


def _overview(native: NativeRule, macros: Mapping[str, str]) -> RuleOverview:
    keys = native.where.mapping()
    family = next((key for key in keys if key in BODIES), "condition")
    severity = str(keys["severity"].plain) if "severity" in keys else "medium"
    weight = native.tuning.weight
    title = keys["title"].text() if "title" in keys else native.rule.id
    return RuleOverview(
        native.rule.id,
        title,
        severity,
        int(weight) if weight is not None else WEIGHTS.get(severity, 0),  # type: ignore[call-overload]
        native.status or "stable",
        native.tuning.mode or "enforce",
        family,
        native.tags,
        " ".join((native.description or "").split()),
        tuple(_needs(keys[family], family, macros)),
    )


def _needs(body: Field, family: str, macros: Mapping[str, str]) -> Iterator[str]:
    selectors = family not in ("when", "condition")
    found: set[str] = set()
    sent: set[str] = set()
    for place in texts_of(body):
        key = place.key.rpartition(".")[2]
        if key in ("when", "where", "unless", "condition", "expr"):
            text = opened(place.text(empty=True), macros)
            found.update(name for name, pattern in _CONTENT.items() if pattern.search(text))
            sent.update(set(_METADATA.findall(text)) - DERIVED)
        elif key in ("carries", "finds", "no_progress"):
            found.add("arguments" if _looks_at_arguments(body) else "results")
        elif key in ("effect", "target", "detail", "via", "same"):
            found.add("arguments")
    if selectors and not found:
        found.add("events")
    yield from sorted(found)
    yield from (f"metadata.{name}" for name in sorted(sent))


def _looks_at_arguments(body: Field) -> bool:
    place = body.mapping().get("in") if body.is_mapping else None
    return place is not None and place.plain == "arguments"
