"""Find calls that carry out a sentence of a result: orders that no cue gives away.

A sentence counts where it orders what the tool does, an argument of the call occurs in no other sentence the agent
saw, the user neither said that argument nor asked for such a deed, and did not hand the say over to what is read.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterator

import re2

from spanwarden.detectors.actions import Deed, deed, may_order, named_in, names, orders, widened
from spanwarden.detectors.nearness import ResultText
from spanwarden.detectors.provenance import Block, Origin, Provenance, candidates
from spanwarden.detectors.scanning import options
from spanwarden.detectors.texts import MAX_TEXT
from spanwarden.detectors.wording import canonical, particular, stem, stems
from spanwarden.detectors.words import word_set

MAX_SENTENCES = 4_000
MAX_CHECKS = 400
MAX_SEARCHED = 4_000_000
"""Characters of results that are searched for values one by one; beyond, everything is indexed."""
MAX_SOURCES = 8
MAX_PLACES = 32
_STOPS = (b".", b"!", b"?")
MAX_TURNS = 200
_MAX_SMALL = 24

_BEFORE = 300
_AFTER = 600
"""Characters around a value in which its sentence is looked for."""
_END = re2.compile(
    rb"[.!?]+[\"')\]]*\s+|\n\s*\n|\n\s*[-*] |\n\s*[\w ]{1,24}: |"
    rb"[\"']\s*[,:]\s*[\"'{\[]|[{}]|</?\w[^>]{0,600}>|-{5,}|={5,}",
    options(),
)
_PROSE = word_set(
    """
    the a an to and with for of from on in my your our all this that is by please it be as at i you he
    she
    """
)
_URGENT_LABELS = word_set("todo task important urgent note attention instruction instructions action please")
"""What may stand before the colon of an order; any other single word there is the name of a field."""
_HANDING_OVER = frozenset(
    stem(word)
    for word in word_set(
        """
    instruction follow request describe ask say tell according whatever task todo steps recommend help
    respond handle mention suggest checklist
    """
    )
)
_ANSWERS = word_set("tell describe recommend suggest mention help")
_TO_ME = word_set("me us")
_IT = word_set("it this that one them these those")


class Sentence:
    """A sentence of a result: its own words and, when asked for, their canonical spelling."""

    def __init__(self, event: int, field: str, text: str) -> None:
        self.event = event
        self.field = field
        self.text = text

    @functools.cached_property
    def spelled(self) -> str:
        """Return the canonical spelling."""
        label, colon, rest = self.text.partition(":")
        named = colon and label.strip().isalpha() and label.strip().lower() not in _URGENT_LABELS
        return canonical(rest if named else self.text)


def echoes(known: Provenance) -> list[Origin]:
    """Return the calls that carry out a sentence of an earlier result, in order. Linear in the run's text."""
    results = known.results()
    if not results:
        return []
    first = next(iter(results))
    search: _Search | None = None
    tied = {origin.sink for origin in known.origins()}
    found = []
    for index, step in enumerate(known.steps):
        if index <= first or step.tool is None or index in tied:
            continue
        what = deed(step.tool)
        if what.acts:  # a deed without a verb cannot be ordered
            search = search or _Search(known, results)
            wide = widened(what)
            origin = search.source_of(index, what) or (search.source_of(index, wide) if wide != what else None)
            if origin is not None:
                found.append(known.finished(origin))
    return found


