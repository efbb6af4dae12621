"""The rule family `when`: a condition on each event, a finding for each event that it holds for.

```yaml
when: "tool == 'send_email' and any(domain(to) not in our_domains for to in args.to)"
```

A condition that cannot be worked out on an event does not hold for it; how often that was and why is a rule error.
One that can only become true as its run goes on is judged before its end, see `expressions.settling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spanwarden.detectors.texts import excerpt
from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.expressions.arrival import Watch, watch
from spanwarden.policy.expressions.condition import Condition, compile_condition
from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.fusing import Fused, Outcome
from spanwarden.policy.rules.base import EarlyRule, Rule, RunView
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.vocabulary import Vocabulary


class ConditionGroup:
    """The conditions of a policy, which are worked out in one go on each run."""

    def __init__(self) -> None:
        self._conditions: list[Condition] = []
        self._fused: Fused | None = None

    def add(self, condition: Condition) -> int:
        """Take in a condition and return its place."""
        self._conditions.append(condition)
        self._fused = None
        return len(self._conditions) - 1

    def outcome(self, view: RunView, place: int) -> Outcome:
        """Return what a condition came to on a run."""
        if self._fused is None:
            self._fused = Fused(self._conditions)
        return self._fused.outcomes(view)[place]


class ConditionRule:
    """A rule with one condition, worked out on every event together with the other conditions of its policy."""

    def __init__(self, rule_id: str, condition: Condition, group: ConditionGroup | None = None) -> None:
        self.id = rule_id
        self.condition = condition
        self._group = group or ConditionGroup()
        self._place = self._group.add(condition)

    def join(self, group: ConditionGroup) -> None:
        """Have the condition worked out together with those of a group."""
        self._group = group
        self._place = group.add(self.condition)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run. Raises ConditionError after the findings where the condition failed on some events."""
        outcome = self._group.outcome(view, self._place)
        for index in outcome.hits:
            if not self._unsettled(view, index):
                yield self.finding(view, index)
        unknown = outcome.unknown | _unknown_costs(self.condition, view)
        if unknown and not outcome.hits:
            yield NotEvaluable(self.id, tuple(sorted(unknown)))
        if outcome.failures:
            count = f"{outcome.failures} of {len(view.events)} events"
            raise ConditionError(f"{outcome.failure} (on {count}, first on event {outcome.failed_at})")

    def finding(self, view: RunView, index: int) -> Finding:
        """Return the finding on an event."""
        raise NotImplementedError

    def _unsettled(self, view: RunView, index: int) -> bool:
        """Tell whether an event of a run that goes on has no name yet, and the condition asks for it."""
        return view.run.completeness == "open" and view.events[index].tool is None and "tool" in self.condition.names


class When(ConditionRule):
    """A compiled `when` rule."""

    def __init__(self, spec: RuleSpec, condition: Condition, watch: Watch | None = None) -> None:
        super().__init__(spec.id, condition, group_of(spec.vocabulary))
        self.spec = spec
        self._watch = watch

    @property
    def early(self) -> bool:
        """Return whether what has happened breaks it for good."""
        return self._watch is not None

    def watches(self, event: Event, /) -> bool:
        """Tell whether the condition should be worked out anew because of an event."""
        return self._watch is not None and self._watch.waits_for(event)

    def finding(self, view: RunView, index: int) -> Finding:
        """Return the finding on an event."""
        event, spec = view.events[index], self.spec
        target = next((effect.target for effect in event.effects if effect.target), None)
        message = f"{event.tool or event.model or event.kind} (event {index}): {spec.title}."
        evidence = (Evidence(index, "sink", text=excerpt(target) if target else None),)
        return spec.finding(view, message, evidence, bound={"event": index, "to": index})


def _unknown_costs(condition: Condition, view: RunView) -> set[str]:
    if "cost" not in condition.needs or any(event.cost_usd is not None for event in view.events):
        return set()
    return {"cost"} if any(event.kind == "llm_call" for event in view.events) else set()


def group_of(vocabulary: Vocabulary) -> ConditionGroup:
    """Return the group of the policy that a vocabulary belongs to."""
    found: ConditionGroup = vocabulary.compiled.setdefault("when.group", ConditionGroup())
    return found


def share(rules: Iterable[Rule]) -> None:
    """Have the conditions of all rules of a policy worked out in one go, the early ones in one of their own."""
    early, late = ConditionGroup(), ConditionGroup()
    for rule in rules:
        if isinstance(rule, ConditionRule):
            # Those that are judged while a run goes on must not take the others along, which read content.
            rule.join(early if isinstance(rule, EarlyRule) and rule.early else late)


def compile_when(spec: RuleSpec) -> Rule:
    """Compile the body of a `when` rule. Raises PolicyError with file, line and column."""
    spec.quotes(("event", "to"))
    words = spec.vocabulary
    condition = compile_condition(spec.body, macros=words.macros, lists=words.lists)
    return When(spec, condition, watch(spec.body, words.macros, words.lists))
