"""The rule family `sequence`: events that follow each other, or should have.

```yaml
sequence:
  - {as: read, tool: get_order}
  - {not: {tool: update_order, where: "args.order_id == read.args.order_id"}}
  - {as: refund, tool: refund, where: "refund.args.order_id == read.args.order_id"}
  - {within: 5m}
violated_if: missing
```

Steps follow each other with anything between them. `not` forbids an event between its neighbours, at the end of the
list between the first and the last step. `within` is the time from the first step to the last. `violated_if: present`
(the default) finds every event that completes the sequence; `missing` finds every event that fits the last step
without one; with a single step, a run in which it never happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field
from spanwarden.policy.grammar import LENGTH, ByForm, Key, ListOf, Shape, seconds
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.chains import Chain, Chains, Step
from spanwarden.policy.rules.joins import read_joined
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.shapes import SELECTOR, SELECTOR_KEYS

VIOLATED_IF = ("present", "missing")
MAX_STEPS = 8
_STEP_KEYS = tuple(name for name in SELECTOR_KEYS if name != "arg")
STEP_SHAPE = Shape(
    "sequence_step",
    {
        **{name: SELECTOR_KEYS[name] for name in _STEP_KEYS},
        "within": Key(LENGTH, "The time from the first step to the last."),
        "not": Key(SELECTOR, "What may not be between the neighbours of this entry."),
    },
)
SHAPE = ListOf(ByForm(mapping=STEP_SHAPE, text=SELECTOR.text), most=MAX_STEPS * 2, least=1)


class Sequence(msgspec.Struct, frozen=True):
    """A compiled sequence rule."""

    spec: RuleSpec
    chain: Chain
    missing: bool

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    @property
    def early(self) -> bool:
        """Return whether what has happened completes it for good: nothing forbids, nothing is missing."""
        steps = self.chain.steps
        return not self.missing and not self.chain.blockers and all(step.joined.certain for step in steps)

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event is one of the steps: spans come in any order."""
        return any(step.joined.selector.takes(event) for step in self.chain.steps)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run, in one pass."""
        if len(self.chain.steps) == 1 and self.missing:
            yield from self._never(view)
            return
        if self.chain.within and any(
            s.joined.selector.takes(e) and not _time(e) for e in view.events for s in self._ends()
        ):
            yield NotEvaluable(self.id, ("times",))
            return
        chains = Chains(self.chain, view)
        last = self.chain.steps[-1].joined
        for index in range(len(view.events)):
            bound = chains.take(index)
            if bound is not None and not self.missing:
                yield self._present(view, bound)
            elif bound is None and self.missing and not chains.dropped and last.fits_alone(view, index):
                yield self._missing(view, index)
        chains.complain()

    def _ends(self) -> tuple[Step, Step]:
        return self.chain.steps[0], self.chain.steps[-1]

    def _never(self, view: RunView) -> Iterator[Finding]:
        step = self.chain.steps[0].joined
        if not any(step.fits_alone(view, index) for index in range(len(view.events))):
            yield self.spec.finding(view, f"{self.spec.title}: it never happened.", ())

    def _present(self, view: RunView, bound: Mapping[str, int]) -> Finding:
        *before, (_, sink) = bound.items()
        evidence = [Evidence(place, "source" if number == 0 else "cause") for number, (_, place) in enumerate(before)]
        named = " after ".join(_named(view, place) for place in reversed(tuple(bound.values())))
        return self.spec.finding(view, f"{named}.", (*evidence, Evidence(sink, "sink")), bound=bound)

    def _missing(self, view: RunView, index: int) -> Finding:
        message = f"{_named(view, index)} without what must come before it."
        bound = {self.chain.steps[-1].name: index}
        return self.spec.finding(view, message, (Evidence(index, "sink"),), bound=bound)


def _named(view: RunView, index: int) -> str:
    event = view.events[index]
    return f"{event.tool or event.kind} (event {index})"


def _time(event: Event) -> int:
    return event.start or event.end


class _Parts(NamedTuple):
    steps: list[Step]
    blockers: list[tuple[int, Field]]
    within: Field | None


def compile_sequence(spec: RuleSpec) -> Rule:
    """Compile the body of a `sequence` rule. Raises PolicyError with file and line."""
    SHAPE.check(spec.body)
    parts = _read(spec)
    if not parts.steps:
        spec.fail("", "a sequence needs at least one step")
    if len(parts.steps) > MAX_STEPS:
        spec.fail("", f"more than {MAX_STEPS} steps")
    names = [step.name for step in parts.steps]
    violated = spec.companion("violated_if")
    missing = violated is not None and violated.choice(VIOLATED_IF) == "missing"
    if len(parts.steps) == 1 and (parts.blockers or parts.within is not None):
        spec.fail("", "'within' and 'not' need two steps")
    blockers = []
    for gap, place in parts.blockers:
        if gap == 0:
            place.fail("nothing comes before the first step")
        whole = gap == len(parts.steps)
        known = names[:-1] if whole else names[:gap]
        blockers.append((0 if whole else gap, read_joined(place, spec.vocabulary, None, known)))
    spec.quotes(names if not missing else names[-1:])
    within = int(seconds(parts.within) * 1e9) if parts.within is not None else 0
    return Sequence(spec, Chain(tuple(parts.steps), tuple(blockers), within), missing)


def _read(spec: RuleSpec) -> _Parts:
    steps: list[Step] = []
    blockers: list[tuple[int, Field]] = []
    within: Field | None = None
    for entry in spec.body.entries():
        keys = entry.mapping() if entry.is_mapping else {}
        if len(keys) > 1 and keys.keys() & {"within", "not"}:
            entry.fail("'within' and 'not' are entries of their own")
        if "within" in keys:
            if within is not None:
                entry.fail("a second 'within'")
            within = keys["within"]
        elif "not" in keys:
            blockers.append((len(steps), keys["not"]))
        else:
            steps.append(_step(entry, spec, [step.name for step in steps]))
    return _Parts(steps, blockers, within)


def _step(entry: Field, spec: RuleSpec, known: list[str]) -> Step:
    name = entry.mapping()["as"].text() if entry.is_mapping and "as" in entry.mapping() else f"step{len(known) + 1}"
    if name in known:
        entry.fail(f"{name!r} is the name of an earlier step")
    return Step(name, read_joined(entry, spec.vocabulary, name, known))
