"""The rule families `all_of` and `any_of`: several things in one run, in any order or in a given one.

```yaml
all_of: [untrusted, private, {class: outbound, as: out}]
order: [untrusted, out]
unless: "approved(out)"
```

A member is a selector, or the body of another family (`{flow: …}`). It is known by its `as`, else by its class. One
finding a run: on the first event of the last member (of `order`, else of the list) that no `unless` takes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field, nearest
from spanwarden.policy.grammar import Anything, ByForm, Key, ListOf, Shape
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.conditions import Test
from spanwarden.policy.rules.excuses import compile_excuses, excused
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.shapes import SELECTOR, SELECTOR_KEYS

MAX_MEMBERS = 20
MAX_NESTED = 4
_NESTED = ("flow", "detect", "when", "sequence", "aggregate", "loop", "all_of", "any_of")
_SELECTOR_KEYS = tuple(name for name in SELECTOR_KEYS if name != "arg")
MEMBER = Shape(
    "member",
    {
        **{name: SELECTOR_KEYS[name] for name in _SELECTOR_KEYS},
        **{name: Key(Anything(), "A body of this family.") for name in _NESTED},
    },
)
SHAPE = ListOf(ByForm(mapping=MEMBER, text=SELECTOR.text), most=MAX_MEMBERS, least=2)


class Member(msgspec.Struct, frozen=True):
    """One member: its name, and the selector or rule that it is."""

    name: str
    selector: Selector | None = None
    rule: Rule | None = None

    def events(self, view: RunView) -> Iterator[tuple[int, tuple[Evidence, ...]]]:
        """Yield the events that it holds for, each with what else is evidence of it."""
        if self.selector is not None:
            for index in range(len(view.events)):
                if self.selector.fits(view, index):
                    yield index, ()
        elif self.rule is not None:
            for outcome in self.rule.evaluate(view):
                if isinstance(outcome, Finding):
                    places = [item.event for item in outcome.evidence if item.role == "sink"]
                    places = places or [item.event for item in outcome.evidence] or [0]
                    yield places[-1], outcome.evidence

    def needs(self, view: RunView) -> set[str]:
        """Return what a nested rule could not be judged without."""
        found = self.rule.evaluate(view) if self.rule is not None else ()
        return {need for outcome in found if isinstance(outcome, NotEvaluable) for need in outcome.needs}


class AllOf(msgspec.Struct, frozen=True):
    """A compiled conjunction. `order` holds positions in `members`; the last of it is where the finding is."""

    spec: RuleSpec
    members: tuple[Member, ...]
    order: tuple[int, ...]
    unless: tuple[Test, ...]

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run; each member is looked for once."""
        sink = self.order[-1] if self.order else len(self.members) - 1
        first: dict[int, tuple[int, tuple[Evidence, ...]]] = {}
        for number, member in enumerate(self.members):
            if number != sink and number not in self.order:
                found = next(member.events(view), None)
                if found is None:
                    yield from self._lacking(view)
                    return
                first[number] = found
        before = -1
        for number in self.order[:-1]:
            found = next((each for each in self.members[number].events(view) if each[0] > before), None)
            if found is None:
                yield from self._lacking(view)
                return
            first[number], before = found, found[0]
        for found in self.members[sink].events(view):
            if found[0] <= before:
                continue
            places = first | {sink: found}
            bound = {self.members[number].name: place for number, (place, _) in places.items()}
            if not excused(view, self.unless, found[0], bound):
                yield self._finding(view, sink, places, bound)
                return
        yield from self._lacking(view)

    def _lacking(self, view: RunView) -> Iterator[NotEvaluable]:
        needs = {need for member in self.members for need in member.needs(view)}
        if needs:
            yield NotEvaluable(self.id, tuple(sorted(needs)))

    def _finding(
        self,
        view: RunView,
        sink: int,
        places: Mapping[int, tuple[int, tuple[Evidence, ...]]],
        bound: Mapping[str, int],
    ) -> Finding:
        evidence: dict[int, Evidence] = {}
        for number, (place, more) in sorted(places.items()):
            for item in (*more, Evidence(place, "source" if number in self.order else "cause")):
                kept = msgspec.structs.replace(item, role="cause") if item.role == "sink" else item
                evidence.setdefault(item.event, kept)
        place = places[sink][0]
        evidence[place] = msgspec.structs.replace(evidence[place], role="sink")
        told = ", ".join(f"{name} ({_named(view, index)})" for name, index in bound.items())
        message = f"One run has all of {told}."
        return self.spec.finding(view, message, tuple(sorted(evidence.values(), key=_by_event)), bound=bound)


