"""Where the values of a call came from: typed by the user, read in ordinary content, or out of an injected block.

One `Provenance` is built for a run and asked for each of its calls. Work is linear in the run's text: every text is
scanned and spelled out once, and the number of values that are looked up is capped.
"""

from __future__ import annotations

import bisect
import functools
from collections import deque
from collections.abc import Container, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from spanwarden.detectors.actions import Deed, asked, deed, named_in, names, speaks_of, split_name
from spanwarden.detectors.instructions import THRESHOLD, find_instructions
from spanwarden.detectors.occurrences import Occurrences
from spanwarden.detectors.outcomes import Outcome, outcome
from spanwarden.detectors.texts import Leaf, leaves, pieces
from spanwarden.detectors.wording import addressed, canonical, host, particular, stem, stems

Tie = Literal["value", "phrase", "words", "lookup", "order", "action", "echo"]
"""How a call is tied to a block.

value: something particular that only the block names. phrase: a whole argument or a run of words of it. words: several
of its content words. lookup: a value that a call brought back which the block led to. order: its act with a small
argument of it (a number, a date). action: its act alone, which the user did not ask for. echo: see `echoes`.
"""
MAX_BLOCKS = 64
"""Of more blocks, the last before a call are considered."""
MAX_WAIT = 400
"""Events after a call that waits for a confirmation in which the confirmation is looked for."""
MAX_RUNS = 2_000
_PHRASE = 5
_MAX_PHRASE = 24
_MAX_WHOLE = 40
_MIN_WORDS = 4
_AMOUNTS = frozenset(["amount", "total", "sum", "value", "price"])
_PROVING = frozenset(["value", "phrase", "lookup", "order"])
_BODIES = ("body", "content", "message", "text")
_GIVING = frozenset(["run", "send", "post", "enter", "upload", "pay", "push", "give", "invite"])
_LOOKING = frozenset(["visit"])
_VERIFYING = frozenset(["verify", "login"])


class Step(Protocol):
    """One event as provenance sees it. What it asks for late may be loaded late: results at once, words when needed."""

    @property
    def tool(self) -> str | None:
        """Return the tool that was called, None for what is no call."""
        ...

    @property
    def by_user(self) -> bool:
        """Tell whether these are words of the user."""
        ...

    @property
    def said(self) -> str | None:
        """Return words of the user or the system."""
        ...

    @property
    def arguments(self) -> Any:
        """Return what the tool was called with."""
        ...

    @property
    def result(self) -> Any:
        """Return what came back."""
        ...

    @property
    def error(self) -> str | None:
        """Return the error of a call that failed."""
        ...


class HeldStep(NamedTuple):
    """A step in memory."""

    said: str | None = None
    tool: str | None = None
    arguments: Any = None
    result: Any = None
    error: str | None = None
    by_user: bool = False


class Block(NamedTuple):
    """Instruction-like text in a result."""

    event: int
    field: str
    text: str
    spelled: str
    stems: set[str]
    families: tuple[str, ...]
    score: int

    @property
    def strong(self) -> bool:
        """Whether it counts as an instruction by itself."""
        return self.score >= THRESHOLD


class Origin(NamedTuple):
    """A call that does what a block says: how it is tied to it and by which argument."""

    sink: int
    block: Block
    tie: Tie
    field: str
    value: str
    outcome: Outcome = "done"
    agreed: bool = False
    """Whether the block speaks of the act that the call is."""

    @property
    def proven(self) -> bool:
        """Whether the call did what the block orders with what the block gave it, not merely something like it."""
        return self.agreed and self.tie in _PROVING


