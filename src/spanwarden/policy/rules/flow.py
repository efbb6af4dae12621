"""The rule family `flow`: something that came in through one event left or acted through a later one.

```yaml
flow: {from: {carries: instruction}, to: {effect: write}, via: span, unless: [user_said]}
```

`via` says what ties the two: `order` (the one came after the other), `value` (a secret of the source is in the sink's
arguments, as it is or encoded), `span` (the sink does what an injected block orders, with what only the block said) or
`action` (the sink follows an injected block with less proof: an act it asks for, words of it, an address it names).
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterator, Mapping

import msgspec

from spanwarden.detectors.encodings import spellings
from spanwarden.detectors.masking import masked
from spanwarden.detectors.provenance import Origin
from spanwarden.detectors.texts import excerpt, leaves
from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field, Node
from spanwarden.policy.grammar import seconds
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.conditions import Test, compile_test
from spanwarden.policy.rules.content_index import (
    Sensitive,
    captured,
    echoed,
    provenance,
    sensitive,
    sensitive_in,
    taken,
)
from spanwarden.policy.rules.excuses import Unmet, compile_excuse, excused, keeps, unmet_by
from spanwarden.policy.rules.kept_values import Through, keep, taken_out
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.rules.shared_values import SharedValue, shared_values
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.rules.two_runs import Comparison, compile_comparison

FLOW_KEYS = frozenset(["from", "through", "to", "via", "where", "unless"])
VIA = ("order", "value", "span", "action", "echo")
UNLESS = ("user_said", "content_captured")
_FROM_KEYS = ("tool", "effect", "target", "detail", "carries", "finds")
_TO_KEYS = ("tool", "effect", "target", "detail", "outcome", "arg")
MAX_VALUES = 50
_MIN_VALUE = 6
_STANDS: Mapping[str, str] = {
    "user_said": "no message of the user or operator has what went there",
    "content_captured": "what the one returned, or what the other was given, was not captured",
}
"""Why the words of `UNLESS` did not take back what is a finding."""
_Judge = Callable[["Flow", RunView], Iterator[tuple[Finding, str]]]
"""Yields findings, each with the value that went from the source to the sink, whole."""


class Flow(msgspec.Struct, frozen=True):
    """A compiled flow rule. One finding a sink, with the source it fits best."""

    spec: RuleSpec
    source: Selector
    sink: Selector
    via: frozenset[str]
    unless: frozenset[str] = frozenset()
    tests: tuple[Test, ...] = ()
    told: tuple[Unmet, ...] = ()
    where: Test | None = None
    through: Through | None = None
    comparison: Comparison | None = None

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    @property
    def early(self) -> bool:
        """Return whether the order of calls alone breaks the rule; what content proves depends on all of it."""
        return (
            self.via == {"order"}
            and self.source.certain
            and self.sink.certain
            and not (self.unless or self.tests or self.where)
        )

    def watches(self, event: Event, /) -> bool:
        """Tell whether the flow may begin or end at the event: spans come in any order."""
        return self.sink.takes(event) or self.source.takes(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run; work is linear in its events and their texts."""
        if self.through is not None:
            yield from self._across(view, self.through)
            return
        sinks = taken(view, self.sink)
        sources = taken(view, self.source) if sinks else ()
        if not sources or sources[0] >= sinks[-1]:
            return
        told = False
        reported: set[int] = set()
        keeping = bool(self.tests) and any(keeps(test) for test in self.tests)
        for judge in _judges(self.via):
            for finding, value in judge(self, view):
                sink = finding.evidence[-1].event
                if sink in reported and not keeping:
                    continue
                if self._stands(view, finding, value) and sink not in reported:
                    reported.add(sink)
                    told = True
                    yield finding
        needs = () if told else self._lacks(view)
        if needs:
            yield NotEvaluable(self.id, needs)

    def _across(self, view: RunView, through: Through) -> Iterator[Finding | NotEvaluable]:
        """Judge what other runs have left for this one, and keep what it leaves for others."""
        if view.state is None:
            yield NotEvaluable(self.id, ("state",))
            return
        topic = f"{view.policy}/{self.id}"
        between = [index for index in taken(view, through.selector) if through.selector.fits(view, index)]
        sinks = [i for i in taken(view, self.sink) if i not in between and self.sink.fits(view, i)] if between else []
        reported: set[int] = set()
        needs: set[str] = set()
        for taken_value in taken_out(view, view.state, topic, through, between, sinks):
            if taken_value is None:
                needs.add("history")
                continue
            value = taken_value.value
            if self.comparison is not None:
                meant = self.comparison.holds(view, taken_value, through.owner(view, value.sink))
                needs.update(self.comparison.names if meant is None else ())
                if not meant:
                    continue
            found = _shared(self, view, value, f"{_named(view, value.source)}, where another run had left it")
            if self._stands(view, found, value.value) and value.sink not in reported:
                reported.add(value.sink)
                yield found
        sources = [i for i in taken(view, self.source) if self.source.fits(view, i)] if between else []
        keep(view, view.state, topic, through, sources, between)
        if needs:
            yield NotEvaluable(self.id, tuple(sorted(needs)))

    def _stands(self, view: RunView, finding: Finding, value: str) -> bool:
        """Tell whether `where` holds and no condition takes the finding back."""
        source, sink = finding.evidence[0].event, finding.evidence[-1].event
        bound, facts = {"from": source, "to": sink}, {"value": value}
        if self.where is not None and not self.where.holds(view, sink, bound, facts):
            return False
        return not excused(view, self.tests, sink, bound, facts, told=self.told)

    def _lacks(self, view: RunView) -> tuple[str, ...]:
        """Return what the rule needed to see and the run does not carry: nothing where no call could break it."""
        if self.via == {"order"} and not self.source.carries and not self.source.finds:
            return ()
        sinks, sources = taken(view, self.sink), taken(view, self.source)
        lacking = []
        if self.via != {"order"} and not captured(view, sinks, "arguments"):
            lacking.append("arguments")
        if not captured(view, sources[: bisect.bisect_left(sources, sinks[-1])], "result"):
            lacking.append("results")
        return tuple(lacking)

    def finding(self, view: RunView, source: Evidence, sink: Evidence, message: str, subject: str) -> Finding:
        """Return the finding on a sink."""
        bound = {"from": source.event, "to": sink.event}
        facts = {"value": sink.text}
        return self.spec.finding(view, message, (source, sink), bound=bound, facts=facts, subject=subject)


