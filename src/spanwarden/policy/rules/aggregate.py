"""The rule family `aggregate`: how many, how many different, how much, how fast.

```yaml
aggregate: {of: private, op: distinct, field: args.customer_id, by: [agent, user], over: 24h, gt: 200}
```

`over` is the run, the conversation, or a time: then everything of the same `by` in all runs counts that was in the time
before an event, and the limit may follow what was usual. One finding a run and group, as soon as the limit is passed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field
from spanwarden.policy.grammar import DURATION, LENGTH, ByForm, Key, ListOf, Number, Shape, Text, seconds
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.baselines import History, Limit, read_limit
from spanwarden.policy.rules.counting import MAX_EVIDENCE
from spanwarden.policy.rules.fields import MISSING, Path, read_path
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.rules.tallies import Op, Placed, Standing, standings
from spanwarden.policy.shapes import SELECTOR, SELECTOR_KEYS
from spanwarden.policy.state import Sample

OPS: tuple[Op, ...] = ("count", "distinct", "sum", "rate")
MAX_GROUPS = 10_000
BOUNDS = ("gt", "gte", "lt")
_NOTHING = Content()
_LIMIT = ByForm(number=Number(), text=Text())
_OVER = Text(pattern=f"^(run|conversation|{DURATION.strip('^$')})$", form="run, conversation or a duration such as 1h")
SHAPE = Shape(
    "aggregate",
    {
        "of": Key(SELECTOR, "The events that count."),
        "op": Key(Text(choices=OPS), "What is made of them.", required=True),
        "field": Key(Text(), "With `distinct` and `sum`: the fact that is counted or added up."),
        "by": Key(ListOf(Text(), most=10, least=1), "Facts that make groups, each judged on its own."),
        "over": Key(_OVER, "`run` (the default), `conversation`, or the time in which other runs count, too."),
        "per": Key(LENGTH, "With `rate`: the time in which events are counted; one minute where absent."),
        "gt": Key(_LIMIT, "More than this is a finding: a number, or `max(200, 4 * baseline('p95', '14d'))`."),
        "gte": Key(_LIMIT, "This much is a finding."),
        "lt": Key(Number(), "Less than this is a finding, once the run is over."),
    },
    one_of=BOUNDS,
    noun="an aggregate",
)


class Aggregate(msgspec.Struct, frozen=True):
    """A compiled aggregate rule. `window` is in ns: of other runs with `shared`, of a rate with op "rate"."""

    spec: RuleSpec
    of: Selector
    op: Op
    field: Path | None
    by: tuple[Path, ...]
    over: str
    window: int
    bound: str
    limit: Limit

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    @property
    def shared(self) -> bool:
        """Return whether other runs count."""
        return self.over not in ("run", "conversation")

    @property
    def early(self) -> bool:
        """Return whether more events can only make it worse, and nothing but the events of the run counts."""
        plain = self.over == "run" and self.bound != "lt" and not self.by and self.op in ("count", "sum")
        costs = self.field is None or self.field.name in ("cost", "tokens", "input_tokens", "output_tokens")
        return plain and costs and self.of.certain

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event counts."""
        return self.of.takes(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run, in one pass over its events and those of other runs that count."""
        needs: set[str] = set()
        groups = self._groups(view, needs)
        if len(groups) > MAX_GROUPS:
            raise GroupLimitError(f"more than {MAX_GROUPS} groups")
        if not self.by:
            groups.setdefault((), [])
        for key, found in groups.items():
            passed = self._passed(view, key, found, needs)
            if passed is not None:
                yield self._finding(view, key, *passed)
        if needs:
            yield NotEvaluable(self.id, tuple(sorted(needs)))

    def _groups(self, view: RunView, needs: set[str]) -> dict[tuple[str, ...], list[Placed]]:
        """Return the samples of each group with their events; -1 is an event of an earlier run."""
        groups: dict[tuple[str, ...], list[Placed]] = {}
        if self.over == "conversation":
            if view.earlier is None:
                needs.add("history")
            for run in view.earlier or ():
                self._add(RunView(run, _NoContents()), groups, needs, own=False)
        self._add(view, groups, needs, own=True)
        return groups

    def _add(
        self,
        view: RunView,
        groups: dict[tuple[str, ...], list[Placed]],
        needs: set[str],
        *,
        own: bool,
    ) -> None:
        timed = self.shared or self.op == "rate"
        for index, event in enumerate(view.events):
            if not self.of.fits(view, index):
                continue
            time = event.start or event.end
            if timed and not time:
                needs.add("times")
                continue
            key = tuple(_text(fact(view, index)) for fact in self.by)
            sample = self._sample(view, index, time, needs)
            if sample is not None:
                groups.setdefault(key, []).append((index if own else -1, sample))

    def _sample(self, view: RunView, index: int, time: int, needs: set[str]) -> Sample | None:
        if self.field is None:
            return Sample(time)
        value = self.field(view, index)
        if value is MISSING:
            lacking = self.field.lacks(view, index)
            if lacking:
                needs.add(lacking)
            return None
        if self.op == "distinct":
            digest = hashlib.blake2b(_text(value).encode("utf-8", "surrogatepass"), digest_size=8)
            return Sample(time, item=digest.hexdigest())
        number = _number(value)
        return None if number is None else Sample(time, number)

    def _passed(
        self, view: RunView, key: tuple[str, ...], found: list[Placed], needs: set[str]
    ) -> tuple[float, list[int], float] | None:
        """Return the value that passed the limit, the events of this run up to there, and the limit."""
        if not (self.shared or self.op == "rate"):
            return self._walk(found, 0, self.limit.floor)
        found.sort(key=lambda each: each[1].time)
        if not (self.shared and found):
            return self._walk(found, self.window, self.limit.floor)
        first = found[0][1].time
        others = self._others(view, key, found)
        if others is None:
            needs.add("history")
        else:
            found = sorted([*((-1, sample) for sample in others), *found], key=lambda each: each[1].time)
        if view.state is None or not self.limit.baselines:
            return self._walk(found, self.window, self.limit.floor)
        history = History(view.state, f"{view.policy}/{self.id}/usual", key, view.run.id)
        return self._unusual(history, found, first - self.window, needs, whole=others is not None)

    def _unusual(
        self, history: History, found: list[Placed], until: int, needs: set[str], *, whole: bool
    ) -> tuple[float, list[int], float] | None:
        """Return what passed the limit by what was usual up to a time; keep what this run came to if nothing did.

        What broke the limit must not become usual, or whoever goes slowly enough is never found.
        """
        limit = self.limit.value(history, self.window, until)
        passed = self._walk(found, self.window, self.limit.floor if limit is None else limit)
        peak = self._peak(found) if whole and (passed is None or limit is None) else None
        history.state.observe(history.topic, history.key, history.run, (peak,) if peak is not None else ())
        if passed is not None and limit is None:
            needs.add("history")
            return None
        return passed

    def _peak(self, found: Sequence[Placed]) -> Sample | None:
        """Return the most that there was at an event of this run, and when."""
        own = (each for each in standings(found, self.op, self.window) if each.event >= 0)
        most = max(((each.value, -each.time) for each in own), default=None)
        return None if most is None else Sample(-most[1], most[0])

    def _others(self, view: RunView, key: tuple[str, ...], found: list[Placed]) -> Sequence[Sample] | None:
        if view.state is None:
            return None
        topic = f"{view.policy}/{self.id}"
        view.state.observe(topic, key, view.run.id, [sample for _, sample in found])
        since = found[0][1].time - self.window
        return view.state.others(topic, key, view.run.id, since, found[-1][1].time)

    def _walk(self, found: Sequence[Placed], window: int, limit: float) -> tuple[float, list[int], float] | None:
        """Return the value and events where the limit is passed; only an event of this run can pass it."""
        last = Standing(-1, 0, 0.0, ())
        for last in standings(found, self.op, window):
            if self.bound != "lt" and last.event >= 0 and self._beyond(last.value, limit):
                return last.value, [place for place, _ in last.inside if place >= 0], limit
        if self.bound == "lt" and last.value < limit:
            return last.value, [place for place, _ in last.inside if place >= 0], limit
        return None

    def _beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.bound == "gt" else value >= limit

    def _finding(self, view: RunView, key: tuple[str, ...], value: float, places: list[int], limit: float) -> Finding:
        groups = dict(zip((fact.name for fact in self.by), key, strict=True))
        of = f" for {', '.join(f'{name} {part}' for name, part in groups.items())}"[:200] if groups else ""
        what = {"count": "events", "distinct": f"different {self._name()}", "sum": self._name(), "rate": "events"}
        window = f" within {self.over}" if self.shared else " in a row" if self.op == "rate" else ""
        word = {"gt": "the limit is", "gte": "the limit is", "lt": "at least needed:"}[self.bound]
        usual = f", by {self.limit.text[:200]}" if self.limit.text else ""
        message = f"{value:g} {what[self.op]}{window}{of}; {word} {limit:g}{usual}."
        facts: dict[str, object] = {
            "value": _short(value),
            "count": _short(value),
            "limit": _short(limit),
            **groups,
        }
        facts = {name: part for name, part in facts.items() if "." not in name}
        evidence = tuple(Evidence(place) for place in places[-MAX_EVIDENCE:])
        bound = {"to": places[-1]} if places else {}
        found = self.spec.finding(view, message, evidence, bound=bound, facts=facts, subject="\x1f".join(key))
        return msgspec.structs.replace(found, turn=view.events[places[-1]].turn if places else None)

    def _name(self) -> str:
        return self.field.name if self.field is not None else "events"


class GroupLimitError(Exception):
    """A run falls into more groups than a rule may keep in mind."""


class _NoContents:
    """The content of an earlier run, which is gone."""

    def __getitem__(self, index: int) -> Content:
        return _NOTHING

    def body(self, index: int) -> Content:
        return _NOTHING

    def __iter__(self) -> Iterator[Content]:
        return iter(())


def _short(value: float) -> float:
    return int(value) if value == int(value) else round(value, 6)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    return "" if value is MISSING else str(value)[:4_096]


def compile_aggregate(spec: RuleSpec) -> Rule:
    """Compile the body of an `aggregate` rule. Raises PolicyError with file and line."""
    keys = SHAPE.fields(spec.body)
    op = cast("Op", keys["op"].text())
    if ("field" in keys) != (op in ("distinct", "sum")):
        spec.fail("field" if "field" in keys else "", "'field' goes with distinct and sum, which need it")
    over = keys["over"].text() if "over" in keys else "run"
    if "per" in keys and op != "rate":
        keys["per"].fail("goes with 'op: rate'")
    if op == "rate" and over != "run":
        keys["over"].fail("a rate is over the run; over a time, say 'op: count'")
    bound = next(name for name in BOUNDS if name in keys)
    if bound == "lt" and over != "run":
        keys["lt"].fail("can be said of a run only: other runs may still come")
    limit = read_limit(keys[bound]) if bound != "lt" else Limit(keys[bound].number())
    if limit.baselines and over in ("run", "conversation"):
        keys[bound].fail("a baseline needs a time in 'over', such as 24h")
    window = _window(keys, op, over)
    if any(baseline.span < window for baseline in limit.baselines):
        keys[bound].fail(f"the time of a baseline is shorter than 'over: {over}'")
    by = tuple(read_path(entry) for entry in keys["by"].entries()) if "by" in keys else ()
    spec.quotes(("to",), ("value", "count", "limit", *(fact.name for fact in by)))
    return Aggregate(
        spec,
        read_selector(keys["of"], SELECTOR_KEYS.keys() - {"arg"}, spec.vocabulary) if "of" in keys else Selector(),
        op,
        read_path(keys["field"]) if "field" in keys else None,
        by,
        over,
        window,
        bound,
        limit,
    )


def _window(keys: dict[str, Field], op: Op, over: str) -> int:
    if op == "rate":
        return int(seconds(keys["per"]) * 1e9) if "per" in keys else 60 * 10**9
    return 0 if over in ("run", "conversation") else int(seconds(keys["over"]) * 1e9)