class AnyOf(msgspec.Struct, frozen=True):
    """A compiled disjunction. One finding a run: on the first event of the first member that holds."""

    spec: RuleSpec
    members: tuple[Member, ...]
    unless: tuple[Test, ...]

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run."""
        for member in self.members:
            for place, more in member.events(view):
                bound = {member.name: place}
                if excused(view, self.unless, place, bound):
                    continue
                rest = [item for item in more if item.event != place]
                message = f"{_named(view, place)}: {member.name}."
                yield self.spec.finding(view, message, (*rest, Evidence(place, "sink")), bound=bound)
                return
        needs = {need for member in self.members for need in member.needs(view)}
        if needs:
            yield NotEvaluable(self.id, tuple(sorted(needs)))


def _by_event(item: Evidence) -> int:
    return item.event


def _named(view: RunView, index: int) -> str:
    event = view.events[index]
    return f"{event.tool or event.kind}, event {index}"


def compile_all_of(spec: RuleSpec) -> Rule:
    """Compile the body of an `all_of` rule. Raises PolicyError with file and line."""
    members = _members(spec)
    names = [member.name for member in members]
    place = spec.companion("order")
    order = [_position(entry, names) for entry in place.entries()] if place is not None else []
    if place is not None and len(set(order)) < len(order):
        place.fail("a name comes twice")
    spec.quotes(names)
    tests = compile_excuses(spec.companion("unless"), spec.vocabulary, names)
    return AllOf(spec, members, tuple(order), tests)


def compile_any_of(spec: RuleSpec) -> Rule:
    """Compile the body of an `any_of` rule. Raises PolicyError with file and line."""
    members = _members(spec)
    names = [member.name for member in members]
    spec.quotes(names)
    return AnyOf(spec, members, compile_excuses(spec.companion("unless"), spec.vocabulary, names))


def _members(spec: RuleSpec) -> tuple[Member, ...]:
    SHAPE.check(spec.body)
    if spec.body.key.count("_of[") >= MAX_NESTED:
        spec.fail("", f"nested more than {MAX_NESTED} deep")
    found: list[Member] = []
    for entry in spec.body.entries():
        member = _member(entry, spec, len(found) + 1)
        if any(member.name == other.name for other in found):
            entry.fail(f"{member.name!r} is the name of an earlier member; give it one by 'as'")
        found.append(member)
    return tuple(found)


def _member(entry: Field, spec: RuleSpec, number: int) -> Member:
    keys = entry.mapping() if entry.is_mapping else {}
    nested = [name for name in keys if name in _NESTED]
    name = keys["as"].text() if "as" in keys else _name_of(entry, keys, number)
    if not nested:
        return Member(name, read_selector(entry, _SELECTOR_KEYS, spec.vocabulary))
    if len(nested) > 1 or keys.keys() - {nested[0], "as"}:
        entry.fail("a body of another family goes alone, or with 'as'")
    from spanwarden.policy.rules.families import BODIES

    inner = replace(spec, body=keys[nested[0]], where=entry, message=None)
    return Member(name, rule=BODIES[nested[0]](inner))


def _name_of(entry: Field, keys: Mapping[str, Field], number: int) -> str:
    text = entry.node.value
    if isinstance(text, str) and text.isidentifier():
        return text
    if "class" in keys and isinstance(keys["class"].node.value, str):
        return keys["class"].node.value
    return f"member{number}"


def _position(entry: Field, names: Sequence[str]) -> int:
    name = entry.text()
    if name not in names:
        entry.fail(f"{name[:60]!r} is no member{nearest(name, names)}")
    return names.index(name)