@functools.cache
def _judges(via: frozenset[str]) -> tuple[_Judge, ...]:
    """Return what looks for flows of these kinds, in the order in which they are told."""
    kinds = {"span" if name in _SPAN_KINDS else name for name in via}
    return tuple(judge for kind, judge in _JUDGES.items() if kind in kinds)


_SPAN_KINDS = frozenset(["span", "action", "echo"])


def _by_span(rule: Flow, view: RunView) -> Iterator[tuple[Finding, str]]:
    known = provenance(view)
    if not known.steps:
        return
    origins = known.origins()
    if "echo" in rule.via:
        origins = sorted([*origins, *echoed(view)], key=lambda origin: origin.sink)
    for origin in origins:
        kind = "echo" if origin.tie == "echo" else "span" if origin.proven else "action"
        event = view.events[origin.sink]
        if kind not in rule.via or not rule.sink.takes(event) or not rule.source.takes(view.events[origin.block.event]):
            continue
        if rule.sink.outcomes and origin.outcome not in rule.sink.outcomes:
            continue
        if not rule.source.admits(view, origin.block.event) or not rule.sink.admits(view, origin.sink):
            continue
        source = Evidence(origin.block.event, "source", field=origin.block.field, text=excerpt(origin.block.text))
        sink = Evidence(origin.sink, "sink", field=origin.field, text=excerpt(origin.value, 120))
        yield rule.finding(view, source, sink, _told(view, origin), ""), origin.value


