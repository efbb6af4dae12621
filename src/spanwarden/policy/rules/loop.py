"""The rule family `loop`: the same thing again and again.

```yaml
loop: {of: {kind: tool_call}, same: [tool, "args~0.9"], times: 5, no_progress: result, within: 10m}
```

Events are the same where every fact in `same` is; `fact~0.9` is content of which nine words in ten are alike. With
`no_progress: result` only events in a row that also returned the same count. One finding for each such row.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from spanwarden.detectors.texts import leaves
from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding, NotEvaluable
from spanwarden.policy.document import Field
from spanwarden.policy.grammar import LENGTH, Key, ListOf, Number, Shape, Text, seconds
from spanwarden.policy.rules.base import Rule, RunView
from spanwarden.policy.rules.counting import MAX_EVIDENCE
from spanwarden.policy.rules.fields import MISSING, Path, path_of
from spanwarden.policy.rules.selectors import Selector, read_selector
from spanwarden.policy.rules.spec import RuleSpec
from spanwarden.policy.shapes import SELECTOR, SELECTOR_KEYS

MAX_KINDS = 8
"""Kinds of nearly the same content that are kept apart for one set of equal facts; the oldest goes first."""
MAX_TEXT = 4_096
SHAPE = Shape(
    "loop",
    {
        "of": Key(SELECTOR, "The events that count."),
        "same": Key(ListOf(Text(), most=20, least=1), "The facts that must be alike.", required=True),
        "times": Key(Number(2, 10_000, whole=True), "How often is too often.", required=True),
        "no_progress": Key(Text(choices=("result",)), "Only events that returned the same in a row count."),
        "within": Key(LENGTH, "The time in which they must be."),
    },
    noun="a loop",
)
Words = frozenset[str]
_WORD = re.compile(r"\w+")


class Alike(NamedTuple):
    """A fact that must be alike, and how much of it (0 to 1) where not all."""

    fact: Path
    share: float | None


class Loop(msgspec.Struct, frozen=True):
    """A compiled loop rule."""

    spec: RuleSpec
    of: Selector
    same: tuple[Alike, ...]
    times: int
    no_progress: bool
    within: int
    """In ns, 0 without a limit."""

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.spec.id

    @property
    def early(self) -> bool:
        """Return whether the count alone breaks it: a call that comes between may be progress."""
        facts = all(alike.share is None for alike in self.same)
        return facts and self.of.certain and not self.no_progress and not self.within

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event counts."""
        return self.of.takes(event)

    def evaluate(self, view: RunView, /) -> Iterator[Finding | NotEvaluable]:
        """Judge one run, in one pass."""
        groups: dict[str, _Group] = {}
        needs: set[str] = set()
        for index in range(len(view.events)):
            if not self.of.fits(view, index):
                continue
            exact, near = self._facts(view, index, needs)
            if exact is None:
                continue
            kind = groups.setdefault(exact, _Group()).kind(near, self.same)
            row = self._row(kind, view, index, needs)
            if row is not None:
                yield self._finding(view, row, f"{exact}#{kind.number}#{kind.told}")
        if needs:
            yield NotEvaluable(self.id, tuple(sorted(needs)))

    def _facts(self, view: RunView, index: int, needs: set[str]) -> tuple[str | None, list[Words]]:
        exact, near = hashlib.blake2b(digest_size=12), []
        for fact, share in self.same:
            value = fact(view, index)
            if value is MISSING:
                if fact.needs:
                    lacking = fact.lacks(view, index)
                    needs.update((lacking,) if lacking else ())
                    return None, []
                value = None
            if share is None:
                exact.update(_written(value))
            else:
                near.append(_words(value))
        return exact.hexdigest(), near

    def _row(self, kind: _Kind, view: RunView, index: int, needs: set[str]) -> list[int] | None:
        """Take an event into its row; return the row where it has become too long just now."""
        if self.no_progress:
            content = view.content(index)
            if content.result is None and content.error is None:
                needs.add("results")
                return None
            outcome = hashlib.blake2b(_written([content.result, content.error]), digest_size=12).hexdigest()
            if outcome != kind.outcome:
                kind.start_over(outcome)
        if self.within:
            now = view.events[index].start or view.events[index].end
            if not now:
                needs.add("times")
                return None
            while kind.row and now - (view.events[kind.row[0]].start or view.events[kind.row[0]].end) > self.within:
                kind.row.popleft()
        kind.row.append(index)
        if len(kind.row) > self.times:
            kind.row.popleft()
        if len(kind.row) < self.times or kind.is_told:
            return None
        kind.is_told = True
        kind.told += 1
        return list(kind.row)

    def _finding(self, view: RunView, row: list[int], subject: str) -> Finding:
        event = view.events[row[-1]]
        evidence = tuple(Evidence(index) for index in row[:MAX_EVIDENCE])
        same = " and the same result" if self.no_progress else ""
        message = f"{event.tool or event.kind} was called {self.times} times with the same {self._named()}{same}."
        facts = {"count": len(row)}
        found = self.spec.finding(view, message, evidence, bound={"to": row[-1]}, facts=facts, subject=subject)
        return msgspec.structs.replace(found, turn=event.turn)

    def _named(self) -> str:
        return ", ".join(alike.fact.name for alike in self.same)