class _Search:
    """The sentences of one run, taken apart where a call needs them."""

    def __init__(self, known: Provenance, results: dict[int, list[str]]) -> None:
        self.known = known
        self._sentences: dict[int, list[Sentence]] = {}
        self._orders: dict[tuple[Deed, int], bool] = {}
        self._ordered: dict[tuple[int, str, Deed], Sentence | None] = {}
        self._checks = MAX_CHECKS
        self._unread = iter(results.items())
        self._next = next(self._unread, None)
        self._texts: list[tuple[int, ResultText]] = []
        self._together = ""
        self._size = 0
        self._left = MAX_SEARCHED

    def source_of(self, index: int, what: Deed) -> Origin | None:
        """Return the sentence that a call carries out, None where there is none."""
        for field, value in self._shared(index, what):
            if not self._maybe_ordered(index, value, what):
                continue
            sources = self.known.having(value, index)
            if not sources or self.known.said(value, index):
                continue
            for source in sources[:MAX_SOURCES]:
                self._checks -= 1
                if self._checks <= 0:
                    return None
                if not self.known.any_block(source) and self._user_orders(index, what):
                    continue
                sentence = self._ordering(source, value, what)
                if sentence is None or not self._alone(sentence, value, sources):
                    continue
                weak = self.known.weak_block(source, sentence.text)
                if weak or not self._user_orders(index, what):
                    families = weak.families if weak else ()
                    block = Block(source, sentence.field, sentence.text, sentence.spelled, set(), families, 0)
                    return Origin(index, block, "echo", field, value)
        return None

    def _shared(self, index: int, what: Deed) -> Iterator[tuple[str, str]]:
        """Yield the arguments of a call that a result before it may contain: where, and what."""
        tokens: Container[str] = _Read(self, index)
        for field, spelled in self.known.arguments(index):
            for _, value in candidates(spelled, tokens):
                yield field, value
        for field, spelled in self.known.arguments(index) if what.things else ():
            if 0 < len(spelled.strip()) <= _MAX_SMALL and spelled.strip() in tokens:
                yield field, spelled.strip()

    def read(self, index: int) -> list[tuple[int, ResultText]] | None:
        """Return the texts of the results before an event, to be searched once; None where that has become too much."""
        if self._next is not None and self._next[0] < index:
            while self._next is not None and self._next[0] < index:
                event, texts = self._next
                for text in texts:
                    self._size += len(text)
                    self._texts.append((event, ResultText(text)))
                self._next = next(self._unread, None)
            self._together = "\n".join([text.folded for _, text in self._texts])
        self._left -= self._size
        return self._texts if self._left > 0 else None

    def has(self, word: str, index: int) -> bool | None:
        """Tell whether a result before an event may have a token; None where searching has become too much."""
        return None if self.read(index) is None else word in self._together

    def _maybe_ordered(self, index: int, value: str, what: Deed) -> bool:
        """Tell whether a sentence of a result may have a value and order the deed. No other events are looked at."""
        texts = self.read(index)
        if texts is None:
            return True
        word = _longest(value)
        near = dict.fromkeys([event for event, text in texts if text.near(word, what.acts)])
        return any(self._ordering(event, value, what) is not None for event in near)

    def _user_orders(self, index: int, what: Deed) -> bool:
        """Tell whether the user ordered such a deed, or told the agent to do what something says."""
        turns = self.known.user_turns(index)
        key = (what, len(turns))
        if key not in self._orders:
            self._orders[key] = any(
                _hands_over(tokens) or (orders(what, tokens) and _means(what, tokens))
                for turn in turns[-MAX_TURNS:]
                for sentence in self._said(turn)
                for tokens in (_asking(sentence.spelled.partition("|")[0].split()),)
            )
        return self._orders[key]

    def _said(self, index: int) -> list[Sentence]:
        """Return the sentences of something the user said."""
        known = self._sentences.get(index)
        if known is None:
            text = (self.known.steps[index].said or "")[:MAX_TEXT]
            known = self._sentences[index] = list(_sentences(index, "text", text))
        return known

    def _around(self, index: int, word: str) -> Iterator[Sentence]:
        """Yield the sentences of a result that stand around a word."""
        for field, text in self.known.outside(index):
            lowered = text.lower()
            at = lowered.find(word)
            while at >= 0:
                start, end = _borders(text, at, at + len(word))
                yield Sentence(index, field, text[start:end])
                at = lowered.find(word, max(end, at + len(word)))

    def _ordering(self, source: int, value: str, what: Deed) -> Sentence | None:
        """Return the sentence of a result that has this value, None where one of them does not order the deed."""
        key = (source, value, what)
        if key not in self._ordered:
            self._ordered[key] = self._ordering_one(source, value, what)
        return self._ordered[key]

    def _ordering_one(self, source: int, value: str, what: Deed) -> Sentence | None:
        token = f" {value} "
        word = _longest(value)
        small = not particular(value) and " " not in value
        first: Sentence | None = None
        for _, sentence in zip(range(MAX_PLACES), self._around(source, word), strict=False):
            if token not in sentence.spelled:
                continue
            tokens = sentence.spelled.partition("|")[0].split()
            prose = sum(word in _PROSE for word in tokens) >= 2
            if prose and orders(what, tokens) and (not small or named_in(what, stems(sentence.spelled))):
                first = first or sentence
            elif not small:
                return None
        return first

    def _alone(self, sentence: Sentence, value: str, events: list[int]) -> bool:
        """Tell whether a particular value occurs, of all events that have it, only where that very sentence does."""
        if not particular(value) and " " not in value:
            return True
        words = sentence.spelled.partition("|")[0].strip()
        return all(words in self.known.says(event) for event in events)


