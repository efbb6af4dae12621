"""The JSON Schema of policy files, made from the shapes that the loader reads by.

It knows the form of a file, for editors and reviews; what names mean (a class, a tag, a condition) the loader knows.
"""

from __future__ import annotations

from typing import Any

from spanwarden.policy.grammar import (
    EXPRESSION,
    LENGTH,
    TEXT,
    ByForm,
    Key,
    Kind,
    ListOf,
    Number,
    Schema,
    Shape,
    Text,
    one_or_many,
)
from spanwarden.policy.rules.aggregate import SHAPE as AGGREGATE
from spanwarden.policy.rules.conjunction import SHAPE as MEMBERS
from spanwarden.policy.rules.detect import DETECT_KEYS
from spanwarden.policy.rules.families import BODIES
from spanwarden.policy.rules.flow import FLOW_KEYS, VIA
from spanwarden.policy.rules.loop import SHAPE as LOOP
from spanwarden.policy.rules.sequence import SHAPE as SEQUENCE
from spanwarden.policy.shapes import CARRIES, FINDS, SELECTOR, SELECTOR_KEYS, policy_keys, rule_shape
from spanwarden.policy.troy import TROY_KEYS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
THROUGH = Shape(
    "through", {**SELECTOR_KEYS, "within": Key(LENGTH, "The time in which values are followed.", required=True)}
)
FLOW = Shape(
    "flow",
    {
        "from": Key(SELECTOR, "Where something came in.", required=True),
        "through": Key(THROUGH, "The memory through which it reached another run."),
        "to": Key(SELECTOR, "Where it left or acted.", required=True),
        "via": Key(one_or_many(Text(choices=VIA)), "What ties the two.", required=True),
        "where": Key(EXPRESSION, "A condition that must hold; with `through` it may compare the two runs."),
        "unless": Key(ListOf(TEXT), "What takes the finding back: `user_said`, `content_captured`, conditions."),
    },
)
DETECT = Shape(
    "detect",
    {
        "of": Key(SELECTOR, "The events that are looked at."),
        "in": Key(Text(choices=("result", "arguments")), "What is looked into."),
        "carries": Key(one_or_many(Text(choices=CARRIES)), "What the result carries."),
        "finds": Key(one_or_many(Text(choices=FINDS)), "What a detector finds there."),
    },
)
_BODIES: dict[str, Kind] = {
    "when": TEXT,
    "flow": FLOW,
    "detect": DETECT,
    "sequence": SEQUENCE,
    "aggregate": AGGREGATE,
    "loop": LOOP,
    "all_of": MEMBERS,
    "any_of": MEMBERS,
}
_ANY_TEXT = Text(empty=True)
TROY = Shape(
    "troy_rule",
    {
        "rule_id": Key(ByForm(text=TEXT, number=Number()), "The rule's id.", required=True),
        "description": Key(_ANY_TEXT, "What the rule says."),
        "condition": Key(_ANY_TEXT, "troy's condition.", required=True),
        "severity": Key(_ANY_TEXT, "Any word; `medium` where absent."),
        "weight": Key(Number(), "What it adds to the score; 10 where absent."),
        "mitigation": Key(_ANY_TEXT, "For readers."),
        "tags": Key(ListOf(TEXT), "Texts that findings carry."),
    },
)


class _Rule:
    """A native rule or one of troy's."""

    def check(self, place: Any, /) -> None:
        """Accept it: the loader tells the two apart by their id."""

    def schema(self, definitions: dict[str, Schema], /) -> Schema:
        """Return the schema of either."""
        return {"anyOf": [rule_shape(_BODIES).schema(definitions), TROY.schema(definitions)]}


def policy_schema() -> Schema:
    """Return the JSON Schema (2020-12) of a policy file."""
    assert _BODIES.keys() == BODIES.keys()
    assert FLOW.keys.keys() == FLOW_KEYS
    assert DETECT.keys.keys() == DETECT_KEYS
    assert TROY.keys.keys() == set(TROY_KEYS)
    definitions: dict[str, Schema] = {}
    reference = Shape("policy", policy_keys(_Rule())).schema(definitions)
    return {"$schema": DIALECT, "title": "spanwarden policy", **reference, "$defs": dict(sorted(definitions.items()))}