class Provenance:
    """The texts of one run by where they came from."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.truncated = False
        self.scanned = 0
        """Characters looked at so far."""
        self.blocks: list[Block] = []
        self._outside: dict[int, list[tuple[Leaf, list[tuple[int, int]]]]] = {}
        self._occurrences = Occurrences()
        self._led: dict[int, Block] = {}
        self._latest: deque[tuple[int, Block]] = deque(maxlen=MAX_BLOCKS)
        self._brought: dict[int, set[str]] = {}
        for index, step in enumerate(steps):
            if step.tool is not None and (result := step.result) is not None:
                self._scan(index, result)
        self._strong = [block for block in self.blocks if block.strong]
        self._first = self._strong[0].event if self._strong else len(steps)
        self._block_events = [block.event for block in self._strong]
        self._block_tokens = {token for block in self._strong for token in block.spelled.split()}
        self._block_runs = {run for block in self._strong for run in runs(block.spelled.partition("|")[0].split())}
        self._origins: list[Origin] | None = None
        self._said_stems: list[set[str]] = [set()]
        self._arguments: dict[int, list[tuple[str, str]]] = {}

    @functools.cached_property
    def _tools_before(self) -> set[str | None]:
        return {step.tool for step in self.steps[: self._first]}

    @functools.cached_property
    def _by_user(self) -> list[int]:
        return [index for index, step in enumerate(self.steps) if step.by_user and step.tool is None]

    def _scan(self, index: int, result: Any) -> None:
        rest = self._outside.setdefault(index, [])
        for leaf in leaves(result, "result"):
            self.scanned += len(leaf.text)
            found = find_instructions(leaf.text, threshold=1)
            self.truncated |= found.truncated
            rest.append((leaf, [(span.start, span.end) for span in found.spans if span.score >= THRESHOLD]))
            for span in found.spans:
                text = span.decoded or leaf.text[span.start : span.end]
                spelled = canonical(text)
                self.blocks.append(Block(index, leaf.field, text, spelled, stems(spelled), span.families, span.score))

    def origins(self) -> list[Origin]:
        """Return the calls that do what a block before them says, in order, each tied to the block it fits best."""
        if self._origins is None:
            self._origins = []
            for index in range(self._first + 1, len(self.steps)):
                tool = self.steps[index].tool
                origin = self._trace(index, deed(tool)) if tool is not None else None
                if origin is not None:
                    self._led[index] = origin.block
                    self._latest.append((index, origin.block))
                    if deed(tool or "").manner == "act" or deed(tool or "").outward:
                        self._origins.append(origin)
            self._origins = [self.finished(origin) for origin in self._origins]
        return self._origins

    def any_block(self, event: int) -> bool:
        """Tell whether an event has any block, however weak its cues."""
        at = bisect.bisect_left(self.blocks, event, key=_event)
        return at < len(self.blocks) and self.blocks[at].event == event

    def weak_block(self, event: int, text: str) -> Block | None:
        """Return the block of an event whose text overlaps this one, however weak its cues."""
        start = bisect.bisect_left(self.blocks, event, key=_event)
        stop = bisect.bisect_right(self.blocks, event, key=_event)
        near = self.blocks[start : min(stop, start + MAX_BLOCKS)]
        return next((block for block in near if text.strip() in block.text or block.text in text), None)

    def outside(self, event: int) -> list[tuple[str, str]]:
        """Return the texts of a result that stand outside instruction blocks, each with the name of its place."""
        places = self._outside.get(event, ())
        return [(leaf.field, text) for leaf, spans in places for text in _around(leaf.text, spans)]

    def _trace(self, index: int, what: Deed) -> Origin | None:
        stop = bisect.bisect_left(self._block_events, index)
        blocks = self._strong[max(0, stop - MAX_BLOCKS) : stop][::-1]
        arguments = self.arguments(index)
        for field, spelled in arguments:
            hits = candidates(spelled, self._block_tokens, self._block_runs)
            for block in blocks if hits else ():
                for tie, value in hits:
                    if f" {value} " in block.spelled and self._only_there(value, index):
                        agreed = speaks_of(what, block.stems) and (tie == "value" or not self._elsewhere(index, block))
                        agreed |= addressed(value) and not what.acts.isdisjoint(_GIVING)
                        return Origin(index, block, tie, field, value, agreed=agreed)
        if what.manner == "read":
            return None
        for field, spelled in arguments:
            values = particulars(spelled.partition("|")[0].split())
            for earlier, block in self._latest if values else ():
                found = self._found_tokens(earlier)
                for value in values:
                    if value in found and self._only_there(value, index):
                        return Origin(index, block, "lookup", field, value, agreed=speaks_of(what, block.stems))
        own = set().union(*(stems(spelled) for _, spelled in arguments))
        for block in blocks:
            shared = own & block.stems
            if len(shared) < _MIN_WORDS:
                continue
            fresh = own - self.said_stems(index)
            shared &= fresh
            if len(shared) >= _MIN_WORDS and 2 * len(shared) >= len(fresh):
                return Origin(index, block, "words", "arguments", " ".join(sorted(shared)[:8]))
        return self._unasked(index, what, blocks, arguments)

    def finished(self, origin: Origin) -> Origin:
        """Add how the call ended; a call that waited for verification is done once a later one verified it."""
        step = self.steps[origin.sink]
        how = outcome(step.result, step.error)
        if how == "pending":
            words = {stem(word) for word in split_name(step.tool or "")}
            for index in range(origin.sink + 1, min(origin.sink + MAX_WAIT, len(self.steps))):
                if self.steps[index].tool == step.tool:
                    break  # a second try takes the place of the first
                if self._verifies(index, words):
                    how = "done"
                    break
        what = deed(step.tool or "")
        only_looks = what.manner == "read" or what.acts == _LOOKING
        agreed = origin.agreed and not only_looks and not self._moves_nothing(origin.sink)
        return origin._replace(outcome=how, agreed=agreed)

    def _verifies(self, index: int, words: set[str]) -> bool:
        """Tell whether a call completed one that waited for it, and says so in words of that tool's name."""
        step = self.steps[index]
        if (
            step.tool is None
            or deed(step.tool).acts.isdisjoint(_VERIFYING)
            or outcome(step.result, step.error) != "done"
        ):
            return False
        own = {stem(word) for word in split_name(step.tool)}
        return not (words - own).isdisjoint(stems(" ".join(self._found_tokens(index))))

    def _found_tokens(self, index: int) -> set[str]:
        """Return the tokens of what a call brought back."""
        known = self._brought.get(index)
        if known is None:
            texts = (_bounded(leaf.text) for leaf in leaves(self.steps[index].result, "result"))
            known = self._brought[index] = set(canonical(" \n ".join(texts)).split())
        return known

    def _unasked(self, index: int, what: Deed, blocks: list[Block], arguments: list[tuple[str, str]]) -> Origin | None:
        """Tie a call to a block by its act, where nothing particular in its arguments speaks for another origin."""
        if all(self._elsewhere(index, block) for block in blocks):
            return None
        spoken = [block for block in blocks if speaks_of(what, block.stems) and named_in(what, block.stems)]
        for field, spelled in arguments:
            whole = spelled.strip()
            if whole and len(whole) <= _MAX_WHOLE and whole not in ("true", "false"):
                block = next((block for block in spoken if spelled in block.spelled), None)
                if block is not None and not self.said(whole, index):
                    return Origin(index, block, "order", field, whole, agreed=True)
        if not arguments and what.acts and spoken and self.steps[index].tool not in self._tools_before:
            said = self.said_stems(index)
            if not asked(what, said) and not (what.things and names(what, said)):
                return Origin(index, spoken[0], "action", "tool", str(self.steps[index].tool))
        return None

    def _elsewhere(self, index: int, block: Block) -> bool:
        """Tell whether a call's arguments name addresses or accounts, and none of them is in the block."""
        tokens = [token for _, spelled in self.arguments(index) for token in spelled.split() if addressed(token)]
        return bool(tokens) and all(f" {token} " not in block.spelled for token in tokens)

    def _moves_nothing(self, index: int) -> bool:
        """Tell whether a call names an amount and it is zero, or has a body and it is empty."""
        arguments = self.steps[index].arguments
        if isinstance(arguments, dict) and any(arguments.get(body) == "" for body in _BODIES):
            return True
        amounts = [spelled for field, spelled in self.arguments(index) if field.rpartition(".")[2].lower() in _AMOUNTS]
        return bool(amounts) and all(spelled.strip() and not spelled.strip(" 0.") for spelled in amounts)

    def arguments(self, index: int) -> list[tuple[str, str]]:
        """Return the texts of a call's arguments: the name of each and how it is spelled canonically."""
        found = self._arguments.get(index)
        if found is None:
            texts = leaves(self.steps[index].arguments, "arguments")
            found = self._arguments[index] = [(leaf.field, canonical(_bounded(leaf.text))) for leaf in texts]
        return found

    def said(self, value: str, index: int) -> bool:
        """Tell whether the user or the system said this before an event."""
        return any(self.steps[at].tool is None for at in self.having(value, index))

    def having(self, value: str, index: int) -> list[int]:
        """Return the events before `index` that say this outside blocks, in order."""
        while len(self._occurrences.texts) < index:
            text = self._ordinary(len(self._occurrences.texts))
            self.scanned += len(text)
            self._occurrences.add(text)
        events = self._occurrences.having(value)
        self.truncated |= self._occurrences.exhausted
        return events[: bisect.bisect_left(events, index)]

    def _only_there(self, value: str, index: int) -> bool:
        """Tell whether no one but a block has said this value before the call."""
        return not self.having(value, index) and not self._occurrences.exhausted

    def says(self, index: int) -> str:
        """Return what an event that `having` named says outside blocks, spelled canonically."""
        return self._occurrences.texts[index]

    def words_known(self, index: int) -> Container[str]:
        """Return the tokens that the events before `index` say outside blocks; it may hold later ones."""
        self.having("", index)
        return self._occurrences.tokens

    def results(self) -> dict[int, list[str]]:
        """Return the texts of every result that stand outside instruction blocks, by event in order."""
        return {event: [text for _, text in self.outside(event)] for event in self._outside}

    def _ordinary(self, index: int) -> str:
        step = self.steps[index]
        parts: list[str] = []
        if step.tool is None and (said := step.said):
            parts.append(_bounded(said))
        if step.tool is not None and index <= self._first:
            parts += [_bounded(leaf.text) for leaf in leaves(step.arguments, "arguments")]
        for leaf, spans in self._outside.get(index, ()) if index not in self._led else ():
            parts += _around(leaf.text, spans)
        return canonical(" \n ".join(parts)) if parts else ""

    def user_turns(self, index: int) -> list[int]:
        """Return the events before `index` in which the user speaks."""
        return self._by_user[: bisect.bisect_left(self._by_user, index)]

    def said_stems(self, index: int) -> set[str]:
        """Return the stems of what the user said before an event."""
        turns = self.user_turns(index)
        while len(self._said_stems) <= len(turns):
            words = stems(canonical(_bounded(self.steps[turns[len(self._said_stems) - 1]].said or "")))
            last = self._said_stems[-1]
            self._said_stems.append(last if words <= last else last | words)
        return self._said_stems[len(turns)]