def _told(view: RunView, origin: Origin) -> str:
    """Say what happened; the words themselves stay in the evidence, which exporters redact."""
    came = f"the text of {_named(view, origin.block.event)} that reads like an instruction"
    match origin.tie:
        case "action":
            how = f"did what {came} asks for, and the user did not ask for it"
        case "words":
            how = f"repeats the wording of {came}"
        case "lookup":
            how = f"has a value in {origin.field} that was looked up because of {came}"
        case "echo":
            how = f"carries out a sentence in {_named(view, origin.block.event)} that the user did not ask for"
        case _:
            how = f"has a value in {origin.field} that only {came} mentions"
    ending = "" if origin.outcome == "done" else f"; the call {_ENDINGS[origin.outcome]}"
    return f"{view.events[origin.sink].tool} {how}{ending}."


_ENDINGS = {"pending": "was left waiting for a confirmation", "failed": "failed"}


def _by_value(rule: Flow, view: RunView) -> Iterator[tuple[Finding, str]]:
    if not rule.source.finds:
        yield from _by_any_value(rule, view)
        return
    sinks = rule.sink.admitted(view, taken(view, rule.sink))
    before = [index for index in taken(view, rule.source) if sinks and index < sinks[-1]]
    sources = rule.source.admitted(view, before)
    found = [item for index in sources for item in sensitive_in(view, "result", index, rule.source.finds)]
    found = [item for item in found if len(item.value) >= _MIN_VALUE]
    values: dict[str, Sensitive] = {}
    for item in found:
        if len(values) < MAX_VALUES:
            values.setdefault(item.value, item)
    if not values:
        return
    said = "\n".join(_said(view)) if "user_said" in rule.unless else ""
    spelled = {value: spellings(value) for value in values if not (said and value in said)}
    for index in sinks:
        event = view.events[index]
        if not rule.sink.ended(view, index):
            continue
        texts = leaves(view.contents.body(index).arguments, "arguments")
        for item in values.values():
            if item.event >= index or item.value not in spelled:
                continue
            for leaf in texts:
                encoding = next((name for name, form in spelled[item.value] if form in leaf.text), None)
                if encoding:
                    shown = masked(item.value)
                    how = "" if encoding == "plain" else f", spelled in {encoding}"
                    source = Evidence(item.event, "source", field=item.field, text=f"{item.kind} {shown}")
                    sink = Evidence(index, "sink", field=leaf.field, text=shown)
                    message = f"{event.tool} sends out what {_named(view, item.event)} returned: {item.kind}{how}."
                    yield rule.finding(view, source, sink, message, masked(item.value)), item.value
                    break
            else:
                continue
            break


def _by_any_value(rule: Flow, view: RunView) -> Iterator[tuple[Finding, str]]:
    sinks = [index for index in taken(view, rule.sink) if rule.sink.fits(view, index)]
    sources = [index for index in taken(view, rule.source) if rule.source.fits(view, index)]
    said = "\n".join(_said(view)) if "user_said" in rule.unless else ""
    for echo in shared_values(view, sources, sinks, rule.sink.arguments):
        if said and echo.value in said:
            continue
        yield _shared(rule, view, echo, _named(view, echo.source)), echo.value


def _shared(rule: Flow, view: RunView, found: SharedValue, came: str) -> Finding:
    source = Evidence(found.source, "source", field=found.source_field, text=excerpt(found.value, 120))
    sink = Evidence(found.sink, "sink", field=found.sink_field, text=excerpt(found.value, 120))
    message = f"{view.events[found.sink].tool} has a value in {found.sink_field} from {came}."
    return rule.finding(view, source, sink, message, "")


def _said(view: RunView) -> Iterator[str]:
    for index, event in enumerate(view.events):
        if event.kind == "message" and event.role in ("user", "system"):
            yield (view.contents.body(index).text or "")[: 64 * 1024]


