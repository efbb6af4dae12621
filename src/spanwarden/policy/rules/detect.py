"""The rule family `detect`: one event is itself the finding.

```yaml
detect: {in: result, of: {effect: file_read}, finds: [secret]}
```

`of` chooses the events; `carries` or `finds` say what their `in` (result, the default, or arguments) must hold.
Without either, the event itself is the finding.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from spanwarden.detectors.masking import masked
from spanwarden.detectors.texts import excerpt
from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.content_index import captured, provenance, sensitive_in, taken
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.shapes import CARRIES, FINDS

DETECT_KEYS = frozenset(["in", "of", "carries", "finds"])
_OF_KEYS = ("tool", "effect", "target", "detail", "outcome")


class Detect(msgspec.Struct, frozen=True):
    """A compiled detect rule. One finding an event."""

    spec: RuleSpec
    of: Selector
    where: str
    carries: frozenset[str]
    finds: frozenset[str]

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    @property
    def early(self) -> bool:
        """Return whether the call alone breaks the rule; how much content is searched depends on the whole run."""
        return self.of.certain and not (self.carries or self.finds)

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event is of the kind that is meant."""
        return self.of.takes(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run; work is linear in its events and their texts."""
        told = False
        for evidence, message in self._found(view):
            told = True
            bound = {"to": evidence.event}
            yield self.spec.finding(view, message, (evidence,), bound=bound, facts={"value": evidence.text})
        if not told and (self.carries or self.finds):
            meant = taken(view, self.of)
            if meant and not captured(view, meant, self.where):
                yield NotEvaluable(self.id, ("results" if self.where == "result" else "arguments",))

    def _found(self, view: RunView) -> Iterator[tuple[Evidence, str]]:
        seen: set[int] = set()
        if self.carries:
            for block in provenance(view).blocks:
                event = view.events[block.event]
                if block.strong and block.event not in seen and self.of.takes(event):
                    seen.add(block.event)
                    families = ", ".join(block.families)
                    message = f"The result of {_name(event)} holds text that reads like an instruction ({families})."
                    yield Evidence(block.event, "source", field=block.field, text=excerpt(block.text)), message
        if self.finds:
            places = taken(view, self.of)
            for item in (item for place in places for item in sensitive_in(view, self.where, place, self.finds)):
                event = view.events[item.event]
                if item.event not in seen:
                    seen.add(item.event)
                    text = f"{item.kind} {masked(item.value)}"
                    message = f"The {self.where} of {_name(event)} holds a {item.kind}."
                    yield Evidence(item.event, "source", field=item.field, text=text), message
        if not self.carries and not self.finds:
            for index in taken(view, self.of):
                event = view.events[index]
                if self.of.ended(view, index):
                    effects = event.effects
                    meant = next((e for e in effects if self.of.takes_effect(e.kind, e.target, e.detail)), None)
                    target = excerpt(meant.target) if meant is not None and meant.target else None
                    yield Evidence(index, "sink", text=target), f"{self.spec.title}: {_name(event)}."


def _name(event: Event) -> str:
    return event.tool or event.kind


def compile_detect(spec: RuleSpec) -> Rule:
    """Compile the body of a `detect` rule. Raises PolicyError with file and line."""
    keys = spec.body.mapping(DETECT_KEYS)
    if "of" not in keys and not keys.keys() & {"carries", "finds"}:
        spec.fail("", "a detect needs 'of', 'carries' or 'finds'")
    spec.quotes(("to",), ("value",))
    of = read_selector(keys["of"], _OF_KEYS, spec.vocabulary) if "of" in keys else Selector()
    where = keys["in"].choice(("result", "arguments")) if "in" in keys else "result"
    carries, finds = ("carries", CARRIES), ("finds", FINDS)
    if "carries" in keys and where != "result":
        keys["carries"].fail("instructions are looked for in results only")
    return Detect(spec, of, where, _chosen(keys.get(carries[0]), carries[1]), _chosen(keys.get(finds[0]), finds[1]))


def _chosen(field: Field | None, known: tuple[str, ...]) -> frozenset[str]:
    if field is None:
        return frozenset()
    entries = field.entries() if field.is_list else [field]
    if not entries:
        field.fail("must not be empty")
    return frozenset(entry.choice(known) for entry in entries)