def _asking(tokens: list[str]) -> list[str]:
    """Return the tokens of a sentence of the user without "tell me" and the like, which ask for an answer."""
    return [
        token
        for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False)
        if not (token in _ANSWERS and after in _TO_ME and (not before or may_order(before)))
    ]


def _hands_over(tokens: list[str]) -> bool:
    """Tell whether a sentence of the user leaves it to others what is done: "do what the mail says".

    "The following tasks" are the user's own.
    """
    return any(
        stem(token) in _HANDING_OVER and "following" not in (before, token)
        for before, token in zip(["", *tokens], tokens, strict=False)
    )


def _means(what: Deed, tokens: list[str]) -> bool:
    """Tell whether an order of the user is about what the deed is done to, by a name of it or as "it"."""
    return not what.things or not _IT.isdisjoint(tokens) or names(what, {stem(token) for token in tokens})


class _Read:
    """Tells of a token whether a result before an event may have it."""

    def __init__(self, search: _Search, index: int) -> None:
        self._search = search
        self._index = index

    def __contains__(self, token: object) -> bool:
        found = self._search.has(token, self._index) if isinstance(token, str) else None
        return token in self._search.known.words_known(self._index) if found is None else found


def _longest(value: str) -> str:
    return max(value.split(), key=len)[:16]


def _borders(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the sentence around a part of a text begins and ends, as far as it is looked for."""
    first = max(0, start - _BEFORE)
    data = _plain(text[first : end + _AFTER])
    begin = 0
    for close, after in _ends(data, 0, start - first):
        if close <= start - first:
            begin = min(after, start - first)
    stop = next((close for close, _ in _ends(data, end - first, len(data))), len(data))
    return first + begin, first + stop


def _ends(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where sentences end and the next ones begin; a full stop before a small letter ends none."""
    for match in _END.finditer(data, start, stop):
        close, after = match.span()
        if data[close : close + 1] not in _STOPS or not data[after : after + 1].islower():
            yield close, after


def _plain(text: str) -> bytes:
    data = text.encode("ascii", "replace")
    return data.replace(b"\\n", b" \n") if b"\\" in data else data


def _sentences(event: int, field: str, text: str) -> Iterator[Sentence]:
    data = _plain(text)
    begin = 0
    for _, (close, after) in zip(range(MAX_SENTENCES), _ends(data, 0, len(data)), strict=False):
        if text[begin:close].strip():
            yield Sentence(event, field, text[begin:close])
        begin = after
    if text[begin:].strip():
        yield Sentence(event, field, text[begin:])