def _by_order(rule: Flow, view: RunView) -> Iterator[tuple[Finding, str]]:
    wanted = _sources_by_content(rule, view)
    first: int | None = None
    for index, event in enumerate(view.events):
        if first is not None and rule.sink.fits(view, index):
            if "content_captured" in rule.unless and _captured(view, first, index):
                continue
            field = None if wanted is None else "result"
            source = Evidence(first, "source", field=field, text=_target(view, first))
            sink = Evidence(index, "sink", text=_target(view, index))
            message = f"{event.tool or event.kind} came after {_named(view, first)}."
            yield rule.finding(view, source, sink, message, ""), ""
        meant = first is None and rule.source.takes(event) and (wanted is None or index in wanted)
        if meant and rule.source.admits(view, index):
            first = index


def _sources_by_content(rule: Flow, view: RunView) -> set[int] | None:
    """Return the events that carry what the source must carry, None where content does not matter."""
    if not rule.source.carries and not rule.source.finds:
        return None
    found = {item.event for item in sensitive(view, "result") if item.category in rule.source.finds}
    if rule.source.carries:
        found |= {block.event for block in provenance(view).blocks if block.strong}
    return found


def _captured(view: RunView, source: int, sink: int) -> bool:
    return view.contents.body(source).result is not None and view.contents.body(sink).arguments is not None


def _target(view: RunView, index: int) -> str | None:
    target = next((effect.target for effect in view.events[index].effects if effect.target), None)
    return excerpt(target) if target else None


def _named(view: RunView, index: int) -> str:
    event = view.events[index]
    return f"{event.tool or event.kind} (event {index})"


_JUDGES: dict[str, _Judge] = {"span": _by_span, "value": _by_value, "order": _by_order}


def compile_flow(spec: RuleSpec) -> Rule:
    """Compile the body of a `flow` rule. Raises PolicyError with file and line."""
    keys = spec.body.mapping(FLOW_KEYS)
    for required in ("from", "to", "via"):
        if required not in keys:
            spec.fail("", f"a flow needs {required!r}")
    words = spec.vocabulary
    source = read_selector(keys["from"], _FROM_KEYS, words)
    sink = read_selector(keys["to"], _TO_KEYS, words)
    spec.quotes(("from", "to"), ("value",))
    via_field = keys["via"]
    via = frozenset(name.choice(VIA) for name in (via_field.entries() if via_field.is_list else [via_field]))
    entries = keys["unless"].entries() if "unless" in keys else []
    plain = [entry for entry in entries if entry.text().isidentifier() and entry.choice(UNLESS)]
    names = ("from", "to", "value")
    tests = tuple(test for e in entries if e not in plain for test in compile_excuse(e, words, names))
    told = tuple(unmet_by(entry, _STANDS[entry.text()]) for entry in plain)
    if not via:
        via_field.fail("must not be empty")
    if via & {"span", "action"} and not source.carries:
        keys["from"].fail("a flow via span or action needs 'carries: instruction' here")
    if sink.arguments and ("value" not in via or source.finds):
        keys["to"].fail("'arg' goes with a flow via value without 'finds'")
    through = _through(keys["through"], spec) if "through" in keys else None
    if through is not None and (via != {"value"} or source.finds or plain):
        keys["through"].fail("goes with 'via: value' without 'finds', and with conditions in 'unless' only")
    where, comparison = None, None
    if "where" in keys and through is None:
        where = compile_test(keys["where"], words, names)
    elif "where" in keys and through is not None:
        comparison = compile_comparison(keys["where"], words)
        through = msgspec.structs.replace(through, facts=comparison.facts)
    unless = frozenset(entry.text() for entry in plain)
    return Flow(spec, source, sink, via, unless, tests, told, where, through, comparison)


def _through(place: Field, spec: RuleSpec) -> Through:
    keys = place.mapping()
    if "within" not in keys:
        place.fail("'through' needs 'within', the time in which values are followed")
    rest = {key: field.node for key, field in keys.items() if key != "within"}
    selector = read_selector(Field(place.source, place.key, Node(rest, place.line)), _FROM_KEYS, spec.vocabulary)
    return Through(selector, int(seconds(keys["within"]) * 1e9))