class _Kind:
    """Events that are the same: those of the row that is going on."""

    __slots__ = ("is_told", "near", "number", "outcome", "row", "told")

    def __init__(self, number: int, near: list[Words]) -> None:
        self.number = number
        self.near = near
        self.row: deque[int] = deque()
        self.outcome = ""
        self.is_told = False
        self.told = 0

    def start_over(self, outcome: str) -> None:
        self.row.clear()
        self.outcome = outcome
        self.is_told = False


class _Group:
    """Events whose exact facts are the same, by what is nearly the same."""

    __slots__ = ("_count", "_kinds")

    def __init__(self) -> None:
        self._kinds: deque[_Kind] = deque(maxlen=MAX_KINDS)
        self._count = 0

    def kind(self, near: list[Words], same: tuple[Alike, ...]) -> _Kind:
        shares = [alike.share for alike in same if alike.share is not None]
        for kind in self._kinds:
            if all(_share(a, b) >= share for a, b, share in zip(kind.near, near, shares, strict=True)):
                return kind
        self._count += 1
        self._kinds.append(_Kind(self._count, near))
        return self._kinds[-1]


def _written(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text.encode("utf-8", "surrogatepass") + b"\x00"


def _words(value: Any) -> Words:
    """Return the words of a value with the fields that they are in; one that comes again is numbered."""
    found: Counter[str] = Counter()
    left = MAX_TEXT
    for leaf in leaves(value, ""):
        text = leaf.text[:left]
        left -= len(text)
        found.update(f"{leaf.field} {word}" for word in _WORD.findall(text.lower()))
        if left <= 0:
            break
    again = (f"{word} {number}" for word, count in found.items() if count > 1 for number in range(1, count))
    return frozenset(found).union(again)


def _share(first: Words, second: Words) -> float:
    whole = len(first) + len(second)
    return 2 * len(first & second) / whole if whole else 1.0


def compile_loop(spec: RuleSpec) -> Rule:
    """Compile the body of a `loop` rule. Raises PolicyError with file and line."""
    keys = SHAPE.fields(spec.body)
    spec.quotes(("to",), ("count",))
    return Loop(
        spec,
        read_selector(keys["of"], SELECTOR_KEYS.keys() - {"arg"}, spec.vocabulary) if "of" in keys else Selector(),
        tuple(_alike(entry) for entry in keys["same"].entries()),
        int(keys["times"].number()),
        "no_progress" in keys,
        int(seconds(keys["within"]) * 1e9) if "within" in keys else 0,
    )


def _alike(entry: Field) -> Alike:
    name, mark, share = entry.text().partition("~")
    if not mark:
        return Alike(path_of(entry, name), None)
    try:
        number = float(share)
    except ValueError:
        number = 0.0
    if not 0.5 <= number < 1:
        entry.fail(f"{entry.text()[:60]!r}: after '~' comes a number from 0.5 to below 1, such as args~0.9")
    return Alike(path_of(entry, name), number)