def _event(block: Block) -> int:
    return block.event


def _bounded(text: str) -> str:
    return " \n ".join(part for _, part in pieces(text))


def _around(text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    end = 0
    for start, stop in spans:
        yield text[end:start]
        end = max(end, stop)
    yield _bounded(text[end:])


def runs(tokens: list[str]) -> Iterator[str]:
    """Yield every run of a few tokens, at most MAX_RUNS."""
    for at in range(min(len(tokens) - _PHRASE + 1, MAX_RUNS)):
        yield " ".join(tokens[at : at + _PHRASE])


def particulars(tokens: list[str]) -> list[str]:
    """Return the particular ones of some tokens, each once, and the hosts in them."""
    values: list[str] = []
    for token in dict.fromkeys([token for token in tokens if not token.isalpha()]):
        if particular(token):
            name = host(token)
            values += [token, name] if name else [token]
    return values


def candidates(spelled: str, tokens: Container[str], known: Container[str] = ()) -> list[tuple[Tie, str]]:
    """Return what an argument, canonical, may share with texts of these tokens and these runs of tokens.

    Particular tokens and hosts are certain; of a whole argument all tokens are known, so it is to be looked for.
    """
    own = spelled.partition("|")[0].split()
    found: list[tuple[Tie, str]] = []
    found += [("value", value) for value in particulars(own) if value in tokens]
    if 2 <= len(own) <= _MAX_PHRASE:
        whole = " ".join(own)
        if len(whole) >= 6 and any(map(str.isalpha, whole)) and all(token in tokens for token in own):
            found.append(("phrase", whole))
    if len(own) > _PHRASE and known:
        found += [("phrase", run) for run in runs(own) if run in known][:1]
    return found
